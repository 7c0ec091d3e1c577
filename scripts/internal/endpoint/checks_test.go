package endpoint

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"
)

// fault is one thing that is wrong with a call, and what a call is refused with that has it alone.
type fault struct {
	check  string // that finds it
	change func(*testing.T, *running, *call)
	want   *Problem
}

// apply makes the change, beside what was done to the headers before.
func (f fault) apply(t *testing.T, r *running, c *call) {
	before := c.header
	c.header = nil
	f.change(t, r, c)
	if after := c.header; after == nil {
		c.header = before
	} else if before != nil {
		c.header = func(h http.Header) {
			before(h)
			after(h)
		}
	}
}

// TestOfTwoFaultsTheFirstIsTold has the checks in the design's order. The caller of a bad request learns nothing
// of what stands behind it, and nobody is asked for its sake.
func TestOfTwoFaultsTheFirstIsTold(t *testing.T) {
	t.Parallel()
	const opened = "arn:aws:iam::111122223333:role/doit/SUPPORTROLE0000000"
	faults := []fault{
		{check: "sizes", change: header(proofHeader, strings.Repeat("x", 8193)), want: proofTooLarge},
		{
			check:  "sizes",
			change: body(func([]byte) []byte { return bytes.Repeat([]byte("x"), 16385) }),
			want:   bodyTooLarge,
		},
		{check: "media type", change: header("Content-Type", "text/plain"), want: unsupportedMedia},
		{check: "key", change: header("Idempotency-Key", sha256Hex([]byte("another"))), want: wrongIdempotencyKey},
		{check: "body", change: with("access", "Approved"), want: invalidRegistration},
		{check: "proof's form", change: header(proofHeader), want: missingProof},
		{check: "proof's form", change: proof_(replace("X-Amz-Expires=60", "X-Amz-Expires=61")), want: invalidProof},
		{check: "proof's time", change: age(-6 * time.Minute), want: untimelyProof},
		{
			check:  "proof's signature",
			change: func(_ *testing.T, _ *running, c *call) { c.as.SessionToken = "forged" },
			want:   rejectedProof,
		},
		{check: "account", change: with("accountId", stranger), want: anotherAccount},
		{
			check:  "caller",
			change: func(_ *testing.T, _ *running, c *call) { c.as.AccessKeyID = "ASIASUPPORTROLE0000000" },
			want:   fromSupportRole,
		},
		{check: "region", change: with("region", "us-east-1"), want: disagreement},
		{check: "time", change: with("issuedAt", "2025-12-31T23:59:59Z"), want: overtaken},
		{check: "ticket", change: with("ticketId", "closed"), want: ticketNotOpen},
		{check: "role", change: with("externalId", "another"), want: roleNotAssumable},
	}
	r, _ := startScripted(t, scripted{identify: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("X-Amz-Security-Token") == "forged" {
			stsError(http.StatusForbidden, "InvalidClientTokenId")(w, r)
			return
		}
		bySession(w, r)
	}}, []string{"-tickets", "1"})
	r.expect(t, r.newCall(somebody, "Create", map[string]any{"roleArn": opened}), nil)
	r.expect(t, r.newCall(somebody, "Create", oneEvent), nil)
	for i, first := range faults {
		alone := r.newCall(somebody, "Update", nil)
		first.apply(t, r, alone)
		if a := r.send(t, alone); a.problem.Type != first.want.Type {
			t.Errorf("with the %s wrong, the answer is %v, want %v", first.check, a, first.want)
		}
		for _, second := range faults[i+1:] {
			if first.check == second.check {
				continue
			}
			c := r.newCall(somebody, "Update", nil)
			second.apply(t, r, c)
			first.apply(t, r, c) // behind the other, since it may take the place of the whole body or proof
			if a := r.send(t, c); a.problem.Type != first.want.Type {
				t.Errorf("with %s and %s wrong, the answer is %v, want %v", first.check, second.check, a, first.want)
			}
		}
	}
}
