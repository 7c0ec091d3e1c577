package runtimeapi_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

func TestTheLogTellsTheStory(t *testing.T) {
	t.Parallel()
	s := newScene(t, inTurn(reply(503), reply(429), ok), ok)
	s.invoke(s.event("Create"))
	s.want("SUCCESS", runtimeapi.RoleARN)
	log := s.log()
	for _, part := range []string{"Create", runtimeapi.StackName, runtimeapi.RoleARN, "503", "429", "SUCCESS"} {
		if !strings.Contains(log, part) {
			t.Errorf("the log does not say %q:\n%s", part, log)
		}
	}
	// The event, two failed tries, the outcome.
	if n := len(s.lines()); n < 4 || n > 6 {
		t.Errorf("the log has %d lines:\n%s", n, log)
	}
}

func TestTheLogSaysWhyACreateFailed(t *testing.T) {
	t.Parallel()
	s := newScene(t, problem(403, "the ticket is not open"), ok)
	s.invoke(s.event("Create"))
	s.want("FAILED", runtimeapi.RoleARN, "the ticket is not open")
	if log := s.log(); !strings.Contains(log, "the ticket is not open") || !strings.Contains(log, "FAILED") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestTheLogIsFiltered(t *testing.T) {
	t.Parallel()
	for i, level := range levels {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, inTurn(reply(503), ok), inTurn(ok, reply(403), ok))
			s.env["AWS_LAMBDA_LOG_LEVEL"] = level
			s.invoke(s.event("Create"))
			s.invoke(s.event("Create")) // its answer is refused
			e := s.event("Create")
			delete(properties(e), "RoleArn")
			s.invoke(e)
			lines := s.lines()
			for _, l := range lines {
				if slices.Index(levels, l.Level) < i {
					t.Errorf("a line of %s at %s: %s", l.Level, level, l.raw)
				}
			}
			if level == "FATAL" && len(lines) > 0 || i <= slices.Index(levels, "ERROR") && len(lines) == 0 {
				t.Errorf("the log has %d lines:\n%s", len(lines), s.log())
			}
		})
	}
	for _, level := range []string{"", "VERBOSE", "5", "info "} {
		t.Run("INFO for "+level, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			s.env = with(s.env, map[string]string{"AWS_LAMBDA_LOG_LEVEL": level})
			s.invoke(s.event("Create"))
			s.want("SUCCESS", runtimeapi.RoleARN)
			lines := s.lines()
			if len(lines) == 0 || slices.ContainsFunc(lines, func(l line) bool { return slices.Index(levels, l.Level) < slices.Index(levels, "INFO") }) {
				t.Errorf("the log is\n%s", s.log())
			}
		})
	}
}

// Whatever goes wrong on the way, at the most talkative level: newScene holds
// every line and every error against the secrets of the event.
func TestNoFailureSpillsASecret(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		stage func(*testing.T) *scene
		event func(*scene) event
	}{
		{"an answer is redirected", func(t *testing.T) *scene { return newScene(t, ok, reply(302, "Location", "/elsewhere")) }, nil},
		{"an answer is refused with its own words", func(t *testing.T) *scene {
			return newScene(t, ok, body(403, "<Error><AWSAccessKeyId>AKIAEXAMPLEOFCFN</AWSAccessKeyId><SignatureProvided>000000000000000000000000000000000000000000000000000000feedc0ffee</SignatureProvided></Error>"))
		}, nil},
		{"an answer is reset", func(t *testing.T) *scene { return newScene(t, ok, reset) }, nil},
		{"an answer meets nonsense", func(t *testing.T) *scene { return newScene(t, ok, raw("nonsense\r\n\r\n")) }, nil},
		{"nobody takes the answer", func(t *testing.T) *scene { return newScene(t, ok, ok) }, func(s *scene) event {
			e := s.event("Create")
			e["ResponseURL"] = runtimeapi.ResponseURL(nobody(s.T), time.Now())
			return e
		}},
		{"the ResponseURL's host is not found", func(t *testing.T) *scene { return newScene(t, ok, ok) }, func(s *scene) event {
			e := s.event("Create")
			e["ResponseURL"] = runtimeapi.ResponseURL("nowhere.invalid", time.Now())
			return e
		}},
		{"the endpoint is redirected", func(t *testing.T) *scene { return newScene(t, reply(302, "Location", "/elsewhere"), ok) }, nil},
		{"the endpoint repeats all it was told", func(t *testing.T) *scene {
			return newScene(t, problem(403, "no: "+runtimeapi.ExternalID), ok)
		}, nil},
		{"a try of the endpoint repeats the external ID", func(t *testing.T) *scene {
			return newScene(t, inTurn(problem(503, runtimeapi.ExternalID), ok), ok)
		}, nil},
		{"the endpoint is reset", func(t *testing.T) *scene { return newScene(t, reset, ok) }, nil},
		{"the endpoint speaks nonsense", func(t *testing.T) *scene { return newScene(t, raw(runtimeapi.ExternalID+"\r\n\r\n"), ok) }, nil},
		{"the endpoint's head repeats the external ID", func(t *testing.T) *scene {
			return newScene(t, raw("HTTP/1.1 "+runtimeapi.ExternalID+"\r\n"+runtimeapi.ExternalID+"\r\n\r\n"), ok)
		}, nil},
		{"the endpoint is nobody", func(t *testing.T) *scene {
			s := newScene(t, ok, ok)
			s.env["REGISTRATION_ENDPOINT"] = "https://" + nobody(t) + "/v1/registrations"
			return s
		}, nil},
		{"the external ID is wrong", func(t *testing.T) *scene { return newScene(t, ok, ok) }, func(s *scene) event {
			e := s.event("Create")
			properties(e)["ExternalId"] = "a secret; but not a valid one"
			return e
		}},
		{"the external ID is a list", func(t *testing.T) *scene { return newScene(t, ok, ok) }, func(s *scene) event {
			e := s.event("Create")
			properties(e)["ExternalId"] = []any{"a-secret-in-a-list"}
			s.externalIDs = append(s.externalIDs, "a-secret-in-a-list")
			return e
		}},
		{"the external ID is somewhere else too", func(t *testing.T) *scene { return newScene(t, ok, ok) }, func(s *scene) event {
			e := s.event("Create")
			e["LogicalResourceId"], e["RequestId"] = runtimeapi.ExternalID, runtimeapi.ExternalID
			properties(e)["TicketId"] = runtimeapi.ExternalID
			return e
		}},
		{"the request type is the external ID", func(t *testing.T) *scene { return newScene(t, ok, ok) }, func(s *scene) event {
			e := s.event("Create")
			e["RequestType"] = runtimeapi.ExternalID
			return e
		}},
		{"the role ARN holds the external ID", func(t *testing.T) *scene { return newScene(t, ok, ok) }, func(s *scene) event {
			e := s.event("Create")
			properties(e)["RoleArn"] = runtimeapi.ExternalID
			return e
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.stage(t)
			s.env["AWS_LAMBDA_LOG_LEVEL"] = "TRACE"
			e := s.event("Create")
			if c.event != nil {
				e = c.event(s)
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
