package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// path is the only public one, byte for byte.
const path = "/v1/registrations"

// proofHeader is X-DoiT-Caller-Identity, as net/http spells it.
const proofHeader = "X-Doit-Caller-Identity"

// endpoint answers POST /v1/registrations.
type endpoint struct {
	audience string
	limits   limits
	sts      *stsClient
	role     *roleVerifier // nil: roles are not looked at
	store    *store
	tickets  tickets
	log      *slog.Logger

	// What is under way, and what each account sends: what gives it access or
	// says something again, and apart from that what takes access away.
	identityCalls, roleCalls *gate
	gives, takes             *buckets

	// Misbehaviour, for demonstrations and tests.
	refuse   string
	throttle *throttle
	early    *early
	hang     bool
	stopping <-chan struct{}
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	dropHeaders(r)
	if e.hang {
		e.hangUp(w, r)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Connection", "close") // unless the request is read to its end
	switch {
	case !e.throttle.allows(time.Now()):
		e.answer(w, r, event{}, tooManyRequests)
	case r.RequestURI != path:
		e.answer(w, r, event{}, notFound)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		e.answer(w, r, event{}, methodNotAllowed)
	default:
		// One clock for all that the checks wait for. It leaves the caller of ten
		// seconds an answer.
		ctx, cancel := context.WithDeadline(r.Context(), connectionOf(r).end())
		defer cancel()
		ev, err := e.register(ctx, w, r)
		e.answer(w, r, ev, err)
	}
}

// dropHeaders keeps of the headers what the checks look at. Two thousand of them
// take some 350 KB, and net/http would keep them as long as the request lasts.
func dropHeaders(r *http.Request) {
	kept := http.Header{}
	for _, name := range []string{"Content-Type", "Idempotency-Key", proofHeader} {
		kept[name] = slices.Clone(r.Header[name])
	}
	r.Header = kept
}

// answer writes the answer, and one line to the log: what of it, but neither the
// external ID nor the proof.
func (e *endpoint) answer(w http.ResponseWriter, r *http.Request, ev event, err error) {
	line := ev.line()
	var refusal *Problem
	if !errors.As(err, &refusal) {
		line = append(line, "status", http.StatusOK, "registration", ev.id)
		e.log.InfoContext(r.Context(), "taken", line...)
		w.Header().Set("Content-Type", "application/json")
		// The caller may have gone, and will ask again.
		_ = json.NewEncoder(w).Encode(map[string]string{"registrationId": ev.id})
		return
	}
	line = append(line, "status", refusal.Status, "problem", refusal.name(), "error", err.Error())
	switch {
	case refusal.Status < http.StatusInternalServerError:
		e.log.WarnContext(r.Context(), "refused", line...)
	case r.Context().Err() != nil:
		e.log.InfoContext(r.Context(), "the caller hung up", line...)
	default:
		e.log.ErrorContext(r.Context(), "refused", line...)
	}
	refusal.write(w)
}

// line is what the log says of an event. Until somebody has proved to be who it
// is, nobody writes much there.
func (e event) line() []any {
	most := longestLogged
	if e.caller.arn != "" {
		most = bodyLimit
	}
	var line []any
	for _, field := range []struct{ name, value string }{
		{"requestType", e.requestType}, {"requestId", e.requestID}, {"account", e.accountID}, {"region", e.region},
		{"stack", e.stack()}, {"role", e.roleArn}, {"ticket", e.ticketID}, {"access", e.access},
		{"caller", e.caller.arn},
	} {
		line = append(line, field.name, cut(field.value, most))
	}
	if !e.at.IsZero() {
		line = append(line, "milliseconds", time.Since(e.at).Milliseconds())
	}
	return line
}

// longestLogged is how many bytes a field of an unproved request has in the log.
const longestLogged = 512

// cut shortens a text to what takes so many bytes in JSON.
func cut(text string, most int) string {
	size := 0
	for i, r := range text {
		size += utf8.RuneLen(r)
		if r < ' ' || strings.ContainsRune("\"\\\u2028\u2029", r) {
			size += len(`\u0000`) - 1
		}
		if size > most {
			return text[:i]
		}
	}
	return text
}
