package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

var (
	replaces  = setOld("RoleArn", otherRole) // with the id of the new role: it rolls back
	dismissal = set("Access", "dismissed")
)

func all(changes ...change) change {
	return func(ev, given, old map[string]any) {
		for _, change := range changes {
			change(ev, given, old)
		}
	}
}

// The rows of the design's table, and of the cases where several fit.
var events = []struct {
	name, requestType string
	change            change
	id                string // that a success is answered with
}{
	{"Create", "Create", nil, testRole},
	{"Create dismissed", "Create", dismissal, testRole},
	{"Update to another role", "Update", all(setEvent("PhysicalResourceId", otherRole), replaces), testRole},
	{"Update of who knows what", "Update", all(setEvent("PhysicalResourceId", otherRole),
		setEvent("OldResourceProperties", nil)), testRole},
	{"Update that approves", "Update", setOld("Access", "dismissed"), testRole},
	{"Update that approves with a word less", "Update", all(setOld("Access", "dismissed"), set("Access", nil)), testRole},
	{"Update that keeps the role of its id", "Update", setEvent("OldResourceProperties", nil), testRole},
	{"Update that keeps the old role", "Update", setEvent("PhysicalResourceId", otherRole), testRole},
	{"Update that rolls back", "Update", replaces, testRole},
	{"Update that rolls back a dismissal too", "Update", all(replaces, setOld("Access", "dismissed")), testRole},
	{"Update to dismissed", "Update", dismissal, testRole},
	{"Update to dismissed, as before", "Update", all(dismissal, setOld("Access", "dismissed")), testRole},
	{"Update to dismissed and another role", "Update", all(dismissal, replaces,
		setEvent("PhysicalResourceId", otherRole)), testRole},
	{"Update to dismissed that rolls back", "Update", all(dismissal, replaces), testRole},
	{"Delete", "Delete", nil, testRole},
	{"Delete of the dismissed", "Delete", dismissal, testRole},
	{"Read", "Read", nil, ""},
}

// The columns, and what is in them, a word for each row: FAILED or warned, with + where the endpoint was called.
var faults = []struct {
	name     string
	change   change
	endpoint handler
	says     string
	want     string
}{
	{"nothing", nil, status(200), "",
		"ok+ ok+ ok+ ok+ ok+ ok+ ok+ ok+ ok+ ok+ ok+ ok+ ok+ ok+ ok+ ok+ FAILED"},
	{"an invalid property", set("TicketId", "?"), status(200), `TicketId "?" must have`,
		"FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED warned warned warned warned ok+ ok+ FAILED"},
	{"a missing property", set("ExternalId", nil), status(200), "ExternalId is missing",
		"FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED warned warned warned warned ok+ ok+ FAILED"},
	{"an end that has passed", set("AccessExpires", "1999-12-31T23:59:59Z"), status(200), "1999-12-31T23:59:59Z",
		"FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED warned warned warned warned ok+ ok+ FAILED"},
	{"untold", nil, status(503), "registration endpoint: answered 503 Service Unavailable (try ",
		"FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ " +
			"warned+ warned+ warned+ warned+ warned+ warned+ warned+ warned+ warned+ warned+ FAILED"},
	{"refused", nil, problem(403, "no such ticket"), "registration endpoint: answered 403 Forbidden: no such ticket",
		"FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ " +
			"warned+ warned+ warned+ warned+ warned+ warned+ warned+ warned+ FAILED"},
	{"gone", nil, status(410), "410 Gone",
		"FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ FAILED+ " +
			"warned+ warned+ warned+ warned+ warned+ warned+ ok+ ok+ FAILED"},
	{"late", func(ev, _, _ map[string]any) {
		ev["ResponseURL"] = "https://answer.test/a?X-Amz-Date=19991231T235900Z&X-Amz-Expires=60"
	}, status(200), "since 2000-01-01T00:00:00Z",
		"FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED FAILED ok+ ok+ ok+ ok+ ok+ ok+ FAILED"},
}

func TestWhatCloudFormationIsTold(t *testing.T) {
	for _, fault := range faults {
		words := strings.Fields(fault.want)
		if len(words) != len(events) {
			t.Fatalf("%s: %d words for %d events", fault.name, len(words), len(events))
		}
		for i, ev := range events {
			t.Run(fault.name+"/"+ev.name, func(t *testing.T) {
				play(t, func(s *scene) {
					s.endpoint = fault.endpoint
					s.mustInvoke(ev.requestType, ev.change, fault.change)
					if got := s.verdict(); got != words[i] {
						t.Errorf("got %s, want %s; answer %+v; log:\n%s", got, words[i], s.answer(), s.log)
					}
					a := s.answer()
					if a.Status == "SUCCESS" && a.PhysicalResourceId != ev.id {
						t.Errorf("the id is %s, want %s", a.PhysicalResourceId, ev.id)
					}
					if a.Status == "FAILED" && ev.requestType != "Read" {
						s.want("FAILED", fault.says)
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
	if len(s.posts()) > 0 {
		said += "+"
	}
	return said
}

func TestALaunchOrApprovalWhoseEndHasPassedFails(t *testing.T) {
	for name, c := range map[string]struct {
		requestType string
		change      change
		refused     bool
	}{
		"Create":                 {"Create", nil, true},
		"Create dismissed":       {"Create", dismissal, true},
		"approval":               {"Update", setOld("Access", "dismissed"), true},
		"approval, unsaid":       {"Update", all(setOld("Access", "dismissed"), set("Access", nil)), true},
		"Update":                 {"Update", nil, false},
		"Update to another role": {"Update", all(replaces, setEvent("PhysicalResourceId", otherRole)), false},
		"rollback to approved":   {"Update", all(replaces, setOld("Access", "dismissed")), false},
		"dismissal":              {"Update", dismissal, false},
		"Delete":                 {"Delete", nil, false},
	} {
		for expires, passed := range map[time.Duration]bool{
			-24 * time.Hour: true, 0: true, time.Second: false, 24 * time.Hour: false,
		} {
			t.Run(fmt.Sprint(name, " ", expires), func(t *testing.T) {
				play(t, func(s *scene) {
					time.Sleep(time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC).Sub(s.start))
					at := time.Now().Add(expires).UTC().Format(utcTime)
					s.mustInvoke(c.requestType, c.change, set("AccessExpires", at))
					if passed && c.refused {
						s.want("FAILED", "AccessExpires", at, "that has not passed")
						if len(s.posts()) > 0 {
							t.Error("it was posted")
						}
						return
					}
					s.want("SUCCESS")
					if got := s.posted()["accessExpires"]; got != at {
						t.Errorf("accessExpires is %q, want %q", got, at)
					}
				})
			})
		}
	}
}

func TestAnyOtherRequestTypeFails(t *testing.T) {
	for _, requestType := range []any{nil, "", "create", "Read", "DELETE", 1, []string{"Create"}} {
		t.Run(fmt.Sprint(requestType), func(t *testing.T) {
			play(t, func(s *scene) {
				s.mustInvoke("Update", setEvent("RequestType", requestType))
				text, _ := requestType.(string)
				s.want("FAILED", `RequestType "`+text+`" must be Create, Update or Delete`)
				if s.answer().PhysicalResourceId != testRole || len(s.posts()) > 0 {
					t.Errorf("answered %+v after %d posts", s.answer(), len(s.posts()))
				}
			})
		})
	}
}

func TestTheIDOfAnAnswer(t *testing.T) {
	const madeUp = "s-Registration-1QOVBHTGDMGZ2"
	foreign := strings.Replace(testRole, "1111", "9999", 1)
	for name, c := range map[string]struct {
		requestType      string
		id, role         any // nil for none
		want, posted     string
		answered, status string
	}{
		"a Delete of the id's role":                {"Delete", otherRole, testRole, otherRole, otherRole, "", "SUCCESS"},
		"a Delete, with a wrong property":          {"Delete", otherRole, "nonsense", otherRole, otherRole, "", "SUCCESS"},
		"a Delete, with no property":               {"Delete", otherRole, nil, otherRole, otherRole, "", "SUCCESS"},
		"a Delete of an id made up":                {"Delete", madeUp, testRole, madeUp, testRole, "", "SUCCESS"},
		"a Delete of an id made up, and no role":   {"Delete", madeUp, foreign, madeUp, "", "", "SUCCESS"},
		"a Delete of another account's":            {"Delete", foreign, nil, foreign, "", "", "SUCCESS"},
		"a Delete of nothing":                      {"Delete", unregistered, testRole, unregistered, "", "", "SUCCESS"},
		"a Delete of nothing at all":               {"Delete", nil, nil, unregistered, "", "", "SUCCESS"},
		"a Delete without an id":                   {"Delete", nil, testRole, unregistered, testRole, "", "SUCCESS"},
		"a Delete of an id of another type":        {"Delete", 5, nil, unregistered, "", "", "SUCCESS"},
		"a Create that knows no role":              {"Create", nil, "nonsense", unregistered, "", "", "FAILED"},
		"a Create that knows no role, but an id":   {"Create", "x", nil, unregistered, "", "", "FAILED"},
		"a Create that is refused":                 {"Create", nil, testRole, testRole, testRole, "403", "FAILED"},
		"an Update with a wrong role":              {"Update", otherRole, "nonsense", otherRole, "", "", "FAILED"},
		"an Update that is refused":                {"Update", otherRole, testRole, otherRole, testRole, "403", "FAILED"},
		"an Update to another role":                {"Update", otherRole, testRole, testRole, testRole, "", "SUCCESS"},
		"an Update of what was never registered":   {"Update", unregistered, "nonsense", unregistered, "", "", "FAILED"},
		"an Update of what was registered at last": {"Update", unregistered, testRole, testRole, testRole, "", "SUCCESS"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				if c.answered == "403" {
					s.endpoint = status(http.StatusForbidden)
				}
				s.mustInvoke(c.requestType, setEvent("PhysicalResourceId", c.id), set("RoleArn", c.role))
				s.want(c.status)
				if got := s.answer().PhysicalResourceId; got != c.want {
					t.Errorf("answered with the id %s, want %s", got, c.want)
				}
				if c.posted == "" {
					if n := len(s.posts()); n > 0 {
						t.Errorf("%d posts", n)
					}
					return
				}
				if got := s.posted()["roleArn"]; got != c.posted {
					t.Errorf("posted %s, want %s", got, c.posted)
				}
			})
		})
	}
}

func TestADismissalWhoseRoleIsNotValidKeepsItsID(t *testing.T) {
	for name, change := range map[string]change{
		"RoleArn": set("RoleArn", "nonsense"), "StackId": setEvent("StackId", "nonsense"),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.mustInvoke("Update", dismissal, change)
				s.want("SUCCESS")
				if got := s.answer().PhysicalResourceId; got != testRole || s.verdict() != "warned" {
					t.Errorf("answered with the id %s, %s", got, s.verdict())
				}
			})
		})
	}
}

func TestConfigurationThatIsWrongIsUntold(t *testing.T) {
	endpoint := func(value string) func(*scene) { return func(s *scene) { s.f.endpoint = value } }
	unset := func(name string) func(*scene) { return func(s *scene) { s.Setenv(name, "") } }
	for name, c := range map[string]struct {
		change func(*scene)
		says   string
	}{
		"no endpoint":          {endpoint(""), "REGISTRATION_ENDPOINT"},
		"nonsense":             {endpoint("https://h/%zz"), "REGISTRATION_ENDPOINT"},
		"plain http":           {endpoint("http://endpoint.test/"), "REGISTRATION_ENDPOINT"},
		"no host":              {endpoint("https:///v1"), "REGISTRATION_ENDPOINT"},
		"a port alone":         {endpoint("https://:443/v1"), "REGISTRATION_ENDPOINT"},
		"user info":            {endpoint("https://user:password@endpoint.test/"), "REGISTRATION_ENDPOINT"},
		"a query":              {endpoint("https://endpoint.test/?"), "REGISTRATION_ENDPOINT"},
		"a fragment":           {endpoint("https://endpoint.test/#a"), "REGISTRATION_ENDPOINT"},
		"white space":          {endpoint(" https://endpoint.test/"), "REGISTRATION_ENDPOINT"},
		"no access key":        {unset("AWS_ACCESS_KEY_ID"), "credentials"},
		"no secret access key": {unset("AWS_SECRET_ACCESS_KEY"), "credentials"},
		"no session token":     {unset("AWS_SESSION_TOKEN"), "credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				c.change(s)
				s.mustInvoke("Create")
				s.want("FAILED", c.says)
				if s.mustInvoke("Update"); s.verdict() != "warned" {
					t.Errorf("an Update is %s", s.verdict())
				}
				if strings.Contains(s.log.String(), "password") {
					t.Errorf("the log has the password:\n%s", s.log)
				}
			})
		})
	}
}

// panicking is a transport whose calls to the endpoint panic.
type panicking struct{ http.RoundTripper }

func (p panicking) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "endpoint.test" {
		panic(fmt.Sprintf("of %q\n", testExternalID))
	}
	return p.RoundTripper.RoundTrip(r)
}

func TestAPanicIsAnsweredAsUntoldAndLoggedWithItsStack(t *testing.T) {
	for requestType, want := range map[string]string{"Create": "FAILED", "Update": "warned", "Delete": "warned"} {
		t.Run(requestType, func(t *testing.T) {
			play(t, func(s *scene) {
				s.f.transport = panicking{s.f.transport}
				s.mustInvoke(requestType)
				if s.verdict() != want || s.answer().PhysicalResourceId != testRole {
					t.Errorf("answered %+v (%s), want %s", s.answer(), s.verdict(), want)
				}
				if want == "FAILED" {
					s.want("FAILED", `panic in the registration function: of "`)
				}
				told := s.log.String() + s.answer().Reason
				if !strings.Contains(told, "RoundTrip") || strings.Contains(told, testExternalID) {
					t.Errorf("the log has no stack, or the external ID:\n%s", told)
				}
			})
		})
	}
}

func TestAPanicOutsideTheWorkIsAnError(t *testing.T) {
	play(t, func(s *scene) {
		s.f.transport = nil
		err := s.invoke("Create")
		if err == nil || !strings.HasPrefix(err.Error(), "panic: ") {
			t.Errorf("got %v", err)
		}
	})
}
