package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"
)

// function is what a process knows between events.
type function struct {
	endpoint  string // REGISTRATION_ENDPOINT, checked when it is needed
	transport http.RoundTripper
	log       logger
}

// Invoke takes one event from Lambda to its answer. It fails where nobody can be answered or the answer was not taken:
// then Lambda delivers the event again.
func (f *function) Invoke(ctx context.Context, payload []byte) (_ []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if err != nil {
			err = errors.New(f.log.withheld.removeFrom(err.Error()))
		}
	}()
	start := time.Now()
	ev, err := decode(payload)
	if err != nil {
		return nil, err
	}
	f.log.withheld.reset(ev)
	workEnd, answerEnd := deadlines(ctx, ev)
	log := f.log
	log.about = fields{"requestType": ev.text("RequestType")}
	r, failed, trouble := f.work(ctx, workEnd, log, ev)
	a := answer{Status: "SUCCESS", PhysicalResourceId: physicalResourceID(ev, r.RoleArn, failed),
		StackId: ev.text("StackId"), RequestId: ev.text("RequestId"), LogicalResourceId: ev.text("LogicalResourceId")}
	level, text := "INFO", ""
	if trouble != nil {
		level, text = "WARN", f.log.withheld.removeFrom(printable(trouble.Error()))
	}
	if failed {
		level, a.Status, a.Reason = "ERROR", "FAILED", text
	}
	ctx, cancel := context.WithDeadline(ctx, answerEnd)
	defer cancel()
	err = f.send(ctx, log, ev, a)
	log.line(level, "outcome", fields{"status": a.Status, "error": text, "answered": err == nil, "duration": time.Since(start).Seconds()})
	return []byte("null"), err
}

// work checks the event and registers what it says. It returns what that is, as far as it is valid, whether the answer
// is FAILED, and what went wrong.
func (f *function) work(ctx context.Context, end time.Time, log logger, ev event) (r registration, failed bool, trouble error) {
	untoldFails, refusedFails := fatal(ev)
	defer func() {
		if p := recover(); p != nil {
			log.line("ERROR", "panic", fields{"error": fmt.Sprint(p), "stackTrace": string(debug.Stack())})
			failed, trouble = untoldFails, fmt.Errorf("panic in the registration function: %v", p)
		}
	}()
	r, invalid := registrationOf(ev)
	log.about["stack"], log.about["role"] = r.stack.name, r.RoleArn
	log.line("INFO", "event", nil)
	requestType, deletes := ev.text("RequestType"), ev.text("RequestType") == "Delete"
	switch {
	case requestType != "Create" && requestType != "Update" && !deletes:
		return r, true, fmt.Errorf("RequestType %.40q must be Create, Update or Delete", requestType)
	case deletes && r.RoleArn == "", !deletes && invalid != nil:
		return r, !ev.endsAccess(), invalid
	case !ev.endsAccess() && ev.nobodyWaits():
		return r, true, fmt.Errorf("nobody has waited for this request since %s, so nothing was registered", ev.waitsUntil().UTC().Format(utcTime))
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	refused, err := f.register(ctx, log, r)
	if refused != 0 {
		return r, refusedFails, err
	}
	return r, err != nil && untoldFails, err
}

// fatal tells whether the answer is FAILED where the endpoint could not be told, and where it refused. Otherwise that
// is a warning in the log. What ends access never waits for DoiT: a failed dismissal would be rolled back, and hand the
// access out again.
func fatal(ev event) (untold, refused bool) {
	update, id := ev.text("RequestType") == "Update", ev.text("PhysicalResourceId")
	role, oldRole := ev.given.text("RoleArn"), ev.old.text("RoleArn")
	switch {
	case ev.endsAccess(), update && id == role && oldRole != "" && oldRole != role:
		// The latter rolls a replacement back: a failure would leave the stack in UPDATE_ROLLBACK_FAILED.
		return false, false
	case update && ev.old.text("Access") == dismissed:
		// An approval of which DoiT does not hear must not look like one.
		return true, true
	}
	return !update || role != oldRole && role != id, true
}

// physicalResourceID is the role's ARN. CloudFormation deletes the resource of an ID that changes, so an Update that
// replaced nothing keeps its ID.
func physicalResourceID(ev event, role string, failed bool) string {
	if t := ev.text("RequestType"); t == "Create" || t == "Update" && !failed && role != "" {
		return cmp.Or(role, unregistered)
	}
	return cmp.Or(ev.text("PhysicalResourceId"), unregistered)
}

// deadlines are when the work stops, and when the answer gives up. They leave room before the end: Lambda's deadline,
// or when nobody waits any more, for which what ends access does not care, or 30 seconds from now.
func deadlines(ctx context.Context, ev event) (work, answer time.Time) {
	now := time.Now()
	end := now.Add(30 * time.Second)
	if !ev.endsAccess() && !ev.nobodyWaits() {
		end = ev.waitsUntil()
	}
	if lambdas, limited := ctx.Deadline(); limited && lambdas.Before(end) {
		end = lambdas
	}
	reserve := min(10*time.Second, end.Sub(now)/3)
	return end.Add(-reserve), end.Add(-min(500*time.Millisecond, reserve/2))
}
