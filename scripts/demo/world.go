package main

import (
	"bytes"
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
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const (
	customerAccount = "111122223333"
	strangerAccount = "999988887777"
)

// world is a local cloud with three accounts in it: the customer's, DoiT's and
// a stranger's, and with DoiT's registration endpoint.
type world struct {
	cloud    *localcloud.Cloud
	endpoint *localcloud.Endpoint
	// endpointSide stands before the endpoint and keeps what came, as it came.
	endpointSide *runtimeapi.Server
	client       *http.Client
	dir, region  string
	zip          code.Zip
	valuables    valuables

	doitUser, doitRoot, stranger aws.Config
}

// newWorld starts everything. Its close ends it, also after an error.
func newWorld(ctx context.Context, g *grant, region string, progress io.Writer) (w *world, err error) {
	w = &world{region: region}
	if w.dir, err = os.MkdirTemp("", "demo-"); err != nil {
		return w, fmt.Errorf("make a folder for the demo: %w", err)
	}
	certificate, err := runtimeapi.NewCertificate(w.dir)
	if err != nil {
		return w, err
	}
	if w.cloud, err = localcloud.Start(ctx, localcloud.Options{Progress: progress, Roots: certificate.File}); err != nil {
		return w, err
	}
	doitAccount := g.template.DoiT["aws"].Account
	engineer, err := w.cloud.Session(ctx, doitAccount, "support-engineer", "jane", "sts:AssumeRole")
	if err != nil {
		return w, err
	}
	user, err := w.cloud.User(ctx, doitAccount, "somebody", "sts:AssumeRole")
	if err != nil {
		return w, err
	}
	stranger, err := w.cloud.Session(ctx, strangerAccount, "stranger", "mallory", "sts:AssumeRole")
	if err != nil {
		return w, err
	}
	asEngineer := w.cloud.Config(region, engineer)
	g.engineer, g.customer, g.account, g.world = &asEngineer, w.cloud.Root(customerAccount, region), customerAccount, w
	w.doitUser, w.doitRoot, w.stranger = w.cloud.Config(region, user), w.cloud.Root(doitAccount, region), w.cloud.Config(region, stranger)
	// Cold, the Go compiler has a minute's work with SQLite.
	slow := time.AfterFunc(2*time.Second, func() {
		_, _ = fmt.Fprintln(progress, "building the function and the reference endpoint") // a courtesy
	})
	defer slow.Stop()
	if err := errors.Join(w.publish(ctx, g.template), w.fillAccount(ctx, g.customer), w.listen(ctx, doitAccount, certificate, g.ticket)); err != nil {
		return w, err
	}
	g.endpoint = "https://" + w.endpointSide.Host + "/v1/registrations"
	g.act("On this machine: an AWS emulator that enforces IAM (MiniStack), and DoiT's reference endpoint")
	for _, account := range []struct {
		voice        style
		number, note string
	}{
		{customer, customerAccount, "with an object, a secret and an API key to lose"},
		{doit, doitAccount, "with an engineer's role, and the endpoint's"},
		{plain, strangerAccount, "a stranger's"},
	} {
		g.say(account.voice, span{plain, "account " + account.number + ", "}, span{faint, account.note})
	}
	return w, nil
}

// listen starts the endpoint, and before it a server that keeps each request
// and passes it on untouched.
func (w *world) listen(ctx context.Context, doitAccount string, certificate *runtimeapi.Certificate, ticket string) error {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: certificate.Pool(), MinVersion: tls.VersionTLS12}}
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
	as, err := w.cloud.Session(ctx, doitAccount, "registration-endpoint", "registration", "sts:AssumeRole")
	if err != nil {
		return err
	}
	w.endpoint, err = w.cloud.StartEndpoint(ctx, as, certificate.File, certificate.KeyFile,
		"-audience", w.endpointSide.Host, "-tickets", ticket+"@"+customerAccount)
	if err != nil {
		return err
	}
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
	return localcloud.PublishCode(ctx, w.cloud.Root(customerAccount, w.region), t, w.zip.Bytes)
}

// fillAccount gives the customer something to lose: an object and a secret,
// each with a policy of its own that opens it to every role of the account, and
// an API key.
func (w *world) fillAccount(ctx context.Context, as aws.Config) error {
	w.valuables = valuables{bucket: "customer-data", object: "payroll.csv", secret: "database-password", open: " that its own policy opens to everybody here"}
	client, bucket := s3.NewFromConfig(as), &w.valuables.bucket
	if err := w.makeBucket(ctx, client, *bucket); err != nil {
		return err
	}
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &w.valuables.object, Body: bytes.NewReader([]byte("name,salary\n"))}); err != nil {
		return fmt.Errorf("put an object into the customer's bucket: %w", err)
	}
	if _, err := client.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: bucket, Policy: open("s3:GetObject", "arn:aws:s3:::"+*bucket+"/*")}); err != nil {
		return fmt.Errorf("open the customer's bucket: %w", err)
	}
	secrets := secretsmanager.NewFromConfig(as)
	if _, err := secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &w.valuables.secret, SecretString: aws.String("correct horse")}); err != nil {
		return fmt.Errorf("make the customer's secret: %w", err)
	}
	if _, err := secrets.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{
		SecretId: &w.valuables.secret, ResourcePolicy: open("secretsmanager:GetSecretValue", "*"),
	}); err != nil {
		return fmt.Errorf("open the customer's secret: %w", err)
	}
	return w.makeAPI(ctx, as)
}

func (w *world) makeAPI(ctx context.Context, as aws.Config) error {
	text, err := appSync(ctx, as, http.MethodPost, "/v1/apis", `{"name":"shop","authenticationType":"API_KEY"}`)
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
	_, err = appSync(ctx, as, http.MethodPost, "/v1/apis/"+w.valuables.api+"/apikeys", "{}")
	return err
}

func (w *world) makeBucket(ctx context.Context, client *s3.Client, name string) error {
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(w.region)},
	})
	if err != nil {
		return fmt.Errorf("make the bucket %s: %w", name, err)
	}
	return nil
}

// open is a resource's policy that lets every role of the customer's account do one thing.
func open(action, resource string) *string {
	return aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"` + action + `","Resource":"` + resource +
		`","Condition":{"StringEquals":{"aws:PrincipalAccount":"` + customerAccount + `"}}}}`)
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
	if w.endpointSide != nil {
		w.endpointSide.Close()
	}
	_ = os.RemoveAll(w.dir) // a scratch folder under the system's
}
