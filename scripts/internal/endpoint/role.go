package endpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// roleVerifier tries the door that a customer opened: with the external ID
// that was registered, without one, and with others that look like it.
type roleVerifier struct {
	credentials aws.CredentialsProvider // of DoiT's role
	signer      *v4.Signer              // keeps the keys that it derived
	sts         *stsClient
}

func (v *roleVerifier) verify(ctx context.Context, r registration) error {
	opens, err := v.try(ctx, r, r.externalID)
	if err != nil {
		return fmt.Errorf("assume the role with its external ID: %w", err)
	}
	if !opens {
		return roleNotAssumable
	}
	for _, other := range others(r.externalID) {
		if opens, err = v.try(ctx, r, other.externalID); err != nil {
			return fmt.Errorf("assume the role %s: %w", other.name, err)
		}
		if opens {
			return other.refusal
		}
	}
	return nil
}

// try tells whether the role opens with the external ID given, or without where
// that is empty. Only AccessDenied is a no: a throttled or broken STS says
// nothing about the role.
func (v *roleVerifier) try(ctx context.Context, r registration, externalID string) (bool, error) {
	request, err := v.question(ctx, r, externalID)
	if err != nil {
		return false, err
	}
	status, answer, err := v.sts.ask(request)
	if err != nil {
		return false, err
	}
	if status == http.StatusOK {
		if !isSession(answer) {
			return false, fmt.Errorf("STS answered 200 without a session")
		}
		return true, nil
	}
	switch code := errorCode(answer); {
	case status == http.StatusForbidden && code == accessDenied:
		return false, nil
	case status == http.StatusForbidden && code == regionDisabled:
		return false, stsNotActive
	default: // the message may hold the external ID, so the code has to do
		return false, fmt.Errorf("STS answered %d %.64q", status, code)
	}
}

// question is a signed AssumeRole. It goes to the STS of the stack's region, as
// the contract promises the customer, whose CloudTrail shows the call there.
func (v *roleVerifier) question(ctx context.Context, r registration, externalID string) (*http.Request, error) {
	form := url.Values{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"},
		"RoleArn": {r.roleArn}, "RoleSessionName": {r.sessionName()},
		"DurationSeconds": {"900"}, // the shortest there is; the session is thrown away
	}
	if externalID != "" {
		form.Set("ExternalId", externalID)
	}
	body := form.Encode()
	digest := sha256.Sum256([]byte(body))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "", strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build the call to STS: %w", err)
	}
	request.Host = stsHosts[r.region]
	request.URL = v.sts.target(request.Host, "")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("User-Agent", "doit-registration-endpoint") // stands in the customer's CloudTrail
	as, err := v.credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the endpoint's own credentials: %w", err)
	}
	if err := v.signer.SignHTTP(
		ctx, as, request, hex.EncodeToString(digest[:]), "sts", r.region, time.Now(),
	); err != nil {
		return nil, fmt.Errorf("sign the call to STS: %w", err)
	}
	return request, nil
}

// sessionName is what the customer reads in CloudTrail, and what the role's trust
// policy demands where a ticket is named.
func (r registration) sessionName() string {
	if r.ticketID == "" {
		return "doit-verify"
	}
	return r.ticketID + "-verify"
}

// other is a try that must not open the role.
type other struct {
	name       string
	externalID string
	refusal    error
}

// others find the trust policy that asks for no external ID, and the two that
// compare with a wildcard: of a part of it, or of all with anything behind it.
func others(externalID string) []other {
	last := len(externalID) - 1
	changed := "x"
	if externalID[last:] == changed {
		changed = "y"
	}
	tries := []other{
		{name: "without an external ID", externalID: "", refusal: roleOpensWithout},
		{
			name:       "with the last character changed",
			externalID: externalID[:last] + changed, refusal: roleOpensWithAnother,
		},
	}
	if len(externalID) < longestExternalID {
		tries = append(tries, other{
			name:       "with one more character",
			externalID: externalID + "x", refusal: roleOpensWithAnother,
		})
	}
	return tries
}
