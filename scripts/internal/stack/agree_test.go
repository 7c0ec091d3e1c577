package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/contract"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// agree tells in one line which member of a registration the contract or the
// endpoint does not take: every launch would fail of it, with a 400 that names
// nothing, as it has to.
func agree(ctx context.Context, dir string) error {
	bootstrap, err := runtimeapi.Unpack(zip.Bytes, dir)
	if err != nil {
		return err
	}
	sent, err := runtimeapi.Posted(bootstrap, certificate)
	if err != nil {
		return err
	}
	if err := contract.Request(sent.Header, sent.Body); err != nil {
		return fmt.Errorf("the function does not speak the contract, so nothing was launched: %w", err)
	}
	endpoint, err := cloud.StartEndpoint(ctx, endpointSession, certificate.File, certificate.KeyFile)
	if err != nil {
		return err
	}
	defer endpoint.Stop()
	taken, err := understood(ctx, endpoint.URL, sent.Body)
	if err != nil || taken {
		return err
	}
	var members map[string]string
	if err := json.Unmarshal(sent.Body, &members); err != nil {
		return err
	}
	var culprits []string
	for name := range members {
		others := maps.Clone(members)
		delete(others, name)
		body, err := json.Marshal(others)
		if err != nil {
			return err
		}
		if taken, err = understood(ctx, endpoint.URL, body); err != nil {
			return err
		}
		if taken {
			culprits = append(culprits, name)
		}
	}
	return fmt.Errorf("the endpoint does not take what the function sends, so nothing was launched; "+
		"without %s it would: %s",
		strings.Join(slices.Sorted(slices.Values(culprits)), " or "), sent.Body)
}

// understood asks the endpoint without a proof, which it misses only once it has
// read the body.
func understood(ctx context.Context, url string, body []byte) (taken bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/registrations", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(body)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", hex.EncodeToString(sum[:]))
	config := &tls.Config{RootCAs: certificate.Pool(), MinVersion: tls.VersionTLS12}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return false, fmt.Errorf("ask the endpoint: %w", err)
	}
	if answer.StatusCode != http.StatusUnauthorized && answer.StatusCode != http.StatusBadRequest {
		err = fmt.Errorf("a registration without a proof is answered %s", answer.Status)
	}
	return answer.StatusCode == http.StatusUnauthorized, errors.Join(err, answer.Body.Close())
}
