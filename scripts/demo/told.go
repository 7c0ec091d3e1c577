package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// told shows what left the account, byte for byte, and what DoiT made of it.
// Only the proof is cut short: for a minute it speaks for the function.
func (g *grant) told(ctx context.Context) error {
	g.act("What left the account: one request")
	requests := g.endpointSide.Requests()
	if len(requests) == 0 {
		return errors.New("the function told nobody")
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
	g.quote(string(request.Body))
	g.says(customer, "(In lines only here. Cut short is the proof, which is signed for this document, this host and "+
		"a minute.)")
	key := request.Header.Get("Idempotency-Key") == hex.EncodeToString(sum[:])
	g.check(doit, key, "the key is the SHA-256 of the document", "")
	return g.believed(ctx, "Create", registrations.Active)
}

// believed shows the last event that the endpoint took: which account STS
// named for the proof, how the role behaved, and what the registration is now.
func (g *grant) believed(ctx context.Context, requestType, status string) error {
	row, err := g.row(ctx, g.stackID)
	if err != nil {
		return err
	}
	if len(row.History) == 0 {
		return fmt.Errorf("the endpoint has no history for stack %s", stackName)
	}
	last := row.History[len(row.History)-1]
	proved := last.RequestType == requestType && last.ProvedAccount == last.ClaimedAccount &&
		last.ProvedAccount == customerAccount
	g.check(doit, proved, last.RequestType+": the account that it names, by STS's word", last.ProvedAccount)
	// Only what is new is tried: an Update that says what was true before is how CloudFormation takes another one back.
	if requestType == "Create" {
		g.check(doit, last.Role == registrations.Opens, "tried at once: the role "+string(last.Role), "")
	}
	g.check(doit, row.Status == status, "the registration is "+status, "")
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
