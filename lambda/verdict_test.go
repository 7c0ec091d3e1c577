package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

type change = func(event, given map[string]any)

const otherRole = "arn:aws:iam::111122223333:role/doit/s-SupportRole-2"

// The rows of the design's table.
var events = []struct {
	name, requestType string
	change            change
}{
	{"Create", "Create", nil},
	{"Create dismissed", "Create", func(_, given map[string]any) { given["Access"] = "dismissed" }},
	{"Update to another role", "Update", func(ev, _ map[string]any) {
		ev["PhysicalResourceId"], ev["OldResourceProperties"] = otherRole, map[string]any{"RoleArn": otherRole}
	}},
	{"Update that keeps the role", "Update", func(ev, _ map[string]any) {
		ev["OldResourceProperties"] = map[string]any{"RoleArn": testRole}
	}},
	{"Update that approves again", "Update", func(ev, _ map[string]any) {
		ev["OldResourceProperties"] = map[string]any{"RoleArn": testRole, "Access": "dismissed"}
	}},
	{"Update that rolls back", "Update", func(ev, _ map[string]any) {
		ev["OldResourceProperties"] = map[string]any{"RoleArn": otherRole, "Access": "dismissed"}
	}},
	{"Update to dismissed", "Update", func(_, given map[string]any) { given["Access"] = "dismissed" }},
	{"Delete", "Delete", nil},
	{"Read", "Read", nil},
}

// The columns, and what is in them, a word for each row: FAILED or warned, with + where the endpoint was called.
var faults = []struct {
	name     string
	change   change
	endpoint func(http.ResponseWriter, *http.Request, int)
	want     string
}{
	{"nothing", nil, status(200),
		"ok+ ok+ ok+ ok+ ok+ ok+ ok+ ok+ FAILED"},
	{"invalid property", func(_, given map[string]any) { given["TicketId"] = "?" }, status(200),
		"FAILED FAILED FAILED FAILED FAILED FAILED warned ok+ FAILED"},
	{"missing property", func(_, given map[string]any) { delete(given, "ExternalId") }, status(200),
		"FAILED FAILED FAILED FAILED FAILED FAILED warned ok+ FAILED"},
	{"untold", nil, status(503),
		"FAILED+ FAILED+ FAILED+ warned+ FAILED+ warned+ warned+ warned+ FAILED"},
	{"refused", nil, status(403),
		"FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ warned+ warned+ warned+ FAILED"},
	{"gone", nil, status(410),
		"FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ warned+ warned+ ok+ FAILED"},
	{"late", func(ev, _ map[string]any) {
		ev["ResponseURL"] = "https://answer.test/a?X-Amz-Date=19990101T000000Z&X-Amz-Expires=60"
	}, status(200), "FAILED FAILED FAILED FAILED FAILED FAILED ok+ ok+ FAILED"},
}

func TestWhatCloudFormationIsTold(t *testing.T) {
	for _, fault := range faults {
		for i, want := range strings.Fields(fault.want) {
			ev := events[i]
			t.Run(ev.name+", "+fault.name, func(t *testing.T) {
				play(t, func(s *scene) {
					s.endpoint = fault.endpoint
					if err := s.invoke(ev.requestType, func(raw, given map[string]any) {
						if ev.requestType != "Create" {
							raw["PhysicalResourceId"] = testRole
						}
						for _, change := range []change{ev.change, fault.change} {
							if change != nil {
								change(raw, given)
							}
						}
					}); err != nil {
						t.Fatal(err)
					}
					if got := s.verdict(); got != want {
						t.Errorf("got %s, want %s; answer %+v; log:\n%s", got, want, s.answer(), &s.log)
					}
				})
			})
		}
	}
}

// verdict is what became of the event, in the table's words.
func (s *scene) verdict() string {
	said := "ok"
	switch {
	case s.answer().Status == "FAILED":
		said = "FAILED"
	case strings.Contains(s.log.String(), `"level":"WARN","message":"outcome"`):
		said = "warned"
	}
	if len(s.at("endpoint.test")) > 0 {
		said += "+"
	}
	return said
}

// A document is on the wire as the contract has it, with its headers.
func TestWhatIsPosted(t *testing.T) {
	play(t, func(s *scene) {
		var header http.Header
		s.endpoint = func(_ http.ResponseWriter, r *http.Request, n int) { header = r.Header }
		if err := s.invoke("Create", func(_, given map[string]any) { given["AccessExpires"] = "2030-01-01T00:00:00Z" }); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(s.tries[0].body, &got); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"requestType": "Create", "requestId": "r", "stackId": testStack, "accountId": "111122223333", "region": "eu-west-1",
			"roleArn": testRole, "externalId": testExternalID, "ticketId": "12345", "access": "approved",
			"accessExpires": "2030-01-01T00:00:00Z", "issuedAt": s.start.UTC().Format(time.RFC3339),
		} {
			if got[name] != want {
				t.Errorf("%s is %q, want %q", name, got[name], want)
			}
			delete(got, name)
		}
		if len(got) > 0 {
			t.Errorf("more is posted: %v", got)
		}
		for name, want := range map[string]string{"Content-Type": "application/json", "User-Agent": "doit-aws-ro-access/1.0.0"} {
			if header.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, header.Get(name), want)
			}
		}
	})
}

func TestConfigurationThatIsWrongIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*scene)
		says   string
	}{
		"a plain endpoint": {func(s *scene) { s.f.endpoint = "http://endpoint.test/" }, "REGISTRATION_ENDPOINT"},
		"no session token": {func(s *scene) { s.t.Setenv("AWS_SESSION_TOKEN", "") }, "credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				c.change(s)
				if err := s.invoke("Create", nil); err != nil {
					t.Fatal(err)
				}
				if a := s.answer(); a.Status != "FAILED" || !strings.Contains(a.Reason, c.says) || len(s.at("endpoint.test")) > 0 {
					t.Errorf("answered %+v", a)
				}
			})
		})
	}
}
