package endpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

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
func (e *endpoint) register(ctx context.Context, w http.ResponseWriter, r *http.Request) (ev event, err error) {
	ev.at = time.Now()
	received, err := e.receive(w, r, &ev)
	if err != nil {
		return ev, err
	}
	p, err := rebuild(received)
	if err != nil {
		return ev, err
	}
	if ev.at.Sub(p.signedAt).Abs() > proofWindow {
		return ev, untimelyProof
	}
	if ev.issuedAt.Sub(ev.at) > proofWindow {
		return ev, issuedInFuture
	}
	ev.proved = p.signedAt
	if err := e.identify(ctx, &ev, p); err != nil {
		return ev, err
	}
	seen, err := e.store.find(ctx, ev)
	switch {
	case err != nil:
		return ev, otherwise(storageUnavailable, err)
	case seen.callerOpened:
		return ev, fromSupportRole
	case !agree(ev.registration, ev.caller, p):
		return ev, disagreement
	}
	return e.decide(ctx, ev, seen)
}

// receive reads a request, and returns its proof as it came. The order is sizes,
// media type, body, and whether there is one proof.
func (e *endpoint) receive(w http.ResponseWriter, r *http.Request, ev *event) (received string, err error) {
	proofs := r.Header[proofHeader]
	if len(strings.Join(proofs, "")) > proofLimit {
		return "", proofTooLarge
	}
	body, err := e.readBody(w, r)
	if err != nil {
		return "", err
	}
	if !isJSON(r.Header.Values("Content-Type")) {
		return "", unsupportedMedia
	}
	digest := sha256.Sum256(body)
	ev.digest = hex.EncodeToString(digest[:])
	if keys := r.Header.Values("Idempotency-Key"); len(keys) != 1 || keys[0] != ev.digest {
		return "", wrongIdempotencyKey
	}
	if ev.registration, err = decode(body); err != nil {
		return "", fmt.Errorf("%w: %w", invalidRegistration, err)
	}
	switch len(proofs) {
	case 0:
		return "", missingProof
	case 1:
		return proofs[0], nil
	default:
		return "", fmt.Errorf("%w: doubled", invalidProof)
	}
}

// readBody reads a body that has to come soon.
func (e *endpoint) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > bodyLimit {
		return nil, bodyTooLarge
	}
	patience := http.NewResponseController(w)
	if err := patience.SetReadDeadline(time.Now().Add(e.limits.body)); err != nil {
		return nil, fmt.Errorf("%w: %w", bodyIncomplete, err)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: read the body: %w", bodyIncomplete, err)
	}
	if len(body) > bodyLimit {
		return nil, bodyTooLarge
	}
	// From here on net/http only looks whether the caller is still there.
	if err := patience.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("%w: %w", bodyIncomplete, err)
	}
	connectionOf(r).whole()
	if r.ContentLength >= 0 { // nobody finds out what else a chunked request has
		w.Header().Del("Connection")
	}
	return body, nil
}

// identify asks STS who signed the proof, and whether that is the customer, and not the role itself.
func (e *endpoint) identify(ctx context.Context, ev *event, p proof) error {
	asking, cancel := context.WithTimeout(ctx, e.limits.identity)
	defer cancel()
	leave, err := e.identityCalls.enter(asking, "")
	if err != nil {
		return fmt.Errorf("%w: wait for other calls: %w", stsUnavailable, err)
	}
	ev.caller, err = e.sts.identify(asking, p, e.audience, ev.digest)
	leave()
	switch {
	case err != nil:
		return otherwise(stsUnavailable, err)
	case ev.caller.role == "":
		return notAnAssumedRole
	case ev.caller.account != ev.accountID:
		return anotherAccount
	case strings.EqualFold(ev.caller.role, ev.roleName()): // IAM's names differ by more than case
		return fromSupportRole
	}
	return nil
}

// decide takes or refuses an event by what is known of its row, its ticket and
// its role. What narrows an access waits for neither ticket nor role.
func (e *endpoint) decide(ctx context.Context, ev event, seen row) (event, error) {
	tooEarly := e.early.names(ev.roleArn, ev.at)
	look, sure := seen.unlooked(ev)
	ev.look = look
	bucket := e.gives
	if ev.narrows() {
		bucket = e.takes
	}
	switch {
	case seen.overtakes(ev):
		return ev, overtaken
	case !bucket.allow(ev.accountID, ev.at):
		return ev, accountTooBusy
	case sure:
		return e.take(ctx, ev)
	case !e.tickets.open(ev.ticketID, ev.accountID):
		return ev, ticketNotOpen.about(ev.ticketID)
	case e.refuse != "":
		return ev, refused.saying(e.refuse)
	case tooEarly:
		return ev, roleNotAssumable
	case e.role == nil:
		ev.look = registrations.Unwatched
		return e.take(ctx, ev)
	}
	if err := e.verify(ctx, ev); err != nil {
		return ev, err
	}
	ev.look = registrations.Opens
	return e.take(ctx, ev)
}

// verify looks at the role, one try after another.
func (e *endpoint) verify(ctx context.Context, ev event) error {
	leave, err := e.roleCalls.enter(ctx, ev.accountID)
	if err != nil {
		return fmt.Errorf("%w: wait for other calls: %w", roleUnverifiable, err)
	}
	defer leave()
	if err := e.role.verify(ctx, ev.registration); err != nil {
		return otherwise(roleUnverifiable, err)
	}
	return nil
}

// take records the event. That goes on when the caller hangs up.
func (e *endpoint) take(ctx context.Context, ev event) (event, error) {
	o := e.store.take(ctx, ev)
	ev.id = o.id
	if o.err != nil {
		return ev, otherwise(storageUnavailable, o.err)
	}
	if o.gone {
		return ev, notRegistered
	}
	return ev, nil
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
	stack, stackErr := arn.Parse(r.stackID)
	role, roleErr := arn.Parse(r.roleArn)
	if stackErr != nil || roleErr != nil {
		return false
	}
	partition := partitionOf[p.region]
	inOnePartition := who.partition == partition && stack.Partition == partition && role.Partition == partition
	inOneAccount := stack.AccountID == who.account && role.AccountID == who.account
	inOneRegion := stack.Region == p.region && r.region == p.region
	return inOnePartition && inOneAccount && inOneRegion
}

// otherwise makes the given problem of an error that is not a problem already.
func otherwise(p *Problem, err error) error {
	var own *Problem
	if errors.As(err, &own) {
		return err
	}
	return fmt.Errorf("%w: %w", p, err)
}
