package main

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"
)

func within(t *testing.T, what string, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s after %v, want between %v and %v", what, got, least, most)
	}
}

// The endpoint takes a request and says nothing, until each try is given up, and at last the work.
func TestTheTimeOfADeadEndpoint(t *testing.T) {
	s := time.Second
	for name, c := range map[string]struct {
		requestType string
		change      change
		deadline    time.Duration // Lambda's
		end         time.Duration // of the work; the last wait may be too long for it
		exact       bool          // a try is cut short by it
	}{
		"a Create has all of Lambda's time": {requestType: "Create", change: nil, deadline: 600 * s,
			end: 590 * s, exact: false},
		"a Create ends with CloudFormation's patience": {requestType: "Create",
			change: set("ServiceTimeout", 60), deadline: 600 * s, end: 50 * s, exact: false},
		"a Create ends with the ResponseURL": {requestType: "Create", change: undated(90 * s),
			deadline: 600 * s, end: 80 * s, exact: false},
		"a short time leaves a third to the answer": {requestType: "Create",
			change: set("ServiceTimeout", 15), deadline: 600 * s, end: 10 * s, exact: true},
		"a shorter time too": {requestType: "Create", change: nil, deadline: 3 * s,
			end: 2 * s, exact: true},
		"Lambda's time counts where it is less": {requestType: "Create",
			change: set("ServiceTimeout", 600), deadline: 30 * s, end: 20 * s, exact: false},
		"an Update to another role has all the time": {requestType: "Update",
			change: all(replaces, setEvent("PhysicalResourceId", otherRole)), deadline: 600 * s, end: 590 * s,
			exact: false},
		"an approval has all the time": {requestType: "Update",
			change: setOld("Access", "dismissed"), deadline: 600 * s, end: 590 * s, exact: false},
		"an Update that keeps the role has three minutes": {requestType: "Update", change: nil, deadline: 600 * s,
			end: 170 * s, exact: false},
		"an Update that keeps has less where that comes": {requestType: "Update",
			change: set("ServiceTimeout", 60), deadline: 600 * s, end: 50 * s, exact: false},
		"an Update that rolls back has three minutes": {requestType: "Update", change: replaces,
			deadline: 600 * s, end: 170 * s, exact: false},
		"a dismissal has half a minute": {requestType: "Update", change: dismissal,
			deadline: 600 * s, end: 20 * s, exact: false},
		"a Delete has half a minute": {requestType: "Delete", change: nil, deadline: 600 * s,
			end: 20 * s, exact: false},
		"a Delete has it whatever CloudFormation's patience": {requestType: "Delete",
			change: set("ServiceTimeout", 1), deadline: 600 * s, end: 20 * s, exact: false},
		"a Delete has less where Lambda's time is less": {requestType: "Delete", change: nil, deadline: 15 * s,
			end: 10 * s, exact: true},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.endpoint, s.deadline = hang, c.deadline
				s.mustInvoke(c.requestType, c.change)
				at := s.at("answer.test")[0].at
				if c.exact {
					within(t, "the answer", at, c.end, c.end)
				}
				// What is left when a wait of a fifth at most, and 20 seconds, is too long; or a try is cut short.
				within(t, "the answer", at, min(c.end-20*time.Second, c.end*7/10), c.end)
				for i, post := range s.posts() {
					if i > 0 {
						within(t, "a further try", post.at-s.posts()[i-1].at, 10*time.Second, 30*time.Second)
					}
				}
			})
		})
	}
}

// The last wait is as long as the endpoint asks, and ends within a fifth of a second before the work does; or it is a
// second longer, and is not begun.
func TestTheWorkEndsToTheSecond(t *testing.T) {
	for name, c := range map[string]struct {
		requestType string
		change      change
		status      int
		end         int // in seconds
	}{
		"a Create":                  {requestType: "Create", change: nil, status: 503, end: 590},
		"a Create with less time":   {requestType: "Create", change: set("ServiceTimeout", 99), status: 503, end: 89},
		"an Update that keeps":      {requestType: "Update", change: nil, status: 503, end: 170},
		"an Update that rolls back": {requestType: "Update", change: replaces, status: 503, end: 170},
		"a dismissal":               {requestType: "Update", change: dismissal, status: 503, end: 20},
		"a Delete":                  {requestType: "Delete", change: nil, status: 503, end: 20},
		"a role not assumable yet":  {requestType: "Create", change: nil, status: 425, end: 120},
		"an Update of such a role":  {requestType: "Update", change: nil, status: 425, end: 120},
		"a Delete of such a role":   {requestType: "Delete", change: nil, status: 425, end: 20},
		"a Create with little time": {requestType: "Create", change: set("ServiceTimeout", 27), status: 503, end: 18},
	} {
		t.Run(name, func(t *testing.T) {
			for ask, tries := range map[int]int{c.end - 1: 2, c.end: 1} {
				play(t, func(s *scene) {
					s.endpoint = first(1, busy(c.status, ask))
					s.mustInvoke(c.requestType, c.change)
					if n := len(s.posts()); n != tries {
						t.Errorf("asked to wait for %d s, it tried %d times", ask, n)
					}
				})
			}
		})
	}
}

func TestTheAnswerEndsToTheSecond(t *testing.T) {
	for requestType, end := range map[string]int{"Create": 600, "Update": 180, "Delete": 30} {
		for ask, tries := range map[int]int{end - 1: 2, end: 1} {
			play(t, func(s *scene) {
				s.cloudFormation = first(1, busy(503, ask))
				if err := s.invoke(requestType); (err == nil) != (tries == 2) {
					t.Errorf("%s, asked to wait for %d s, ends in %v", requestType, ask, err)
				}
				if n := len(s.at("answer.test")); n != tries {
					t.Errorf("%s, asked to wait for %d s, is answered %d times", requestType, ask, n)
				}
			})
		}
	}
}

// busy asks to come back in so many seconds.
func busy(status, seconds int) handler {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Retry-After", fmt.Sprint(seconds))
		w.WriteHeader(status)
	}
}

// undated is a ResponseURL that says when it runs out, and not when it was signed.
func undated(left time.Duration) change {
	return func(ev, _, _ map[string]any) {
		ev["ResponseURL"] = "https://answer.test/a?Expires=" + fmt.Sprint(time.Now().Add(left).Unix())
	}
}

func TestACreateIsTriedAgainUntilTheEndpointIsBack(t *testing.T) {
	play(t, func(s *scene) {
		s.endpoint = func(w http.ResponseWriter, _ *http.Request, _ int) {
			if time.Since(s.start) < 5*time.Minute {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}
		s.mustInvoke("Create")
		s.want("SUCCESS")
		posts := s.posts()
		for i := 1; i < len(posts); i++ {
			within(t, "a further try", posts[i].at-posts[i-1].at, 0,
				min(200*time.Millisecond<<min(i-1, 10), 20*time.Second))
		}
		within(t, "the last try", posts[len(posts)-1].at, 5*time.Minute, 5*time.Minute+20*time.Second)
	})
}

func TestAnAnswerIsTriedUntilJustBeforeTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		requestType string
		deadline    time.Duration
		end         time.Duration
	}{
		"a Delete's half minute": {requestType: "Delete", deadline: 10 * time.Minute,
			end: 29500 * time.Millisecond},
		"what the work left": {requestType: "Create", deadline: 10 * time.Minute,
			end: 599500 * time.Millisecond},
		"half of a reserve below a second": {requestType: "Create", deadline: 2400 * time.Millisecond,
			end: 2 * time.Second},
		"half a second, where that is less": {requestType: "Create", deadline: 3300 * time.Millisecond,
			end: 2800 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.cloudFormation, s.deadline = hang, c.deadline
				if err := s.invoke(c.requestType); err == nil {
					t.Error("an answer that nobody took is no error, so that Lambda would not deliver the event again")
				}
				answers := s.at("answer.test")
				soonest := c.end - 2*time.Second // where the last wait would be too long
				if c.end < 3*time.Second {
					soonest = c.end // which cuts the first try short
				}
				within(t, "giving up", time.Since(s.start), soonest, c.end)
				for i, answer := range answers {
					if !bytes.Equal(answer.body, answers[0].body) {
						t.Errorf("answers differ:\n%s\n%s", answer.body, answers[0].body)
					}
					if i > 0 {
						within(t, "a further try", answer.at-answers[i-1].at, 3*time.Second, 5*time.Second)
					}
				}
			})
		})
	}
}

func TestALateEventIsAnsweredAllTheSame(t *testing.T) {
	play(t, func(s *scene) {
		s.cloudFormation = first(3, status(503))
		s.mustInvoke("Create", setEvent("ResponseURL", responseURL(s.start.Add(-24*time.Hour))))
		s.want("FAILED", "nobody has waited")
		if len(s.at("answer.test")) != 4 {
			t.Errorf("%d answers", len(s.at("answer.test")))
		}
	})
}

func TestADeadlineThatHasPassedEndsAtOnce(t *testing.T) {
	for _, requestType := range []string{"Create", "Update", "Delete"} {
		play(t, func(s *scene) {
			s.endpoint, s.cloudFormation, s.deadline = hang, hang, -time.Second
			if err := s.invoke(requestType); err == nil {
				t.Error("an answer that nobody took is no error")
			}
			within(t, "the end", time.Since(s.start), 0, 0)
		})
	}
}
