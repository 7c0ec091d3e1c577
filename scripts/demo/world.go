package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const (
	region          = "eu-west-1"
	customerAccount = "111122223333"
	strangerAccount = "999988887777"
)

// world is a local cloud with three accounts in it: the customer's, DoiT's and
// a stranger's, and with DoiT's registration endpoint.
type world struct {
	cloud    *localcloud.Cloud
	endpoint *localcloud.Endpoint
	// endpointSide stands before the endpoint and keeps what came, as it came.
	endpointSide    *runtimeapi.Server
	registrationURL string
	client          *http.Client
	mailbox         *localcloud.Mailbox // of the customer
	dir             string
	zip             code.Zip
	valuables       valuables
	doitAccount     string

	// Who calls AWS: the customer's root, and a role of the customer's without any rights; a role of DoiT's, a user
	// and the root; a role of somebody else's.
	customer, bystander, engineer, doitUser, doitRoot, stranger aws.Config
}

// valuables are what a session must not get at.
type valuables struct{ bucket, object, secret, topic, api string }

// newWorld starts everything. Its close ends it, also after an error.
func newWorld(ctx context.Context, s *stage, t template.Template, progress io.Writer) (w *world, err error) {
	w = &world{doitAccount: t.DoiT["aws"].Account}
	if w.dir, err = os.MkdirTemp("", "demo-"); err != nil {
		return w, fmt.Errorf("make a folder for the demo: %w", err)
	}
	certificate, err := runtimeapi.NewCertificate(w.dir)
	if err != nil {
		return w, err
	}
	w.cloud, err = localcloud.Start(ctx, localcloud.Options{Progress: progress, Roots: certificate.File})
	if err != nil {
		return w, err
	}
	if err := w.makeCallers(ctx); err != nil {
		return w, err
	}
	if err := errors.Join(w.publish(ctx, t), w.fillAccount(ctx), w.listen(ctx, certificate)); err != nil {
		return w, err
	}
	s.act("On this machine: an AWS emulator that enforces IAM (MiniStack), and DoiT's reference endpoint")
	for _, account := range []struct {
		voice        style
		number, note string
	}{
		{voice: customer, number: customerAccount, note: "with data, a secret and an API key to lose"},
		{voice: doit, number: w.doitAccount, note: "with roles of an engineer and the endpoint"},
		{voice: plain, number: strangerAccount, note: "a stranger's"},
	} {
		s.say(account.voice, span{plain, "account " + account.number + ", "}, span{faint, account.note})
	}
	return w, nil
}

func (w *world) makeCallers(ctx context.Context) error {
	w.customer, w.doitRoot = w.cloud.Root(customerAccount, region), w.cloud.Root(w.doitAccount, region)
	user, err := w.cloud.User(ctx, w.doitAccount, "somebody", "sts:AssumeRole")
	if err != nil {
		return err
	}
	w.doitUser = w.cloud.Config(region, user)
	for _, role := range []struct {
		as                     *aws.Config
		account, name, session string
		may                    string
	}{
		{as: &w.engineer, account: w.doitAccount, name: "support-engineer", session: "jane", may: "sts:AssumeRole"},
		{as: &w.stranger, account: strangerAccount, name: "stranger", session: "mallory", may: "sts:AssumeRole"},
		{as: &w.bystander, account: customerAccount, name: "bystander", session: "rob", may: "sts:GetCallerIdentity"},
	} {
		session, err := w.cloud.Session(ctx, role.account, role.name, role.session, role.may)
		if err != nil {
			return err
		}
		*role.as = w.cloud.Config(region, session)
	}
	return nil
}

// listen starts the endpoint, and before it a server that keeps each request
// and passes it on untouched.
func (w *world) listen(ctx context.Context, certificate *runtimeapi.Certificate) error {
	trusting := &tls.Config{RootCAs: certificate.Pool(), MinVersion: tls.VersionTLS12}
	transport := &http.Transport{TLSClientConfig: trusting}
	w.client = &http.Client{Transport: transport, Timeout: 30 * time.Second}

	var behind *url.URL
	var err error
	w.endpointSide, err = certificate.Serve(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.Out.Host = r.In.Host
		},
	})
	if err != nil {
		return err
	}
	as, err := w.cloud.Session(ctx, w.doitAccount, "registration-endpoint", "registration", "sts:AssumeRole")
	if err != nil {
		return err
	}
	w.endpoint, err = w.cloud.StartEndpoint(ctx, as, certificate.File, certificate.KeyFile,
		"-audience", w.endpointSide.Host, "-tickets", ticket+"@"+customerAccount)
	if err != nil {
		return err
	}
	w.registrationURL = "https://" + w.endpointSide.Host + "/v1/registrations"
	behind, err = url.Parse(w.endpoint.URL)
	return err
}

// publish puts the function's zip where the template says that it is.
func (w *world) publish(ctx context.Context, t template.Template) error {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	if w.zip, err = code.Build(ctx, root); err != nil {
		return err
	}
	return localcloud.PublishCode(ctx, w.customer, t, w.zip.Bytes)
}

// fillAccount gives the customer something to lose: a topic, which SNS opens to
// every role of its account from birth, an object and a secret with a policy of
// their own that does the same, and an API key.
func (w *world) fillAccount(ctx context.Context) error {
	w.valuables = valuables{bucket: "customer-data", object: "payroll.csv", secret: "database-password"}
	client := sns.NewFromConfig(w.customer)
	topic, err := client.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("orders")})
	if err != nil {
		return fmt.Errorf("make the customer's topic: %w", err)
	}
	w.valuables.topic = aws.ToString(topic.TopicArn)
	// SNS's own policy says as much by AWS:SourceOwner, of which the emulator does not know.
	if _, err := client.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{
		TopicArn: topic.TopicArn, AttributeName: aws.String("Policy"),
		AttributeValue: open("sns:Publish", w.valuables.topic),
	}); err != nil {
		return fmt.Errorf("open the customer's topic: %w", err)
	}
	return errors.Join(w.makeObject(ctx), w.makeSecret(ctx), w.makeAPI(ctx))
}

func (w *world) makeObject(ctx context.Context) error {
	client, bucket := s3.NewFromConfig(w.customer), &w.valuables.bucket
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region},
	}); err != nil {
		return fmt.Errorf("make the customer's bucket: %w", err)
	}
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: &w.valuables.object, Body: strings.NewReader("name,salary\n"),
	}); err != nil {
		return fmt.Errorf("put an object into the customer's bucket: %w", err)
	}
	if _, err := client.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{
		Bucket: bucket, Policy: open("s3:GetObject", "arn:aws:s3:::"+*bucket+"/*"),
	}); err != nil {
		return fmt.Errorf("open the customer's bucket: %w", err)
	}
	return nil
}

func (w *world) makeSecret(ctx context.Context) error {
	client, name := secretsmanager.NewFromConfig(w.customer), &w.valuables.secret
	if _, err := client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: name, SecretString: aws.String("correct horse"),
	}); err != nil {
		return fmt.Errorf("make the customer's secret: %w", err)
	}
	if _, err := client.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{
		SecretId: name, ResourcePolicy: open("secretsmanager:GetSecretValue", "*"),
	}); err != nil {
		return fmt.Errorf("open the customer's secret: %w", err)
	}
	return nil
}

func (w *world) makeAPI(ctx context.Context) error {
	text, err := appSync(ctx, w.customer, http.MethodPost, "/v1/apis", `{"name":"shop","authenticationType":"API_KEY"}`)
	if err != nil {
		return err
	}
	var made struct {
		GraphqlAPI struct {
			APIID string `json:"apiId"`
		} `json:"graphqlApi"`
	}
	if err := json.Unmarshal(text, &made); err != nil {
		return fmt.Errorf("make the customer's API: %w", err)
	}
	w.valuables.api = made.GraphqlAPI.APIID
	_, err = appSync(ctx, w.customer, http.MethodPost, "/v1/apis/"+w.valuables.api+"/apikeys", "{}")
	return err
}

// open is a resource's policy that lets every role of the customer's account do one thing.
func open(action, resource string) *string {
	return aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*",` +
		`"Action":"` + action + `","Resource":"` + resource + `",` +
		`"Condition":{"StringEquals":{"aws:PrincipalAccount":"` + customerAccount + `"}}}}`)
}

// row is the stack's one registration.
func (w *world) row(ctx context.Context, stackID string) (localcloud.Registration, error) {
	rows, err := w.endpoint.Registrations(ctx)
	if err != nil {
		return localcloud.Registration{}, err
	}
	at := slices.IndexFunc(rows, func(row localcloud.Registration) bool { return row.StackID == stackID })
	if at < 0 {
		return localcloud.Registration{}, fmt.Errorf("the endpoint knows no registration of stack %s", stackID)
	}
	return rows[at], nil
}

// close ends whatever was started.
func (w *world) close() {
	if w.cloud != nil {
		w.cloud.Stop()
	}
	if w.mailbox != nil {
		w.mailbox.Close()
	}
	if w.endpointSide != nil {
		w.endpointSide.Close()
	}
	_ = os.RemoveAll(w.dir) // a scratch folder under the system's
}
