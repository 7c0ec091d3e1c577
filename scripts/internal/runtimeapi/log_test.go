package runtimeapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

func TestTheLogsLevelIsThatOfTheEnvironment(t *testing.T) {
	t.Parallel()
	for level, least := range map[string]string{"": "INFO", "TRACE": "INFO", "WARN": "WARN", "ERROR": "ERROR"} {
		t.Run("level "+level, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, problem(403, "no"), ok)
			s.env = with(s.env, map[string]string{"AWS_LAMBDA_LOG_LEVEL": level})
			s.invoke(s.event("Create"))
			s.want("FAILED", runtimeapi.RoleARN)
			if lines := s.lines(); len(lines) == 0 || lines[0].Level != least {
				t.Errorf("the log begins otherwise than with %s:\n%s", least, s.log())
			}
		})
	}
}

// Whatever goes wrong on the way, at the most talkative level: newScene holds
// every line and every error against the secrets of the event.
func TestNoFailureSpillsASecret(t *testing.T) {
	t.Parallel()
	const id = runtimeapi.ExternalID
	refusal := "<Error><AWSAccessKeyId>AKIAEXAMPLEOFCFN</AWSAccessKeyId><SignatureProvided>" +
		"000000000000000000000000000000000000000000000000000000feedc0ffee</SignatureProvided></Error>"
	answerAt := func(address string) func(*scene, event) {
		return func(_ *scene, e event) { e["ResponseURL"] = runtimeapi.ResponseURL(address, time.Now()) }
	}
	for name, c := range map[string]struct {
		endpoint, cloudformation http.HandlerFunc
		change                   func(*scene, event)
	}{
		"an answer is redirected":                     {cloudformation: reply(302, "Location", "/elsewhere")},
		"an answer is refused with its own words":     {cloudformation: body(403, refusal)},
		"an answer is reset":                          {cloudformation: reset},
		"an answer meets nonsense":                    {cloudformation: raw("nonsense\r\n\r\n")},
		"nobody takes the answer":                     {change: answerAt(nobody(t))},
		"the ResponseURL's host is not found":         {change: answerAt("nowhere.invalid")},
		"the endpoint is redirected":                  {endpoint: reply(302, "Location", "/elsewhere")},
		"the endpoint repeats the external ID":        {endpoint: problem(403, "no: "+id)},
		"a try repeats the external ID":               {endpoint: inTurn(problem(503, id), ok)},
		"the endpoint is reset":                       {endpoint: reset},
		"the endpoint speaks nonsense":                {endpoint: raw(id + "\r\n\r\n")},
		"the endpoint's head repeats the external ID": {endpoint: raw("HTTP/1.1 " + id + "\r\n" + id + "\r\n\r\n")},
		"the endpoint is nobody": {change: func(s *scene, _ event) {
			s.env["REGISTRATION_ENDPOINT"] = "https://" + nobody(s.T) + "/v1/registrations"
		}},
		"the external ID is wrong": {change: func(_ *scene, e event) {
			properties(e)["ExternalId"] = "a secret; but not a valid one"
		}},
		"the external ID is a list": {change: func(s *scene, e event) {
			properties(e)["ExternalId"] = []any{"a-secret-in-a-list"}
			s.externalIDs = append(s.externalIDs, "a-secret-in-a-list")
		}},
		"the external ID is everywhere": {change: func(_ *scene, e event) {
			e["LogicalResourceId"], e["RequestId"], e["RequestType"] = id, id, id
			properties(e)["TicketId"], properties(e)["RoleArn"] = id, id
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, handler := range []*http.HandlerFunc{&c.endpoint, &c.cloudformation} {
				if *handler == nil {
					*handler = ok
				}
			}
			s := newScene(t, c.endpoint, c.cloudformation)
			s.env["AWS_LAMBDA_LOG_LEVEL"] = "TRACE"
			e := s.event("Create")
			if c.change != nil {
				c.change(s, e)
			}
			s.invokeWithin(e, limit)
			if len(s.lines()) == 0 {
				t.Error("the log is empty")
			}
		})
	}
}

// The runtime library prints through package log when its API goes away.
func TestTheLastWordsOfTheRuntimeLibraryAreJSON(t *testing.T) {
	t.Parallel()
	s := newScene(t, ok, ok)
	s.invoke(s.event("Create"))
	s.want("SUCCESS", runtimeapi.RoleARN)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.process.Disconnect(ctx); err != nil {
		t.Fatal(err)
	}
	lines := s.lines()
	if len(lines) < 3 || !strings.Contains(s.log(), "SUCCESS") {
		t.Fatalf("the library's last words are missing:\n%s", s.log())
	}
	last := lines[len(lines)-1]
	if year := last.Timestamp[:4]; last.Level != "ERROR" || strings.HasPrefix(last.Message, year) {
		t.Errorf("%s, want an error without a second time", last.raw)
	}
}
