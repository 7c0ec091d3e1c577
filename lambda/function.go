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
	withheld := new(secrets)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if err != nil {
			err = errors.New(withheld.removeFrom(err.Error()))
		}
	}()

	ev, err := decode(payload)
	if err != nil {
		return nil, err
	}
	withheld = ev.withheld
	log := f.log
	log.withheld, log.always = withheld, fields{"requestType": ev.text("RequestType")}
	workEnd, answerEnd := deadlines(ctx, ev)

	role, out := f.work(ctx, workEnd, log, ev)

	a := answer{
		Status:             "SUCCESS",
		PhysicalResourceId: physicalResourceID(ev, role, out.fails),
		StackId:            ev.text("StackId"),
		RequestId:          ev.text("RequestId"),
		LogicalResourceId:  ev.text("LogicalResourceId"),
	}
	level, trouble := "INFO", ""
	if out.trouble != nil {
		level, trouble = "WARN", withheld.tellable(out.trouble.Error(), longestReason)
	}
	if out.fails { // for which CloudFormation wants some reason
		level, a.Status, a.Reason = "ERROR", "FAILED", cmp.Or(trouble, "nothing that can be told")
	}

	ctx, cancel := context.WithDeadline(ctx, answerEnd)
	defer cancel()
	err = f.send(ctx, log, ev, a)
	log.line(level, "outcome", fields{
		"status": a.Status, "error": trouble, "answered": err == nil, "duration": time.Since(ev.came).Seconds(),
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
	role = r.RoleArn
	maps.Copy(log.always, fields{"stack": r.stack.name, "role": role}) // on Invoke's line too
	log.line("INFO", "event", nil)

	switch {
	case kind == unknown:
		given := ev.withheld.tellable(ev.text("RequestType"), 40)
		return role, judge(fmt.Errorf(`RequestType "%s" must be Create, Update or Delete`, given), false)
	case kind == deletes && role == "", kind != deletes && invalid != nil:
		// A Delete of nothing has nothing to post, and any other leaves out what is not valid.
		return role, judge(invalid, survives.invalid)
	case ev.nobodyWaits() && !survives.late:
		return role, judge(fmt.Errorf("nobody has waited for this request since %s, so nothing was registered",
			ev.waitsUntil().UTC().Format(utcTime)), false)
	}

	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	refused, err := f.register(ctx, log, r)
	if refused != 0 {
		return role, judge(err, survives.refused)
	}
	return role, judge(err, survives.untold)
}

// physicalResourceID is the role's ARN. CloudFormation deletes the resource of an ID that changes, so an Update that
// replaced nothing keeps its ID.
func physicalResourceID(ev event, role string, failed bool) string {
	given := cmp.Or(ev.text("PhysicalResourceId"), unregistered)
	switch requestType := ev.text("RequestType"); {
	case requestType == "Create":
		return cmp.Or(role, unregistered)
	case requestType == "Update" && !failed:
		return cmp.Or(role, given)
	}
	return given
}

// deadlines are when the work stops, and when the answer gives up. Both come before the end: when nobody waits any
// more, when Lambda ends the process, or as soon as the event's kind would rather have an answer.
func deadlines(ctx context.Context, ev event) (work, answer time.Time) {
	now := time.Now()
	left := ev.waitsUntil().Sub(now)
	switch survives := rules[ev.kind()]; {
	case survives.late, left <= 0:
		left = 30 * time.Second
	case survives.untold:
		left = min(left, 180*time.Second)
	}
	if lambdas, limited := ctx.Deadline(); limited {
		left = min(left, lambdas.Sub(now))
	}
	end, reserve := now.Add(left), min(10*time.Second, left/3) // for the answer
	return end.Add(-reserve), end.Add(-min(500*time.Millisecond, reserve/2))
}
