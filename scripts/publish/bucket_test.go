package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"go.yaml.in/yaml/v3"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// What is tried here is what the emulator enforces: it takes a request for one
// over TLS when a proxy says so, and asks a bucket's policy. It does not know
// s3:if-none-match, s3:ObjectCreationOperation and s3:authType. That S3 has
// these three for s3:PutObject is in the Service Authorization Reference; what
// they hold, in its User Guide ("Enforce conditional writes") and API Reference
// ("Signature Version 4 Authentication Specific Policy Keys"). Only a real
// bucket shows it.

// launched is a region with template/release.yaml in it. (The emulator's
// conditions do not know AWS::Region.)
func launched(t *testing.T, cloud *localcloud.Cloud, region string) (delete func()) {
	t.Helper()
	client := cloudformation.NewFromConfig(cloud.Root(operator, region))
	body, err := repo.ReadFile("template/release.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const condition = "Templates: !Equals [!Ref AWS::Region, us-east-1]"
	if strings.Count(string(body), condition) != 1 {
		t.Fatalf("release.yaml lacks %q", condition)
	}
	body = []byte(strings.Replace(string(body), condition, "Templates: !Equals ["+region+", us-east-1]", 1))
	stack := &cloudformation.DescribeStacksInput{StackName: aws.String("release")}
	if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: stack.StackName, TemplateBody: aws.String(string(body)),
	}); err != nil {
		t.Fatal(err)
	}
	created := cloudformation.NewStackCreateCompleteWaiter(client)
	if err := created.Wait(t.Context(), stack, time.Minute, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 200*time.Millisecond
	}); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		_, err := client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: stack.StackName})
		if err != nil {
			t.Fatal(err)
		}
		gone := cloudformation.NewStackDeleteCompleteWaiter(client)
		if err := gone.Wait(t.Context(), stack, time.Minute, func(o *cloudformation.StackDeleteCompleteWaiterOptions) {
			o.MinDelay, o.MaxDelay = 20*time.Millisecond, 200*time.Millisecond
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// publisher may do everything in the operator's account, as far as the buckets'
// policies say, which the emulator's root may ignore: over TLS and without.
func publisher(t *testing.T, cloud *localcloud.Cloud, region string) (tls, plain store) {
	t.Helper()
	user, err := cloud.User(t.Context(), operator, "publisher", "*")
	if err != nil {
		t.Fatal(err)
	}
	plain = store{t, cloud.Config(region, user)}
	tls, _ = watched(t, cloud, "https")
	tls.as.Credentials = plain.as.Credentials
	return tls, plain
}

// anybody reads without credentials.
func (s store) anybody(path string) (status int) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, *s.as.BaseEndpoint+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		s.t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode
}

func (s store) versioned(bucket, region string) {
	s.t.Helper()
	if _, err := s.client(region).PutBucketVersioning(s.t.Context(), &s3.PutBucketVersioningInput{
		Bucket:                  &bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		s.t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }

func denied(err error) bool {
	answer, ok := errors.AsType[smithy.APIError](err)
	return ok &&
		(strings.Contains(answer.ErrorCode(), "AccessDenied") || strings.Contains(err.Error(), "StatusCode: 403"))
}

// keeps fails the test unless what is in the bucket stays as it is, whoever asks.
func (s store) keeps(o object) {
	s.t.Helper()
	ctx, client := s.t.Context(), s.client(o.region)
	expire := types.LifecycleRule{
		ID: aws.String("old"), Status: types.ExpirationStatusEnabled,
		Filter:     &types.LifecycleRuleFilter{Prefix: aws.String("")},
		Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)},
	}
	replicate := types.ReplicationRule{
		Status:      types.ReplicationRuleStatusEnabled,
		Destination: &types.Destination{Bucket: aws.String("arn:aws:s3:::elsewhere")},
	}
	encrypt := types.ServerSideEncryptionRule{
		ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
			SSEAlgorithm: types.ServerSideEncryptionAwsKms,
		},
	}
	for what, err := range map[string]error{
		"removes an object": second(client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &o.bucket, Key: &o.key})),
		"removes a version": second(client.DeleteObject(ctx, &s3.DeleteObjectInput{
			Bucket: &o.bucket, Key: &o.key, VersionId: aws.String("null"),
		})),
		"removes the bucket": second(client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &o.bucket})),
		"adds a lifecycle": second(client.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
			Bucket:                 &o.bucket,
			LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{expire}},
		})),
		"stops versioning": second(client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
			Bucket:                  &o.bucket,
			VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
		})),
		"adds a replication": second(client.PutBucketReplication(ctx, &s3.PutBucketReplicationInput{
			Bucket: &o.bucket,
			ReplicationConfiguration: &types.ReplicationConfiguration{
				Role: aws.String("arn:aws:iam::" + operator + ":role/r"), Rules: []types.ReplicationRule{replicate},
			},
		})),
		"blocks public reads": second(client.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
			Bucket: &o.bucket,
			PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
				RestrictPublicBuckets: aws.Bool(true),
			},
		})),
		"charges the readers": second(client.PutBucketRequestPayment(ctx, &s3.PutBucketRequestPaymentInput{
			Bucket:                      &o.bucket,
			RequestPaymentConfiguration: &types.RequestPaymentConfiguration{Payer: types.PayerRequester},
		})),
		"encrypts by another key": second(client.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
			Bucket: &o.bucket,
			ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
				Rules: []types.ServerSideEncryptionRule{encrypt},
			},
		})),
	} {
		if !denied(err) {
			s.t.Errorf("the publisher %s of %s: %v, want access denied", what, o.bucket, err)
		}
	}
	s.holds(o)
}

func TestTheCodeBucketKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	cloud := localcloud.StartT(t, "")
	deleteStack := launched(t, cloud, "eu-west-1")
	tls, plain := publisher(t, cloud, "eu-west-1")
	o := aRelease(t, "code", "1.0.0").code(doit, "eu-west-1")
	for n, want := range []bool{true, false} {
		if uploaded, err := put(t.Context(), tls.as, operator, o); err != nil || uploaded != want {
			t.Errorf("run %d: uploaded %t, %v", n+1, uploaded, err)
		}
	}
	tls.keeps(o)

	// Who may read, and how.
	if status := tls.anybody("/" + o.bucket + "/" + o.key); status != http.StatusOK {
		t.Errorf("a customer reads the code: status %d", status)
	}
	for what, status := range map[string]int{
		"the code without TLS": plain.anybody("/" + o.bucket + "/" + o.key),
		"the list of the keys": tls.anybody("/" + o.bucket + "?list-type=2"),
		"the policy":           tls.anybody("/" + o.bucket + "?policy"),
	} {
		if status != http.StatusForbidden {
			t.Errorf("anybody reads %s: status %d, want 403", what, status)
		}
	}
	plainBucket := plain.client(o.region)
	for what, err := range map[string]error{
		"writes": second(put(t.Context(), plain.as, operator, o)),
		"reads":  second(plainBucket.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &o.bucket})),
	} {
		if !denied(err) {
			t.Errorf("the publisher %s without TLS: %v, want access denied", what, err)
		}
	}
	tlsBucket := tls.client(o.region)
	if err := second(tlsBucket.PutObjectAcl(t.Context(), &s3.PutObjectAclInput{
		Bucket: &o.bucket, Key: &o.key, ACL: types.ObjectCannedACLPublicReadWrite,
	})); err == nil {
		t.Error("an object has an ACL")
	}

	// How it keeps what it has.
	versions, err := tlsBucket.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: &o.bucket})
	if err != nil || versions.Status != types.BucketVersioningStatusEnabled {
		t.Errorf("versioning is %+v, %v", versions, err)
	}
	encryption, err := tlsBucket.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: &o.bucket})
	if err != nil {
		t.Fatal(err)
	}
	by := encryption.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm
	if by != types.ServerSideEncryptionAes256 {
		t.Errorf("it encrypts by %s", by)
	}
	block, err := tlsBucket.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &o.bucket})
	if err != nil {
		t.Fatal(err)
	}
	if b := block.PublicAccessBlockConfiguration; !aws.ToBool(b.BlockPublicAcls) || !aws.ToBool(b.IgnorePublicAcls) {
		t.Errorf("the public access block is %+v", b)
	}

	// It outlives its stack.
	deleteStack()
	tls.holds(o)
	if status := tls.anybody("/" + o.bucket + "/" + o.key); status != http.StatusOK {
		t.Errorf("a customer reads the code after the stack is gone: status %d", status)
	}
}

// Nobody of another account replicates into the bucket, even though its policy
// lets him.
func TestNothingComesByReplication(t *testing.T) {
	t.Parallel()
	cloud := localcloud.StartT(t, "")
	launched(t, cloud, "eu-west-1")
	s, _ := watched(t, cloud, "https")
	destination := aws.String(doit.Bucket("eu-west-1"))
	got, err := s.client("eu-west-1").GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: destination})
	if err != nil {
		t.Fatal(err)
	}
	const stranger = "999999999999"
	role := "arn:aws:iam::" + stranger + ":role/replication"
	open := statement{
		"Effect": "Allow", "Principal": statement{"AWS": role},
		"Action": "s3:ReplicateObject", "Resource": "arn:aws:s3:::" + *destination + "/*",
	}
	source := store{t, cloud.Root(stranger, "eu-west-1")}
	source.make("source", "eu-west-1")
	source.versioned("source", "eu-west-1")
	if _, err := source.client("eu-west-1").PutBucketReplication(t.Context(), &s3.PutBucketReplicationInput{
		Bucket: aws.String("source"),
		ReplicationConfiguration: &types.ReplicationConfiguration{Role: &role, Rules: []types.ReplicationRule{{
			Status: types.ReplicationRuleStatusEnabled, Prefix: aws.String(""),
			Destination: &types.Destination{Bucket: aws.String("arn:aws:s3:::" + *destination)},
		}}},
	}); err != nil {
		t.Fatal(err)
	}
	// (The emulator replicates without TLS, so OnlyOverTLS has to go.)
	for _, without := range []string{"", "NothingComesByReplication"} {
		s.policy(*destination, "eu-west-1", changed(t, aws.ToString(got.Policy), func(p *policy) {
			p.Statement = append(p.Statement, open)
			p.remove("OnlyOverTLS")
			p.remove(without)
		}))
		source.write(object{bucket: "source", region: "eu-west-1", key: "k", body: []byte("other code")}, false)
		if keys := s.keys(*destination, "eu-west-1"); (len(keys) == 0) != (without == "") {
			t.Errorf("without the statement %q the bucket has %q", without, keys)
		}
	}
}

// In us-east-1 the stack protects the templates' bucket too.
func TestTheTemplatesBucketKeepsDigests(t *testing.T) {
	t.Parallel()
	cloud := localcloud.StartT(t, "")
	root := store{t, cloud.Root(operator, home)}
	root.make(template.Bucket, home)
	// Before the stack it has versions, and not the block on public policies of a new bucket.
	root.versioned(template.Bucket, home)
	if _, err := root.client(home).PutPublicAccessBlock(t.Context(), &s3.PutPublicAccessBlockInput{
		Bucket: aws.String(template.Bucket),
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: aws.Bool(true), IgnorePublicAcls: aws.Bool(true),
		},
	}); err != nil {
		t.Fatal(err)
	}
	launched(t, cloud, home)
	tls, plain := publisher(t, cloud, home)
	r := aRelease(t, "code", "1.0.0")
	for _, o := range r.files() {
		if _, err := put(t.Context(), tls.as, operator, o); err != nil {
			t.Error(err)
		}
		if status := tls.anybody("/" + o.bucket + "/" + o.key); status != http.StatusOK {
			t.Errorf("a customer reads %s: status %d", o, status)
		}
		if status := plain.anybody("/" + o.bucket + "/" + o.key); status != http.StatusForbidden {
			t.Errorf("anybody reads %s without TLS: status %d", o, status)
		}
	}
	tls.keeps(r.files()[0])

	// Which names NothingIsOverwritten is for: with a condition that the emulator always finds met, it denies them.
	asked := &s3.GetBucketPolicyInput{Bucket: aws.String(template.Bucket)}
	got, err := root.client(home).GetBucketPolicy(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	root.policy(template.Bucket, home, changed(t, aws.ToString(got.Policy), func(p *policy) {
		for _, s := range p.Statement {
			if s["Sid"] == "NothingIsOverwritten" {
				s["Condition"] = statement{"Null": statement{"s3:if-none-match": "true"}}
			}
		}
	}))
	digest := strings.Repeat("0123456789abcdef", 4)
	for key, mayChange := range map[string]bool{
		"doitmanagement.yaml":                   true,
		"doitmanagement/1.0.0.yaml":             true,
		"organization.yaml":                     true,
		"organization/2.10.3.yaml":              true,
		"launch.html":                           true,
		"doitmanagement/" + digest + ".yaml":    false,
		"organization/" + digest + ".yaml":      false,
		"launch/" + digest + ".html":            false,
		"doitmanagement/" + digest + ".yaml.gz": false,
		"launch/1.0.0.html":                     false,
		"release.yaml":                          false,
		"x/doitmanagement.yaml":                 false,
	} {
		_, err := tls.client(home).PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String(template.Bucket), Key: &key, Body: strings.NewReader("other"),
		})
		if changed := err == nil; changed != mayChange || !changed && !denied(err) {
			t.Errorf("%s may be replaced: %t, want %t (%v)", key, err == nil, mayChange, err)
		}
	}
}

// What the emulator does not enforce stands in the template as S3's documentation
// has it.
func TestTheTemplateAsksWhatTheEmulatorCannot(t *testing.T) {
	t.Parallel()
	body, err := repo.ReadFile("template/release.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"\n      BucketNamespace: account-regional\n",
		"\n      OwnershipControls: { Rules: [{ ObjectOwnership: BucketOwnerEnforced }] }\n",
	} {
		if strings.Count(string(body), line) != 1 {
			t.Errorf("the template lacks %q", line)
		}
	}
	var written struct {
		Resources map[string]struct {
			Properties struct {
				PolicyDocument policy `yaml:"PolicyDocument"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(body, &written); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"NothingIsOverwritten": "Deny * s3:PutObject map[Bool:map[s3:ObjectCreationOperation:true] " +
			"Null:map[s3:if-none-match:true]]",
		"NothingComesByForm": "Deny * s3:PutObject map[StringEquals:map[s3:authType:POST]]",
		"NothingIsRemoved": "Deny * [s3:DeleteObject s3:DeleteObjectVersion s3:DeleteBucket " +
			"s3:PutLifecycleConfiguration s3:PutBucketVersioning s3:PutBucketPublicAccessBlock " +
			"s3:PutEncryptionConfiguration s3:UpdateObjectEncryption s3:PutBucketRequestPayment] <nil>",
		"NothingComesByReplication": "Deny * [s3:ReplicateObject s3:ReplicateDelete " +
			"s3:PutReplicationConfiguration] <nil>",
	}
	for _, name := range []string{"CodeBucketPolicy", "TemplatesBucketPolicy"} {
		got := map[string]string{}
		for _, s := range written.Resources[name].Properties.PolicyDocument.Statement {
			sid := fmt.Sprint(s["Sid"])
			got[sid] = fmt.Sprint(s["Effect"], " ", s["Principal"], " ", s["Action"], " ", s["Condition"])
			resource, given := s["Resource"]
			all := strings.HasSuffix(fmt.Sprint(resource), "}/*") ||
				resource == "arn:${AWS::Partition}:s3:::"+template.Bucket+"/*"
			if given && s["Action"] == "s3:PutObject" && !all {
				t.Errorf("%s, %s is for %v", name, sid, resource)
			}
		}
		for sid, says := range want {
			if got[sid] != says {
				t.Errorf("%s, %s says\n\t%s\nwant\n\t%s", name, sid, got[sid], says)
			}
		}
	}
}

func TestOnlyUsEast1HasTheTemplatesBucket(t *testing.T) {
	t.Parallel()
	cloud := localcloud.StartT(t, "")
	root := store{t, cloud.Root(operator, home)}
	root.make(template.Bucket, home)
	launched(t, cloud, "eu-west-1")
	asked := &s3.GetBucketPolicyInput{Bucket: aws.String(template.Bucket)}
	if _, err := root.client(home).GetBucketPolicy(t.Context(), asked); err == nil {
		t.Error("the stack of eu-west-1 has written the policy of the templates' bucket")
	}
}

type statement map[string]any

type policy struct {
	Version   string      `yaml:"Version"`
	Statement []statement `yaml:"Statement"`
}

func (p *policy) remove(sid string) {
	p.Statement = slices.DeleteFunc(p.Statement, func(s statement) bool { return s["Sid"] == sid })
}

func changed(t *testing.T, document string, change func(*policy)) string {
	t.Helper()
	var p policy
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		t.Fatal(err)
	}
	change(&p)
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s store) policy(bucket, region, document string) {
	s.t.Helper()
	input := &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &document}
	if _, err := s.client(region).PutBucketPolicy(s.t.Context(), input); err != nil {
		s.t.Fatal(err)
	}
}
