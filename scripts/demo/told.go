package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// told shows what left the account, byte for byte, and what DoiT made of it.
// Only the proof is cut short: for a minute it speaks for the function.
func (g *grant) told(ctx context.Context) error {
	g.act("What left the account: one request")
	if g.world == nil {
		g.says(customer, "the function's log group has the outcome; the document itself is shown in the local cloud only")
		return nil
	}
	requests := g.world.endpointSide.Requests()
	if len(requests) == 0 {
		return fmt.Errorf("the function told nobody")
	}
	request := requests[len(requests)-1]
	sum := sha256.Sum256(request.Body)
	g.says(customer, "%s https://%s%s", request.Method, request.Host, request.Target)
	for _, name := range slices.Sorted(maps.Keys(request.Header)) {
		value := request.Header.Get(name)
		if name == "X-Doit-Caller-Identity" {
			value = shortened(value)
		}
		g.quote(name + ": " + value)
	}
	g.quote(" ")
	for _, line := range broken(string(request.Body), 92) {
		g.quote(line)
	}
	g.says(customer, "in lines only here; cut short is the proof, signed for this document, this host and a minute")
	g.check(doit, request.Header.Get("Idempotency-Key") == hex.EncodeToString(sum[:]), "the key is the SHA-256 of the document", "")
	return g.believed(ctx, "Create")
}

// believed shows the last event that the endpoint took: which account STS
// named for the proof, and how the role behaved.
func (g *grant) believed(ctx context.Context, requestType string) error {
	row, err := g.world.row(ctx, g.stackID)
	if err != nil {
		return err
	}
	if len(row.History) == 0 {
		return fmt.Errorf("the endpoint has no history for stack %s", g.stack)
	}
	last := row.History[len(row.History)-1]
	g.check(doit, last.RequestType == requestType && last.ProvedAccount == last.ClaimedAccount && last.ProvedAccount == g.account,
		fmt.Sprintf("%s: STS named account %s for the proof, the document claims %s", last.RequestType, last.ProvedAccount, last.ClaimedAccount), "")
	// Only what is new is tried: an Update that says what was true before is how CloudFormation takes another one back.
	if requestType == "Create" {
		g.check(doit, last.Role == registrations.Opens, "tried at once: the role "+string(last.Role), "")
	}
	return nil
}

// shortened keeps of a presigned URL what is no credential.
func shortened(proof string) string {
	u, err := url.Parse(proof)
	if err != nil {
		return "no URL"
	}
	return fmt.Sprintf("https://%s/?Action=%s&…", u.Host, u.Query().Get("Action"))
}

// broken cuts text into lines without changing a byte of it.
func broken(text string, width int) (lines []string) {
	for len(text) > width {
		at := strings.LastIndexByte(text[:width], ',') + 1
		if at == 0 {
			at = width
		}
		lines, text = append(lines, text[:at]), text[at:]
	}
	return append(lines, text)
}
