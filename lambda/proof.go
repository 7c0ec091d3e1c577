package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// emptyPayload is the SHA-256 of no bytes, which is what a GET is signed for.
const emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// prove returns a presigned sts:GetCallerIdentity URL of the stack's region:
// whoever calls it learns from AWS which account and role signed it, and can
// do nothing else with it. Signing the endpoint's host and the body's digest
// along makes it good for this endpoint and this body alone. The function
// itself never calls it.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (f *function) prove(ctx context.Context, s stack, audience, digest string) (string, error) {
	credentials, err := environmentCredentials()
	if err != nil {
		return "", err
	}
	url := "https://sts." + s.region + "." + stsSuffixes[s.partition] +
		"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("proof of the account: %w", err)
	}
	req.Header.Set("X-DoiT-Audience", audience)
	req.Header.Set("X-DoiT-Content-Sha256", digest)
	proof, _, err := v4.NewSigner().PresignHTTP(ctx, credentials, req, emptyPayload, "sts", s.region, time.Now())
	if err != nil {
		return "", fmt.Errorf("proof of the account: %w", err)
	}
	f.withheld.add(proof)
	return proof, nil
}

// environmentCredentials are the function's own, read when they are needed.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func environmentCredentials() (aws.Credentials, error) {
	c := aws.Credentials{
		AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" || c.SessionToken == "" {
		return c, errors.New("credentials are missing: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN must be set, as Lambda sets them")
	}
	return c, nil
}
