package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// registration is the document that leaves the account. Its members and their limits are those of
// template/registration.openapi.yaml.
type registration struct {
	RequestType     string `json:"requestType"`
	RequestID       string `json:"requestId"`
	StackID         string `json:"stackId"`
	AccountID       string `json:"accountId"`
	Region          string `json:"region"`
	RoleArn         string `json:"roleArn"`
	ExternalID      string `json:"externalId,omitempty"`
	TicketID        string `json:"ticketId,omitempty"`
	Access          string `json:"access,omitempty"`
	AccessExpires   string `json:"accessExpires,omitempty"`
	TemplateVersion string `json:"templateVersion,omitempty"`
	IssuedAt        string `json:"issuedAt"`
	stack           stack
}

// registrationOf returns what an event has to say, as far as it is valid, and what about it is not.
func registrationOf(ev event) (registration, error) {
	s, err := parseStackID(ev.text("StackId"))
	if err != nil {
		return registration{}, err
	}
	r := registration{
		RequestType: ev.text("RequestType"),
		RequestID:   ev.text("RequestId"),
		StackID:     ev.text("StackId"),
		AccountID:   s.account,
		Region:      s.region,
		IssuedAt:    ev.issuedAt().UTC().Format(utcTime),
		stack:       s,
	}
	invalid := r.check(ev)
	if r.RequestType == "Delete" {
		// The ID names the role, unless CloudFormation made it up to cancel a Create: then the properties do.
		if id := ev.text("PhysicalResourceId"); id == unregistered {
			r.RoleArn = ""
		} else if s.hasRole(id) {
			r.RoleArn = id
		}
	}
	return r, invalid
}

// register posts the registration as deliver does.
func (f *function) register(ctx context.Context, log logger, r registration) (refused int, err error) {
	endpoint, err := parseEndpoint(f.endpoint)
	if err != nil {
		return 0, err
	}
	body := marshal(r)
	key := fmt.Sprintf("%x", sha256.Sum256(body))
	to := registrationEndpoint
	to.goneIsDone = r.RequestType == "Delete"
	return f.deliver(ctx, log, to, endpoint, body, func() (http.Header, error) {
		proof, err := prove(ctx, r.stack, endpoint.Host, key)
		_, signature, _ := strings.Cut(proof, "&X-Amz-Signature=")
		log.withheld.add(proof, signature) // the latter alone too, where a server repeats the rest in another spelling
		return http.Header{
			"Content-Type":           {"application/json"},
			"Idempotency-Key":        {key},
			"X-DoiT-Caller-Identity": {proof},
		}, err
	})
}

func parseEndpoint(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(raw, "?#") {
		return nil, errors.New("REGISTRATION_ENDPOINT must be an https URL with a host, " +
			"and without user info, query and fragment")
	}
	return u, nil
}

// prove returns a presigned sts:GetCallerIdentity URL, which the function never calls. Whoever does learns from AWS
// which account and role signed it, and can do nothing else with it; the endpoint's host and the body's digest are
// signed along, so that it is good for this endpoint and this body alone.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func prove(ctx context.Context, s stack, audience, digest string) (string, error) {
	own := ownCredentials()
	if own.AccessKeyID == "" || own.SecretAccessKey == "" || own.SessionToken == "" {
		return "", errors.New("credentials are missing: " +
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is not set")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://sts."+s.region+"."+stsSuffixes[s.partition]+
		"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
	if err != nil {
		return "", err
	}
	req.Header = http.Header{"X-Doit-Audience": {audience}, "X-Doit-Content-Sha256": {digest}}
	const emptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	proof, _, err := v4.NewSigner().PresignHTTP(ctx, own, req, emptySha256, "sts", s.region, time.Now())
	return proof, err
}

// ownCredentials are those that Lambda gives the function.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func ownCredentials() aws.Credentials {
	return aws.Credentials{
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
	}
}
