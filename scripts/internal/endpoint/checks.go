package endpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

const (
	bodyLimit  = 16 << 10
	proofLimit = 8 << 10
	// How far a proof's time may be from the clock. STS ignores X-Amz-Expires and
	// takes 15 minutes, so the endpoint has to look for itself.
	proofWindow = 5 * time.Minute
)

// register checks one request from top to bottom, asks nobody before it must, and
// records it. It returns what it knew when it took or refused the request.
func (e *endpoint) register(r *http.Request) (ev event, err error) {
	ev.at = time.Now()

	// Sizes, media type, body.
	proofs := r.Header.Values("X-DoiT-Caller-Identity")
	if len(strings.Join(proofs, "")) > proofLimit {
		return ev, proofTooLarge
	}
	body, err := readBody(r)
	if err != nil {
		return ev, err
	}
	if !isJSON(r.Header.Values("Content-Type")) {
		return ev, unsupportedMedia
	}
	digest := sha256.Sum256(body)
	ev.digest = hex.EncodeToString(digest[:])
	if keys := r.Header.Values("Idempotency-Key"); len(keys) != 1 || keys[0] != ev.digest {
		return ev, wrongIdempotencyKey
	}
	if ev.registration, err = decode(body); err != nil {
		return ev, fmt.Errorf("%w: %w", invalidRegistration, err)
	}

	// The proof's form and time.
	if len(proofs) == 0 {
		return ev, missingProof
	}
	if len(proofs) > 1 {
		return ev, fmt.Errorf("%w: doubled", invalidProof)
	}
	p, err := rebuild(proofs[0])
	if err != nil {
		return ev, err
	}
	if ev.at.Sub(p.signedAt).Abs() > proofWindow {
		return ev, untimelyProof
	}
	if ev.issuedAt.IsZero() {
		ev.issuedAt = p.signedAt
	}
	if ev.issuedAt.Sub(p.signedAt) > proofWindow {
		return ev, issuedInFuture // it would shut out all later events
	}

	// Who signed it, by the word of STS.
	if ev.caller, err = e.sts.identify(r.Context(), p, e.audience, ev.digest, e.stsLimit); err != nil {
		return ev, otherwise(stsUnavailable, err)
	}
	switch {
	case ev.caller.role == "":
		return ev, notAnAssumedRole
	case ev.caller.account != ev.accountID:
		return ev, anotherAccount
	case strings.EqualFold(ev.caller.role, ev.roleName()): // IAM's names differ by more than case
		return ev, supportRoleItself
	case !agree(ev.registration, ev.caller, p):
		return ev, disagreement
	}
	tooEarly := e.early.names(ev.roleArn, ev.at)

	// What is known of this stack and role.
	seen, err := e.store.find(r.Context(), ev.stackID, ev.roleArn)
	switch {
	case err != nil:
		return ev, otherwise(storageUnavailable, err)
	case seen.overtakes(ev):
		return ev, overtaken
	case ev.requestType == "Delete":
		return e.take(r.Context(), ev, seen, "")
	case ev.requestType == "Update" && seen.saysOrSaid(ev.saying()):
		return e.take(r.Context(), ev, seen, registrations.AsItWas)
	case !e.tickets.open(ev.ticketID, ev.accountID):
		return ev, ticketNotOpen.about(ev.ticketID)
	case e.refuse != "":
		return ev, refused.saying(e.refuse)
	case ev.saying().ended(ev.at): // ending access never waits
		return e.take(r.Context(), ev, seen, registrations.Ended)
	case tooEarly:
		return ev, roleNotAssumable
	case e.role == nil:
		return e.take(r.Context(), ev, seen, registrations.Unwatched)
	}

	// The role.
	if err := e.role.verify(r.Context(), ev.registration, e.roleLimit); err != nil {
		return ev, otherwise(roleUnverifiable, err)
	}
	return e.take(r.Context(), ev, seen, registrations.Opens)
}

func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > bodyLimit {
		return nil, bodyTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: read the body: %w", invalidRegistration, err)
	}
	if len(body) > bodyLimit {
		return nil, bodyTooLarge
	}
	return body, nil
}

func isJSON(types []string) bool {
	if len(types) != 1 {
		return false
	}
	media, _, err := mime.ParseMediaType(types[0])
	return err == nil && media == "application/json"
}

// agree tells whether role, stack, body and proof belong to one partition,
// account and region. The ARNs' forms are checked by now.
func agree(r registration, who identity, p proof) bool {
	partition := partitionOf[p.region]
	stack, role := strings.Split(r.stackID, ":"), strings.Split(r.roleArn, ":")
	return who.partition == partition && stack[1] == partition && role[1] == partition &&
		stack[4] == who.account && role[4] == who.account &&
		stack[3] == p.region && r.region == p.region
}

// otherwise makes the given problem of an error that is not a problem already.
func otherwise(p *Problem, err error) error {
	var own *Problem
	if errors.As(err, &own) {
		return err
	}
	return fmt.Errorf("%w: %w", p, err)
}
