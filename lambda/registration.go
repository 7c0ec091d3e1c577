package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// registration is the document that leaves the account. Its member names and
// limits are those of template/registration.openapi.yaml.
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
	IssuedAt        string `json:"issuedAt,omitempty"`
}

// registrationOf returns what an event has to say, as far as it is valid, and
// what is not valid about it.
func registrationOf(ev event) (registration, error) {
	s, stackErr := parseStackID(ev.stackID)
	r := registration{
		RequestType: ev.requestType,
		RequestID:   ev.requestID,
		StackID:     ev.stackID,
		AccountID:   s.account,
		Region:      s.region,
	}
	if at := ev.issuedAt(); !at.IsZero() {
		r.IssuedAt = at.Format(utcTime)
	}
	invalid := r.check(ev.properties, s, stackErr)
	if ev.requestType == "Delete" && stackErr == nil {
		switch id := ev.physicalResourceID; {
		case id == unregistered:
			r.RoleArn = ""
		case s.checkRoleArn(id) == nil:
			r.RoleArn = id
		default:
			// CloudFormation makes an ID up when it cancels a Create: then the properties name the role.
		}
	}
	return r, invalid
}

// register posts the registration until it is taken, refused (a *refusal), or
// the work's time is up.
func (f *function) register(ctx context.Context, log logger, r registration) error {
	endpoint, err := parseEndpoint(f.endpoint)
	if err != nil {
		return err
	}
	body, err := marshal(r)
	if err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	s, err := parseStackID(r.StackID)
	if err != nil {
		return err
	}
	return f.deliver(ctx, log, toEndpoint, func(ctx context.Context) (*http.Request, error) {
		proof, err := f.prove(ctx, s, endpoint.Host, digest)
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint.String(), bytes.NewReader(body))
		if err != nil {
			return nil, errors.New("REGISTRATION_ENDPOINT cannot be called as it is written")
		}
		req.Header["Content-Type"] = []string{"application/json"}
		req.Header["Idempotency-Key"] = []string{digest}
		req.Header["X-DoiT-Caller-Identity"] = []string{proof}
		return req, nil
	})
}

// parseEndpoint reads REGISTRATION_ENDPOINT. Its errors show no user info and
// no query, which may be secrets.
func parseEndpoint(value string) (*url.URL, error) {
	if value == "" {
		return nil, errors.New("REGISTRATION_ENDPOINT is not set")
	}
	u, err := url.Parse(value)
	if err != nil {
		return nil, errors.New("REGISTRATION_ENDPOINT is not a URL")
	}
	if u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(value, "?#") {
		plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
		return nil, fmt.Errorf("REGISTRATION_ENDPOINT %.200q must be an https URL with a host, and without user info, query and fragment", plain.String())
	}
	return u, nil
}

// marshal is json.Marshal without HTML escaping, which would make <, > and &
// longer and harder to read, and without a newline at the end.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// toEndpoint is how a registration is tried, as the design's status table
// says: what passes is tried again, every other answer is final.
var toEndpoint = recipient{
	name:  "registration endpoint",
	limit: 10 * time.Second,
	passing: func(status int) bool {
		switch status {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	},
}
