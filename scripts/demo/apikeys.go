package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
)

// listAPIKeys is AppSync's ListApiKeys. AppSync's whole client takes longer to
// compile than the demo to run, and this is one call.
func listAPIKeys(ctx context.Context, as aws.Config, api string) error {
	_, err := appSync(ctx, as, http.MethodGet, "/v1/apis/"+api+"/apikeys", "")
	return err
}

func appSync(ctx context.Context, as aws.Config, method, path, body string) ([]byte, error) {
	base := "https://appsync." + as.Region + ".amazonaws.com"
	if as.BaseEndpoint != nil {
		base = *as.BaseEndpoint
	}
	request, err := http.NewRequestWithContext(ctx, method, base+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	who, err := as.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("call AppSync: %w", err)
	}
	sum := sha256.Sum256([]byte(body))
	digest := hex.EncodeToString(sum[:])
	if err := v4.NewSigner().SignHTTP(ctx, who, request, digest, "appsync", as.Region, time.Now()); err != nil {
		return nil, fmt.Errorf("call AppSync: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call AppSync: %w", err)
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return nil, fmt.Errorf("call AppSync: %w", err)
	}
	if answer.StatusCode < 300 {
		return text, nil
	}
	// restJson1 names the error in a header, or in the body.
	code := answer.Header.Get("X-Amzn-Errortype")
	if code == "" {
		var refusal struct {
			Type string `json:"__type"`
		}
		if err := json.Unmarshal(text, &refusal); err != nil {
			return nil, fmt.Errorf("call AppSync: %s", answer.Status)
		}
		code = refusal.Type
	}
	code, _, _ = strings.Cut(code, ":")
	return nil, &smithy.GenericAPIError{Code: code, Message: answer.Status}
}
