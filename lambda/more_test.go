package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestAResponseURLThatIsTaken(t *testing.T) {
	for raw, sent := range map[string]string{ // "" where it is refused
		"https://h/a?b=c":         "/a?b=c",
		"https://h":               "/",
		"https://h/a%2Fb?c=%zz#d": "/a%2Fb?c=%zz",
		"http://127.0.0.1:8/a":    "/a",
		"http://localhost/a":      "/a",
		"http://h/a":              "",
		"https://u:p@h/a":         "",
		"https:///a":              "",
		"https://h/a b":           "",
		"ftp://h/a":               "",
	} {
		u, err := parseResponseURL(raw)
		if (err == nil) != (sent != "") || err == nil && u.RequestURI() != sent {
			t.Errorf("%s is sent as %v, %v; want %q", raw, u, err, sent)
		}
	}
}

func TestStatusesThatPass(t *testing.T) {
	for _, code := range []int{408, 425, 429, 500, 502, 503, 504} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			play(t, func(s *scene) {
				s.endpoint = func(w http.ResponseWriter, _ *http.Request, n int) {
					if n < 3 {
						w.WriteHeader(code)
					}
				}
				if err := s.invoke("Create", nil); err != nil || s.answer().Status != "SUCCESS" || len(s.at("endpoint.test")) != 3 {
					t.Errorf("%v, %+v after %d tries", err, s.answer(), len(s.at("endpoint.test")))
				}
			})
		})
	}
}

func TestTheIDOfAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		requestType, id, role, want, posted string
	}{
		"a Delete of the id's role":   {"Delete", otherRole, testRole, otherRole, otherRole},
		"a Delete of an id made up":   {"Delete", "made-up", testRole, "made-up", testRole},
		"a Delete of nothing":         {"Delete", unregistered, testRole, unregistered, ""},
		"a Create that knows no role": {"Create", "", "nonsense", unregistered, ""},
		"an Update that fails":        {"Update", otherRole, "nonsense", otherRole, ""},
		"an Update to another role":   {"Update", otherRole, testRole, testRole, testRole},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				if err := s.invoke(c.requestType, func(ev, given map[string]any) {
					ev["PhysicalResourceId"], given["RoleArn"] = c.id, c.role
				}); err != nil {
					t.Fatal(err)
				}
				if got := s.answer().PhysicalResourceId; got != c.want {
					t.Errorf("answered with the id %s, want %s", got, c.want)
				}
				posted := len(s.at("endpoint.test")) > 0
				if posted != (c.posted != "") || posted && !strings.Contains(string(s.tries[0].body), `"roleArn":"`+c.posted+`"`) {
					t.Errorf("posted %s, want %q", s.tries[0].body, c.posted)
				}
			})
		})
	}
}

func TestARefusedUpdateKeepsItsID(t *testing.T) {
	play(t, func(s *scene) {
		s.endpoint = func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"detail":"<no> & never"}`))
		}
		if err := s.invoke("Update", func(ev, _ map[string]any) { ev["PhysicalResourceId"] = otherRole }); err != nil {
			t.Fatal(err)
		}
		if a := s.answer(); a.PhysicalResourceId != otherRole || a.Status != "FAILED" {
			t.Errorf("answered %+v", a)
		}
		if body := string(s.tries[len(s.tries)-1].body); !strings.Contains(body, "<no> & never") {
			t.Errorf("HTML is escaped: %s", body)
		}
	})
}

func TestTheLogsLevel(t *testing.T) {
	for level, want := range map[string]int{"DEBUG": 2, "INFO": 2, "": 2, "WARN": 0, "ERROR": 0} {
		play(t, func(s *scene) {
			s.f.log = newLogger(&s.log, level)
			if err := s.invoke("Create", nil); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(s.log.String(), "\n"); got != want {
				t.Errorf("%q writes %d lines, want %d", level, got, want)
			}
		})
	}
}
