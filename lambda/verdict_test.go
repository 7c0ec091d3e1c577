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

// The rows of the design's table: what becomes of each kind of event, a word for each of the faults below. It is well,
// or warns in the log alone, or fails; + is where the endpoint was called.
const (
	granting     = "ok+   fails fails fails fails+ fails+ fails+ fails"
	keeping      = "ok+   fails fails fails warns+ fails+ fails+ fails"
	rollingBack  = "ok+   fails fails fails warns+ warns+ warns+ fails"
	dismissing   = "ok+   warns warns warns warns+ warns+ warns+ ok+"
	deleting     = "ok+   ok+   ok+   ok+   warns+ warns+ ok+    ok+"
	anythingElse = "fails fails fails fails fails  fails  fails  fails"
)

var faults = []struct {
	name     string
	change   change
	endpoint handler
	says     string
}{
	{name: "none"},
	{name: "an invalid property", change: set("TicketId", "?"), says: `TicketId "?" must have`},
	{name: "a missing property", change: set("ExternalId", nil), says: "ExternalId is missing"},
	{name: "an end before 2020", change: set("AccessExpires", "2019-12-31T23:59:59Z"), says: "2019-12-31T23:59:59Z"},
	{name: "untold", endpoint: status(503), says: "registration endpoint: answered 503 Service Unavailable (try "},
	{name: "refused", endpoint: problem(403, "no"), says: "registration endpoint: answered 403 Forbidden: no"},
	{name: "gone", endpoint: status(410), says: "registration endpoint: answered 410 Gone"},
	{name: "late", change: func(ev, _, _ map[string]any) {
		ev["ResponseURL"] = "https://answer.test/a?X-Amz-Date=19991231T235900Z&X-Amz-Expires=60"
	}, says: "since 2000-01-01T00:00:00Z"},
}

func TestWhatCloudFormationIsTold(t *testing.T) {
	wasDismissed, elsewhere := setOld("Access", "dismissed"), setEvent("PhysicalResourceId", otherRole)
	unknown := setEvent("OldResourceProperties", nil)
	for name, event := range map[string]struct {
		change change
		want   string
	}{
		"Create":                                  {nil, granting},
		"Create dismissed":                        {dismissal, granting},
		"Update to another role":                  {all(elsewhere, replaces), granting},
		"Update from who knows what":              {all(elsewhere, unknown), granting},
		"Update that approves":                    {wasDismissed, granting},
		"Update that approves with a word less":   {all(wasDismissed, set("Access", nil)), granting},
		"Update that approves another role":       {all(wasDismissed, elsewhere, replaces), granting},
		"Update that keeps the role":              {nil, keeping},
		"Update that keeps the role of its id":    {unknown, keeping},
		"Update that keeps the old role":          {elsewhere, keeping},
		"Update that rolls back":                  {replaces, rollingBack},
		"Update that rolls back no role at all":   {setOld("RoleArn", []any{testRole}), rollingBack},
		"Update that keeps, from null":            {setOld("RoleArn", nil), keeping},
		"Update that keeps, from an empty text":   {setOld("RoleArn", ""), keeping},
		"Update that rolls back a dismissal too":  {all(replaces, wasDismissed), rollingBack},
		"Update to dismissed":                     {dismissal, dismissing},
		"Update to dismissed, as before":          {all(dismissal, wasDismissed), dismissing},
		"Update to dismissed and to another role": {all(dismissal, replaces, elsewhere), dismissing},
		"Update to dismissed that rolls back":     {all(dismissal, replaces), dismissing},
		"Delete":                                  {nil, deleting},
		"Delete of what was dismissed":            {dismissal, deleting},
		"Read":                                    {nil, anythingElse},
	} {
		for i, want := range strings.Fields(event.want) {
			fault := faults[i]
			t.Run(name+"/"+fault.name, func(t *testing.T) {
				play(t, func(s *scene) {
					if fault.endpoint != nil {
						s.endpoint = fault.endpoint
					}
					requestType, _, _ := strings.Cut(name, " ")
					s.mustInvoke(requestType, event.change, fault.change)
					a := s.answer()
					if got := s.verdict(); got != want {
						t.Errorf("it %s, want %s; answered %+v; log:\n%s", got, want, a, s.log)
					}
					if a.Status == "SUCCESS" && a.PhysicalResourceId != testRole {
						t.Errorf("the id is %s", a.PhysicalResourceId)
					}
					if a.Status == "FAILED" && requestType != "Read" {
						s.want("FAILED", fault.says)
					}
				})
			})
		}
	}
}

// verdict is what became of the event, in the table's words, as the log's last line says it and CloudFormation heard
// it.
func (s *scene) verdict() string {
	s.Helper()
	lines := s.lines()
	last := lines[len(lines)-1]
	said := map[any]string{"INFO": "ok", "WARN": "warns", "ERROR": "fails"}[last["level"]]
	failed := s.answer().Status == "FAILED"
	if last["message"] != "outcome" || last["status"] != s.answer().Status || failed != (said == "fails") {
		s.Errorf("CloudFormation was told %+v, and the log ends with %v", s.answer(), last)
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
		"Create":           {requestType: "Create", change: nil, refused: true},
		"Create dismissed": {requestType: "Create", change: dismissal, refused: true},
		"approval":         {requestType: "Update", change: setOld("Access", "dismissed"), refused: true},
		"approval, unsaid": {requestType: "Update",
			change: all(setOld("Access", "dismissed"), set("Access", nil)), refused: true},
		"Update": {requestType: "Update", change: nil, refused: false},
		"Update to another role": {requestType: "Update",
			change: all(replaces, setEvent("PhysicalResourceId", otherRole)), refused: false},
		"rollback to approved": {requestType: "Update", change: all(replaces, setOld("Access", "dismissed")),
			refused: false},
		"dismissal": {requestType: "Update", change: dismissal, refused: false},
		"Delete":    {requestType: "Delete", change: nil, refused: false},
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
		"a Delete of the id's role": {requestType: "Delete", id: otherRole, role: testRole,
			want: otherRole, posted: otherRole, answered: "", status: "SUCCESS"},
		"a Delete, with a wrong property": {requestType: "Delete", id: otherRole, role: "nonsense",
			want: otherRole, posted: otherRole, answered: "", status: "SUCCESS"},
		"a Delete, with no property": {requestType: "Delete", id: otherRole, role: nil, want: otherRole,
			posted: otherRole, answered: "", status: "SUCCESS"},
		"a Delete of an id made up": {requestType: "Delete", id: madeUp, role: testRole, want: madeUp,
			posted: testRole, answered: "", status: "SUCCESS"},
		"a Delete of an id made up, and no role": {requestType: "Delete", id: madeUp, role: foreign, want: madeUp,
			posted: "", answered: "", status: "SUCCESS"},
		"a Delete of another account's": {requestType: "Delete", id: foreign, role: nil, want: foreign,
			posted: "", answered: "", status: "SUCCESS"},
		"a Delete of nothing": {requestType: "Delete", id: unregistered, role: testRole,
			want: unregistered, posted: "", answered: "", status: "SUCCESS"},
		"a Delete of nothing at all": {requestType: "Delete", id: nil, role: nil, want: unregistered,
			posted: "", answered: "", status: "SUCCESS"},
		"a Delete without an id": {requestType: "Delete", id: nil, role: testRole,
			want: unregistered, posted: testRole, answered: "", status: "SUCCESS"},
		"a Delete of an id of another type": {requestType: "Delete", id: 5, role: nil, want: unregistered,
			posted: "", answered: "", status: "SUCCESS"},
		"a Create that knows no role": {requestType: "Create", id: nil, role: "nonsense",
			want: unregistered, posted: "", answered: "", status: "FAILED"},
		"a Create that knows no role, but an id": {requestType: "Create", id: "x", role: nil, want: unregistered,
			posted: "", answered: "", status: "FAILED"},
		"a Create that is refused": {requestType: "Create", id: nil, role: testRole, want: testRole,
			posted: testRole, answered: "403", status: "FAILED"},
		"an Update with a wrong role": {requestType: "Update", id: otherRole, role: "nonsense",
			want: otherRole, posted: "", answered: "", status: "FAILED"},
		"an Update that is refused": {requestType: "Update", id: otherRole, role: testRole,
			want: otherRole, posted: testRole, answered: "403", status: "FAILED"},
		"an Update to another role": {requestType: "Update", id: otherRole, role: testRole,
			want: testRole, posted: testRole, answered: "", status: "SUCCESS"},
		"an Update of what was never registered": {requestType: "Update", id: unregistered, role: "nonsense",
			want: unregistered, posted: "", answered: "", status: "FAILED"},
		"an Update of what was registered at last": {requestType: "Update", id: unregistered, role: testRole,
			want: testRole, posted: testRole, answered: "", status: "SUCCESS"},
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

// CloudFormation keeps the word, and a later version of the function must know it.
func TestTheWordForNoRoleStays(t *testing.T) {
	play(t, func(s *scene) {
		s.mustInvoke("Create", set("RoleArn", nil))
		if got := s.answer().PhysicalResourceId; got != "unregistered" {
			t.Errorf("the id is %q", got)
		}
	})
}

func TestADismissalWhoseRoleIsNotValidKeepsItsID(t *testing.T) {
	for name, change := range map[string]change{
		"RoleArn": set("RoleArn", "nonsense"), "StackId": setEvent("StackId", "nonsense"),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.mustInvoke("Update", dismissal, change)
				s.want("SUCCESS")
				if got := s.answer().PhysicalResourceId; got != testRole || s.verdict() != "warns" {
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
				if s.mustInvoke("Update"); s.verdict() != "warns" {
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
	for requestType, want := range map[string]string{"Create": "fails", "Update": "warns", "Delete": "warns"} {
		t.Run(requestType, func(t *testing.T) {
			play(t, func(s *scene) {
				s.f.transport = panicking{s.f.transport}
				s.mustInvoke(requestType)
				if s.verdict() != want || s.answer().PhysicalResourceId != testRole {
					t.Errorf("answered %+v (%s), want %s", s.answer(), s.verdict(), want)
				}
				if want == "fails" {
					s.want("FAILED", `panic in the registration function: of "`)
				}
				line := s.lines()[1]
				stack, _ := line["stackTrace"].(string)
				if line["message"] != "panic" || line["error"] != "of \"\"\n" || !strings.Contains(stack, "RoundTrip") {
					t.Errorf("the log has no panic with its stack:\n%s", s.log)
				}
				s.silent(testExternalID)
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
