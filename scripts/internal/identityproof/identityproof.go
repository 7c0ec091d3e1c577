// Package identityproof makes proofs of an account as the function makes them, for
// callers of the endpoint that are no function. (lambda/registration.go is the
// function's own: neither module imports the other.)
package identityproof

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Proof is what goes into a presigned sts:GetCallerIdentity URL.
type Proof struct {
	As      aws.Credentials
	Region  string
	At      time.Time
	STS     string            // https:// and the host
	Headers map[string]string // signed along, beside the host
}

// emptyBody is the SHA-256 of nothing, in hex.
const emptyBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // #nosec G101 -- a digest

// Sign returns the URL. A signer keeps the keys that it derived.
func (p Proof) Sign(ctx context.Context, signer *v4.Signer) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, // #nosec G704 -- it is signed, and not sent
		p.STS+"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60", nil)
	if err != nil {
		return "", fmt.Errorf("make a proof: %w", err)
	}
	for name, value := range p.Headers {
		request.Header.Set(name, value)
	}
	url, _, err := signer.PresignHTTP(ctx, p.As, request, emptyBody, "sts", p.Region, p.At)
	if err != nil {
		return "", fmt.Errorf("sign a proof: %w", err)
	}
	return url, nil
}
