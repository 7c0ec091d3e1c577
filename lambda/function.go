package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
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

// Invoke takes one event from Lambda to its answer: decode, check, register, answer. It fails where nobody can be
// answered or the answer was not taken: then Lambda delivers the event again.
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
	log := f.log.with(fields{"requestType": ev.text("RequestType")})
	workEnd, answerEnd := deadlines(ctx, ev)

	role, out := f.work(ctx, workEnd, log, ev)

	a := answer{
		Status:             "SUCCESS",
		PhysicalResourceId: physicalResourceID(ev, role, out.failure != nil),
		StackId:            ev.text("StackId"),
		RequestId:          ev.text("RequestId"),
		LogicalResourceId:  ev.text("LogicalResourceId"),
	}
	level, trouble := "INFO", ""
	switch {
	case out.failure != nil:
		level, trouble = "ERROR", f.tellable(out.failure)
		a.Status, a.Reason = "FAILED", trouble
	case out.warning != nil:
		level, trouble = "WARN", f.tellable(out.warning)
	}

	ctx, cancel := context.WithDeadline(ctx, answerEnd)
	defer cancel()
	err = f.send(ctx, log, ev, a)
	log.line(level, "outcome", fields{
		"status": a.Status, "error": trouble, "answered": err == nil, "duration": time.Since(start).Seconds(),
	})
	return []byte("null"), err
}

// work checks the event and registers what it says. It returns the role that this is about, where it is a valid one.
func (f *function) work(ctx context.Context, end time.Time, log logger, ev event) (role string, out verdict) {
	kind := ev.kind()
	survives := rules[kind]
	defer func() {
		if p := recover(); p != nil {
			log.line("ERROR", "panic", fields{"error": fmt.Sprint(p), "stackTrace": string(debug.Stack())})
			out = judge(fmt.Errorf("panic in the registration function: %v", p), survives.untold)
		}
	}()

	r, invalid := registrationOf(ev)
	maps.Copy(log.always, fields{"stack": r.stack.name, "role": r.RoleArn}) // on Invoke's line too
	log.line("INFO", "event", nil)

	switch {
	case kind == unknown:
		wrong := fmt.Errorf("RequestType %.40q must be Create, Update or Delete", ev.text("RequestType"))
		return r.RoleArn, verdict{failure: wrong}
	case kind == deletes && r.RoleArn == "": // nothing was registered
		return "", judge(invalid, survives.invalid)
	case kind != deletes && invalid != nil: // of which a Delete leaves out what is not valid
		return r.RoleArn, judge(invalid, survives.invalid)
	case ev.nobodyWaits() && !survives.late:
		return r.RoleArn, verdict{failure: fmt.Errorf("nobody has waited for this request since %s, "+
			"so nothing was registered", ev.waitsUntil().UTC().Format(utcTime))}
	}

	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	refused, err := f.register(ctx, log, r)
	if refused != 0 {
		return r.RoleArn, judge(err, survives.refused)
	}
	return r.RoleArn, judge(err, survives.untold)
}

// tellable is trouble in one line, without what must not be told.
func (f *function) tellable(trouble error) string {
	return f.log.withheld.removeFrom(printable(trouble.Error()))
}

// physicalResourceID is the role's ARN. CloudFormation deletes the resource of an ID that changes, so an Update that
// replaced nothing keeps its ID.
func physicalResourceID(ev event, role string, failed bool) string {
	given := ev.text("PhysicalResourceId")
	switch ev.text("RequestType") {
	case "Create":
		return cmp.Or(role, unregistered)
	case "Update":
		if role != "" && !failed {
			return role
		}
	}
	return cmp.Or(given, unregistered)
}

// deadlines are when the work stops, and when the answer gives up, both before the end.
func deadlines(ctx context.Context, ev event) (work, answer time.Time) {
	now := time.Now()
	end := endOf(ev, now)
	if lambdas, limited := ctx.Deadline(); limited && lambdas.Before(end) {
		end = lambdas
	}
	reserve := min(10*time.Second, end.Sub(now)/3) // for the answer
	farewell := min(500*time.Millisecond, reserve/2)
	return end.Add(-reserve), end.Add(-farewell)
}

// endOf is when nobody waits any more. Where that has passed, and where access ends, which never waits for DoiT, it is
// half a minute from now.
func endOf(ev event, now time.Time) time.Time {
	if ev.kind().endsAccess() || ev.nobodyWaits() {
		return now.Add(30 * time.Second)
	}
	return ev.waitsUntil()
}
