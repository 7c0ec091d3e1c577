package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/doitintl/aws-ro-access/scripts/internal/identityproof"
)

// forged is a stranger's call: the customer's document, word for word, with a
// proof that the stranger made for it with credentials of its own.
func (g *grant) forged(ctx context.Context) error {
	g.act("A stranger sends the customer's document with a proof of its own")
	requests := g.endpointSide.Requests()
	document := requests[len(requests)-1].Body
	proof, err := g.proof(ctx, document)
	if err != nil {
		return err
	}
	status, problem, err := g.post(ctx, document, proof)
	if err != nil {
		return err
	}
	g.check(doit, status == http.StatusForbidden, fmt.Sprintf("refused: %d %s", status, http.StatusText(status)), "")
	for _, line := range wrap(problem, textWidth) {
		g.quote(line)
	}
	rows, err := g.endpoint.Registrations(ctx)
	if err != nil {
		return err
	}
	g.check(doit, len(rows) == 1 && len(rows[0].History) == 1, "and nothing was recorded", "")
	return nil
}

// proof is what the function would have made, with the stranger's credentials.
func (w *world) proof(ctx context.Context, document []byte) (string, error) {
	who, err := w.stranger.Credentials.Retrieve(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(document)
	forged := identityproof.Proof{
		As:     who,
		Region: region,
		At:     time.Now(),
		STS:    "https://sts." + region + ".amazonaws.com",
		Headers: map[string]string{
			"X-DoiT-Audience":       w.endpointSide.Host,
			"X-DoiT-Content-SHA256": hex.EncodeToString(sum[:]),
		},
	}
	return forged.Sign(ctx, v4.NewSigner())
}

// post sends a document to the endpoint and returns what it was told.
func (w *world) post(ctx context.Context, document []byte, proof string) (status int, problem string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.registrationURL, bytes.NewReader(document))
	if err != nil {
		return 0, "", err
	}
	sum := sha256.Sum256(document)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", hex.EncodeToString(sum[:]))
	request.Header.Set("X-DoiT-Caller-Identity", proof)
	answer, err := w.client.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("post to the endpoint: %w", err)
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return 0, "", fmt.Errorf("read the endpoint's answer: %w", err)
	}
	var told struct{ Detail string }
	if err := json.Unmarshal(text, &told); err != nil {
		return 0, "", fmt.Errorf("read the endpoint's answer: %w", err)
	}
	return answer.StatusCode, told.Detail, nil
}
