package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// function is what one process knows between events.
type function struct {
	endpoint  string // REGISTRATION_ENDPOINT, checked when it is needed
	transport http.RoundTripper
	withheld  *secrets
}

// Invoke takes one event from Lambda to its answer. It fails where nobody can
// be answered, or the answer could not be delivered: then Lambda delivers the
// event again.
func (f *function) Invoke(ctx context.Context, payload []byte) (_ []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if err != nil {
			err = errors.New(f.withheld.removeFrom(err.Error()))
		}
	}()
	start := time.Now()
	ev, err := decode(payload)
	if err != nil {
		return nil, err
	}
	f.withheld.reset(ev)
	s, _ := parseStackID(ev.stackID)
	log := slog.With("requestType", ev.requestType, "stack", s.name)

	workEnd, answerEnd := deadlines(ctx, ev)
	r, failed, trouble := f.work(ctx, workEnd, log, ev)

	a := answer{
		Status:             "SUCCESS",
		PhysicalResourceID: physicalResourceID(ev, r.RoleArn, failed),
		StackID:            ev.stackID,
		RequestID:          ev.requestID,
		LogicalResourceID:  ev.logicalResourceID,
	}
	level := slog.LevelInfo
	text := ""
	if trouble != nil {
		level = slog.LevelWarn
		text = f.withheld.removeFrom(printable(strings.ReplaceAll(trouble.Error(), "\n", "; ")))
	}
	if failed {
		level = slog.LevelError
		a.Status, a.Reason = "FAILED", text
	}
	ctx, cancel := context.WithDeadline(ctx, answerEnd)
	defer cancel()
	err = f.send(ctx, log, ev, a)
	log.Log(ctx, level, "outcome", "role", r.RoleArn, "status", a.Status, "error", text, "answered", err == nil,
		"duration", time.Since(start).Seconds())
	return []byte("null"), err
}

// work checks the event and registers what it says. It returns what was
// registered as far as it is valid, what went wrong, and whether that makes
// the answer FAILED.
func (f *function) work(ctx context.Context, end time.Time, log logger, ev event) (r registration, failed bool, trouble error) {
	rule := ruleOf(ev)
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic", "error", fmt.Sprint(p), "stackTrace", string(debug.Stack()))
			failed, trouble = rule.untold, fmt.Errorf("the function failed unexpectedly, which its log shows as a panic: %v", p)
		}
	}()
	r, invalid := registrationOf(ev)
	log = log.With("role", r.RoleArn)
	log.Info("event")

	deletion := ev.requestType == "Delete"
	switch {
	case ev.requestType != "Create" && ev.requestType != "Update" && !deletion:
		return r, true, fmt.Errorf("RequestType %.40q is not Create, Update or Delete", ev.requestType)
	case deletion && r.RoleArn == "":
		return r, false, invalid
	case invalid != nil && !deletion:
		return r, rule.invalid, invalid
	case rule.late && ev.nobodyWaits():
		return r, true, fmt.Errorf("nobody has been waiting for this request since %s, so that it was not registered; try again",
			ev.waitsUntil().UTC().Format(utcTime))
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	err := f.register(ctx, log, r)
	var refused *refusal
	if errors.As(err, &refused) && !refused.passing {
		if deletion && (refused.status == http.StatusNotFound || refused.status == http.StatusGone) {
			return r, false, nil
		}
		return r, rule.refused, err
	}
	return r, err != nil && rule.untold, err
}

// rule tells which troubles make an answer FAILED: properties that are not
// valid, an endpoint that could not be told, one that refused, and nobody
// waiting. What does not fail is a warning in the log.
type rule struct{ invalid, untold, refused, late bool }

// ruleOf is the design's table of what CloudFormation is told. Where several
// kinds of Update fit, the last one in it counts.
func ruleOf(ev event) rule {
	role, oldRole, id := ev.properties.text("RoleArn"), ev.oldProperties.text("RoleArn"), ev.physicalResourceID
	switch {
	case ev.endsAccess():
		// It never waits for DoiT, and a failed dismissal would be rolled back, which would hand the access out again.
		return rule{}
	case ev.requestType != "Update":
		return rule{invalid: true, untold: true, refused: true, late: true}
	case id == role && oldRole != "" && oldRole != role:
		// A replacement is being rolled back: a failure would strand the stack in UPDATE_ROLLBACK_FAILED.
		return rule{invalid: true, late: true}
	case ev.oldProperties.text("Access") == dismissed:
		// An approval that DoiT does not hear of must not look like one.
		return rule{invalid: true, untold: true, refused: true, late: true}
	case role == oldRole || role == id:
		return rule{invalid: true, refused: true, late: true}
	}
	return rule{invalid: true, untold: true, refused: true, late: true}
}

// endsAccess tells whether the event is a Delete or a dismissal.
func (ev event) endsAccess() bool {
	return ev.requestType == "Delete" || ev.requestType == "Update" && ev.properties.text("Access") == dismissed
}

// physicalResourceID is the role's ARN. A changed one makes CloudFormation
// delete the old one, so whatever did not replace anything keeps its ID.
func physicalResourceID(ev event, role string, failed bool) string {
	id := ev.physicalResourceID
	if ev.requestType == "Create" || ev.requestType == "Update" && !failed && role != "" {
		id = role
	}
	if id == "" {
		return unregistered
	}
	return id
}

// deadlines are when the work stops and when the answer gives up. The end is
// Lambda's deadline, or the moment when nobody waits any more, or, where the
// answer does not depend on anybody's hearing of it, 30 seconds from now.
func deadlines(ctx context.Context, ev event) (work, answer time.Time) {
	now := time.Now()
	end := now.Add(30 * time.Second)
	lambda, limited := ctx.Deadline()
	until := ev.waitsUntil()
	if limited && (lambda.Before(end) || !ev.endsAccess() && !ev.nobodyWaits()) {
		end = lambda
	}
	if !ev.endsAccess() && until.After(now) && until.Before(end) {
		end = until
	}
	reserve := min(10*time.Second, end.Sub(now)/3)
	return end.Add(-reserve), end.Add(-min(500*time.Millisecond, reserve/2))
}
