package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// prove returns a presigned sts:GetCallerIdentity URL, which the function never
// calls. Whoever does learns from AWS which account and role signed it, and
// can do nothing else with it; the endpoint's host and the body's digest are
// signed along, so that it is good for this endpoint and this body alone.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (f *function) prove(ctx context.Context, s stack, audience, digest string) (string, error) {
	own := ownCredentials()
	if own.AccessKeyID == "" || own.SecretAccessKey == "" || own.SessionToken == "" {
		return "", errors.New("credentials are missing: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is not set")
	}
	u := &url.URL{Scheme: "https", Host: "sts." + s.region + "." + stsSuffixes[s.partition], Path: "/",
		RawQuery: "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60"}
	req := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{"X-Doit-Audience": {audience}, "X-Doit-Content-Sha256": {digest}}}
	const emptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	proof, _, err := v4.NewSigner().PresignHTTP(ctx, own, req, emptySha256, "sts", s.region, time.Now())
	f.withheld.add(proof)
	return proof, err
}

// ownCredentials are those that Lambda gives the function.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func ownCredentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: os.Getenv("AWS_SESSION_TOKEN")}
}
