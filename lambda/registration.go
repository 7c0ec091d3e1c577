package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// registration is the document that leaves the account. Its members and their
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
	stack           stack
}

// registrationOf returns what an event has to say, as far as it is valid, and
// what about it is not.
func registrationOf(ev event) (registration, error) {
	s, err := parseStackID(ev.text("StackId"))
	if err != nil {
		return registration{}, err
	}
	r := registration{RequestType: ev.text("RequestType"), RequestID: ev.text("RequestId"), StackID: ev.text("StackId"),
		AccountID: s.account, Region: s.region, stack: s}
	if at := ev.issuedAt(); !at.IsZero() {
		r.IssuedAt = at.Format(utcTime)
	}
	invalid := r.check(ev.given)
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
func (f *function) register(ctx context.Context, log *slog.Logger, r registration) (refused int, err error) {
	endpoint, err := url.Parse(f.endpoint)
	if err != nil || endpoint.Scheme != "https" || endpoint.Hostname() == "" || endpoint.User != nil || strings.ContainsAny(f.endpoint, "?#") {
		return 0, errors.New("REGISTRATION_ENDPOINT must be an https URL with a host, and without user info, query and fragment")
	}
	body := marshal(r)
	digest := sha256.Sum256(body)
	key := hex.EncodeToString(digest[:])
	to := toEndpoint
	to.gone = r.RequestType == "Delete"
	return f.deliver(ctx, log, to, endpoint, body, func() (http.Header, error) {
		proof, err := f.prove(ctx, r.stack, endpoint.Host, key)
		return http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {key}, "X-DoiT-Caller-Identity": {proof}}, err
	})
}
