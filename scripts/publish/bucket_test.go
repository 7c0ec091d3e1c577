package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// TestBucket launches template/release.yaml and lives with what it made. The
// emulator takes a request for one over TLS when a proxy says so. It does not
// know s3:if-none-match, so that statement of the policy is not tried here.
func TestBucket(t *testing.T) {
	t.Parallel()
	cloud := localcloud.StartT(t, "")
	client := cloudformation.NewFromConfig(cloud.Root(operator, "eu-west-1"))
	body, err := repo.ReadFile("template/release.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stack := &cloudformation.DescribeStacksInput{StackName: aws.String("code")}
	if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: stack.StackName, TemplateBody: aws.String(string(body))}); err != nil {
		t.Fatal(err)
	}
	if err := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 200*time.Millisecond
	}).Wait(t.Context(), stack, time.Minute); err != nil {
		t.Fatal(err)
	}

	// Whoever publishes may do everything in this account, as far as its policies say; the emulator's root may ignore the bucket's.
	user, err := cloud.User(t.Context(), operator, "publisher", "*")
	if err != nil {
		t.Fatal(err)
	}
	plain := store{t, cloud.Config("eu-west-1", user)}
	tls, _ := watched(t, cloud, "https")
	tls.as.Credentials = plain.as.Credentials
	o := aRelease(t, "code", "1.0.0").code(prefix, "eu-west-1")
	for n, want := range []bool{true, false} {
		if uploaded, err := put(t.Context(), tls.as, operator, o); err != nil || uploaded != want {
			t.Errorf("run %d: uploaded %t, %v", n+1, uploaded, err)
		}
	}
	tls.holds(o)

	// Who may do what.
	anybody := func(s store, path string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, *s.as.BaseEndpoint+"/"+o.bucket+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode
	}
	if status := anybody(tls, "/"+o.key); status != http.StatusOK {
		t.Errorf("a customer reads the code: status %d", status)
	}
	for what, status := range map[string]int{
		"the code without TLS": anybody(plain, "/"+o.key),
		"the list of the keys": anybody(tls, "?list-type=2"),
		"the policy":           anybody(tls, "?policy"),
	} {
		if status != http.StatusForbidden {
			t.Errorf("anybody reads %s: status %d, want 403", what, status)
		}
	}
	tlsBucket, plainBucket := tls.client(o.region), plain.client(o.region)
	for what, err := range map[string]error{
		"the publisher writes without TLS": second(put(t.Context(), plain.as, operator, o)),
		"the publisher reads without TLS":  second(plainBucket.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &o.bucket})),
		"the publisher removes the code":   second(tlsBucket.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &o.bucket, Key: &o.key})),
		"the publisher adds a lifecycle": second(tlsBucket.PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{
			Bucket: &o.bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{
				ID: aws.String("old"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)},
			}}}})),
	} {
		if answer, ok := errors.AsType[smithy.APIError](err); !ok || !strings.Contains(answer.ErrorCode(), "AccessDenied") && !strings.Contains(err.Error(), "StatusCode: 403") {
			t.Errorf("%s: %v, want access denied", what, err)
		}
	}
	if err := second(tlsBucket.PutObjectAcl(t.Context(), &s3.PutObjectAclInput{Bucket: &o.bucket, Key: &o.key, ACL: types.ObjectCannedACLPublicReadWrite})); err == nil {
		t.Error("an object has an ACL")
	}

	// How it keeps them.
	versions, err := tlsBucket.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: &o.bucket})
	if err != nil || versions.Status != types.BucketVersioningStatusEnabled {
		t.Errorf("versioning is %+v, %v", versions, err)
	}
	encryption, err := tlsBucket.GetBucketEncryption(t.Context(), &s3.GetBucketEncryptionInput{Bucket: &o.bucket})
	if err != nil || encryption.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != types.ServerSideEncryptionAes256 {
		t.Errorf("encryption is %+v, %v", encryption, err)
	}
	block, err := tlsBucket.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: &o.bucket})
	if err != nil || !aws.ToBool(block.PublicAccessBlockConfiguration.BlockPublicAcls) || !aws.ToBool(block.PublicAccessBlockConfiguration.IgnorePublicAcls) {
		t.Errorf("the public access block is %+v, %v", block, err)
	}

	// It outlives its stack.
	if _, err := client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: stack.StackName}); err != nil {
		t.Fatal(err)
	}
	if err := cloudformation.NewStackDeleteCompleteWaiter(client, func(o *cloudformation.StackDeleteCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 200*time.Millisecond
	}).Wait(t.Context(), stack, time.Minute); err != nil {
		t.Fatal(err)
	}
	tls.holds(o)
	if status := anybody(tls, "/"+o.key); status != http.StatusOK {
		t.Errorf("a customer reads the code after the stack is gone: status %d", status)
	}
}

func second[T any](_ T, err error) error { return err }
