package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// endpoint answers POST /v1/registrations.
type endpoint struct {
	audience string
	sts      *stsClient
	stsLimit time.Duration
	role     *roleVerifier // nil: roles are not looked at
	// All calls for one role together have this long.
	roleLimit time.Duration
	store     *store
	tickets   tickets
	log       *slog.Logger

	// Misbehaviour, for demonstrations and tests.
	refuse   string
	throttle *throttle
	early    *early
	hang     bool
	stopping <-chan struct{}
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.hang {
		e.hangUp(w, r)
	}
	switch {
	case !e.throttle.allows(time.Now()):
		e.answer(w, r, event{}, tooManyRequests)
	case r.URL.Path != "/v1/registrations":
		e.answer(w, r, event{}, notFound)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		e.answer(w, r, event{}, methodNotAllowed)
	default:
		ev, err := e.register(r)
		e.answer(w, r, ev, err)
	}
}

// answer writes the answer, and one line to the log: what of it, but neither the
// external ID nor the proof.
func (e *endpoint) answer(w http.ResponseWriter, r *http.Request, ev event, err error) {
	line := []any{
		"requestType", ev.requestType, "requestId", ev.requestID, "account", ev.accountID, "region", ev.region,
		"stack", ev.stack(), "role", ev.roleArn, "ticket", ev.ticketID, "access", ev.access, "caller", ev.caller.arn,
	}
	if !ev.at.IsZero() {
		line = append(line, "milliseconds", time.Since(ev.at).Milliseconds())
	}
	w.Header().Set("Cache-Control", "no-store")
	var refusal *Problem
	if !errors.As(err, &refusal) {
		e.log.InfoContext(r.Context(), "taken", append(line, "status", http.StatusOK, "registration", ev.id)...)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"registrationId": ev.id}) // the caller may have gone, and will ask again
		return
	}
	level := slog.LevelWarn
	if refusal.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	e.log.Log(r.Context(), level, "refused", append(line, "status", refusal.Status, "problem", refusal.name(), "error", err.Error())...)
	refusal.write(w)
}

// take records the event in a transaction that looks at the row once more.
func (e *endpoint) take(ctx context.Context, ev event, seen row, role registrations.Look) (event, error) {
	ev.role = role
	id, gone, err := e.store.take(ctx, ev, seen)
	ev.id = id
	if err != nil {
		return ev, otherwise(storageUnavailable, err)
	}
	if gone {
		return ev, notRegistered
	}
	return ev, nil
}
