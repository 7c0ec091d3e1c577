package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWhatIsPostedIsTheContracts(t *testing.T) {
	play(t, func(s *scene) {
		s.mustInvoke("Create", set("Endpoint", "https://endpoint.test/v1/registrations"))
		post := s.posts()[0]
		want := `{"requestType":"Create","requestId":"r","stackId":"` + testStack + `","accountId":"111122223333",` +
			`"region":"eu-west-1","roleArn":"` + testRole + `","externalId":"` + testExternalID +
			`","ticketId":"12345",` +
			`"access":"approved","accessExpires":"2030-01-01T00:00:00Z","templateVersion":"1.0.0",` +
			`"issuedAt":"2000-01-01T00:00:00Z"}`
		if string(post.body) != want {
			t.Errorf("posted\n%s\nwant\n%s", post.body, want)
		}
		if post.method != "POST" || post.target != "/v1/registrations" {
			t.Errorf("posted by %s to %s", post.method, post.target)
		}
		for name, want := range map[string]string{
			"Content-Type":    "application/json",
			"User-Agent":      "doit-aws-ro-access/" + strings.TrimSpace(version),
			"Idempotency-Key": fmt.Sprintf("%x", sha256.Sum256(post.body)),
			"Content-Length":  fmt.Sprint(len(want)),
			"Accept-Encoding": "",
			"Connection":      "close", // Lambda freezes the process between events
		} {
			if got := post.header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}

func TestAnAnswerIsCloudFormations(t *testing.T) {
	play(t, func(s *scene) {
		text := "a\"b\\c <d>&\ttab\u2028😀"
		s.mustInvoke("Create", setEvent("RequestId", text), setEvent("LogicalResourceId", "L"))
		answer := s.at("answer.test")[0]
		want := `{"Status":"SUCCESS","PhysicalResourceId":"` + testRole + `","StackId":"` + testStack +
			`","RequestId":"a\"b\\c <d>&\ttab\u2028😀","LogicalResourceId":"L"}`
		if string(answer.body) != want {
			t.Errorf("answered\n%s\nwant\n%s", answer.body, want)
		}
		for name, want := range map[string]string{
			"Content-Type": "", "Content-Length": fmt.Sprint(len(want)), "Idempotency-Key": "",
			"X-DoiT-Caller-Identity": "",
			"Referer":                "", "User-Agent": "doit-aws-ro-access/" + strings.TrimSpace(version),
		} {
			if got := answer.header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}

func TestALongReasonIsCutToWhatCloudFormationTakes(t *testing.T) {
	for name, detail := range map[string]string{
		"long": strings.Repeat("long ", 10_000), "wide": strings.Repeat("ä😀", 4_000),
		"quotes": strings.Repeat(`"\`, 8_000),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.endpoint = problem(403, detail)
				s.mustInvoke("Create", setEvent("LogicalResourceId", strings.Repeat("L", 255)))
				s.want("FAILED", "answered 403 Forbidden: "+detail[:300])
				if n := len(s.at("answer.test")[0].body); n > 4096 || n < 4080 {
					t.Errorf("the answer has %d bytes", n)
				}
				for line := range strings.Lines(s.log.String()) {
					if len(line) > 20_000 {
						t.Errorf("the log has a line of %d bytes", len(line))
					}
				}
			})
		})
	}
}

func TestAnAnswerThatIsAByteTooLongIsCutToo(t *testing.T) {
	for _, letter := range []string{"x", `"`, "ä", "😀"} {
		for excess := range 20 {
			a := answer{Status: "FAILED", Reason: strings.Repeat(letter, 500)}
			a.RequestId = strings.Repeat("r", 4096+excess-len(marshal(a)))
			if n := len(a.encode()); n > 4096 || n < 4080 {
				t.Errorf("%d bytes too many of %s leave %d", excess, letter, n)
			}
		}
	}
}

// Every status is one of these, or refused.
var (
	passing      = []int{408, 425, 429, 500, 502, 503, 504}
	answersAgain = []int{408, 429, 500, 501, 502, 503, 504, 505, 507, 511, 599}
)

func TestTheStatusesOfARegistration(t *testing.T) {
	for code := 200; code < 1000; code++ {
		if code > 520 && code%100 != 0 && code%100 != 99 {
			continue
		}
		play(t, func(s *scene) {
			s.endpoint = first(2, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Location", "/v1/registrations")
				w.WriteHeader(code)
			})
			s.mustInvoke("Create")
			want, tries := "FAILED", 1
			switch {
			case code < 300:
				want = "SUCCESS"
			case slices.Contains(passing, code):
				want, tries = "SUCCESS", 3
			}
			if s.answer().Status != want || len(s.posts()) != tries {
				t.Errorf("%d is %s after %d tries, want %s after %d", code, s.answer().Status, len(s.posts()), want,
					tries)
			}
			if want == "FAILED" {
				s.want(want, strings.TrimRight(fmt.Sprintf("answered %d %s", code, http.StatusText(code)), " "))
			}
		})
	}
}

func TestTheStatusesOfAnAnswer(t *testing.T) {
	for code := 200; code < 1000; code++ {
		if code > 520 && code%100 != 0 && code%100 != 99 {
			continue
		}
		play(t, func(s *scene) {
			s.cloudFormation = first(2, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(code)
			})
			err := s.invoke("Create")
			tries := 1
			if slices.Contains(answersAgain, code) || code/100 == 5 {
				tries = 3
			}
			taken := code < 300 || tries == 3
			if answers := s.at("answer.test"); (err == nil) != taken || len(answers) != tries {
				t.Errorf("%d ends in %v after %d tries", code, err, len(answers))
				return
			}
			if !taken && !strings.HasPrefix(err.Error(), fmt.Sprintf("CloudFormation: answered %d", code)) {
				t.Errorf("%d ends in %v", code, err)
			}
			told := fmt.Sprintf(`"answered":%v`, taken)
			if !strings.Contains(s.log.String(), told) {
				t.Errorf("%d: the log does not say %s:\n%s", code, told, s.log)
			}
		})
	}
}

func TestNetworkErrorsPass(t *testing.T) {
	for name, fault := range map[string]handler{
		"no answer": breakOff, "nonsense": raw("nonsense\r\n\r\n"), "an empty answer": raw(""), "silence": hang,
		"an endless head": raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.endpoint, s.cloudFormation = first(1, fault), first(1, fault)
				s.mustInvoke("Create")
				if s.want("SUCCESS"); len(s.posts()) != 2 || len(s.at("answer.test")) != 2 {
					t.Errorf("%d posts, %d answers", len(s.posts()), len(s.at("answer.test")))
				}
			})
		})
	}
}

func TestASwitchOfProtocolsIsARefusal(t *testing.T) {
	upgrade := func(w http.ResponseWriter, r *http.Request, _ int) {
		const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: silence\r\n\r\n"
		raw(head+`{"detail":"x"}`)(w, r, 1)
	}
	play(t, func(s *scene) {
		s.endpoint = upgrade
		s.mustInvoke("Create")
		if s.want("FAILED", "101"); len(s.posts()) != 1 || strings.HasSuffix(s.answer().Reason, "x") {
			t.Errorf("answered %+v after %d tries", s.answer(), len(s.posts()))
		}
	})
}

func TestADetailIsReadWhereThereIsOne(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(`{"detail":"a bomb"}`)) // a buffer takes it all
	_ = w.Close()
	const bare = "registration endpoint: answered 403 Forbidden"
	for name, c := range map[string]struct{ body, want string }{
		"a sentence": {`{"status":403,"detail":"Ask DoiT for a new link."}`,
			bare + ": Ask DoiT for a new link."},
		"surrogates":         {`{"detail":"x\ud800y\udfff"}`, bare + ": xy"},
		"something after it": {`{"detail":"x"}{"detail":"y"}`, bare + ": x"},
		"just enough":        {`{"detail":"x"` + strings.Repeat(" ", 64<<10-14) + `}`, bare + ": x"},
		"too long":           {`{"detail":"x"` + strings.Repeat(" ", 64<<10-13) + `}`, bare},
		"another spelling":   {`{"Detail":"x"}`, bare},
		"nothing":            {"", bare}, "no JSON": {"<html>", bare}, "a list": {"[]", bare}, "text": {`"x"`, bare},
		"null": {"null", bare}, "null as detail": {`{"detail":null}`, bare}, "a number": {`{"detail":5}`, bare},
		"an object": {`{"detail":{"a":1}}`, bare}, "cut off": {`{"detail":"x`, bare},
		"deep": {strings.Repeat("[", 20_000), bare}, "packed": {packed.String(), bare},
		"a BOM": {"\ufeff{\"detail\":\"x\"}", bare},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.endpoint = func(w http.ResponseWriter, _ *http.Request, _ int) {
					if name == "packed" {
						w.Header().Set("Content-Encoding", "gzip")
					}
					w.WriteHeader(http.StatusForbidden)
					_, _ = w.Write([]byte(c.body))
				}
				s.mustInvoke("Create")
				if got := s.answer().Reason; got != c.want {
					t.Errorf("the Reason is %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestABodyWithoutEndIsNotReadToItsEnd(t *testing.T) {
	endless := func(code int) handler {
		return func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.WriteHeader(code)
			for err := error(nil); err == nil; {
				_, err = w.Write(bytes.Repeat([]byte(" "), 64<<10))
			}
		}
	}
	for code, want := range map[int]string{200: "SUCCESS", 403: "FAILED"} {
		play(t, func(s *scene) {
			s.endpoint, s.cloudFormation = endless(code), endless(200)
			s.mustInvoke("Create")
			if s.want(want); len(s.posts()) != 1 || len(s.at("answer.test")) != 1 {
				t.Errorf("%d posts, %d answers", len(s.posts()), len(s.at("answer.test")))
			}
		})
	}
}

func TestABodyThatStopsIsNotWaitedFor(t *testing.T) {
	for _, code := range []int{200, 403} {
		play(t, func(s *scene) {
			s.endpoint = func(w http.ResponseWriter, r *http.Request, n int) {
				w.WriteHeader(code)
				_ = http.NewResponseController(w).Flush()
				hang(w, r, n)
			}
			s.mustInvoke("Create")
			if took, n := s.at("answer.test")[0].at,
				len(s.posts()); n != 1 || took > 10*time.Second || code == 200 && took > 0 {
				t.Errorf("%d is answered after %v and %d tries", code, took, n)
			}
		})
	}
}

func TestRetryAfterIsWaitedForAndNonsenseIsNot(t *testing.T) {
	const jitter = 200 * time.Millisecond
	in := func(d time.Duration, layout string) string {
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(layout)
	}
	for value, wait := range map[string]time.Duration{
		"1": time.Second, "60": time.Minute, "060": time.Minute, "0": 0,
		in(time.Minute, http.TimeFormat):                  time.Minute,
		in(time.Minute, "Monday, 02-Jan-06 15:04:05 GMT"): time.Minute,
		in(time.Minute, time.ANSIC):                       time.Minute,
		in(-time.Minute, http.TimeFormat):                 0,
		in(24*time.Hour, http.TimeFormat):                 -1, // beyond the end
		"Fri, 31 Dec 9999 23:59:59 GMT":                   -1, // beyond what a duration can be
		"589":                                             589 * time.Second,
		"590":                                             -1,
		"3600":                                            -1,
		"9999999999":                                      -1,
		strings.Repeat("9", 100):                          -1,
		strings.Repeat("9", 101):                          0,
		"soon":                                            0, "-5": 0, "+5": 0, "1.5": 0, "1 2": 0, "0x10": 0, "９": 0,
		"Tue, 31 Feb 2040 00:00:00 GMT": 0,
	} {
		t.Run(value, func(t *testing.T) {
			play(t, func(s *scene) {
				s.endpoint = first(1, func(w http.ResponseWriter, r *http.Request, _ int) {
					w.Header().Set("Retry-After", value)
					problem(503, "not now")(w, r, 1)
				})
				s.mustInvoke("Create")
				if wait < 0 {
					s.want("FAILED", "503 Service Unavailable: not now (try 1, the last)")
					within(t, "the answer", s.at("answer.test")[0].at, 0, 0)
					return
				}
				s.want("SUCCESS")
				within(t, "the second try", s.posts()[1].at, wait, wait+jitter)
			})
		})
	}
}

// However long the waits have become, a try fits into a second that a Retry-After leaves.
func TestALongRetryAfterLeavesTimeForATry(t *testing.T) {
	for range 5 {
		play(t, func(s *scene) {
			s.endpoint = first(12, func(w http.ResponseWriter, r *http.Request, n int) {
				if n == 12 {
					busy(503, int((589*time.Second-time.Since(s.start)).Seconds()))(w, r, n)
				}
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			s.mustInvoke("Create")
			s.want("SUCCESS")
		})
	}
}

func TestARoleThatCannotBeAssumedYetIsTriedForTwoMinutes(t *testing.T) {
	notYet := problem(425, "The role cannot be assumed yet.")
	for name, c := range map[string]struct {
		requestType string
		endpoint    handler
		least, most time.Duration // of the answer
		want        string
	}{
		"a Create": {requestType: "Create", endpoint: notYet, least: 90 * time.Second, most: 2 * time.Minute,
			want: "fails+"},
		"an Update, which survives what is untold": {requestType: "Update", endpoint: notYet, least: 90 * time.Second,
			most: 2 * time.Minute, want: "fails+"},
		"a Create after an outage": {requestType: "Create", endpoint: first(20, status(503)),
			least: 0, most: 6 * time.Minute, want: "ok+"},
		"it can be at last": {requestType: "Create", endpoint: func(w http.ResponseWriter, r *http.Request, n int) {
			if n < 12 {
				notYet(w, r, n)
			}
		}, least: 10 * time.Second, most: 100 * time.Second, want: "ok+"},
		"the two minutes begin with the first 425": {requestType: "Create",
			endpoint: func(w http.ResponseWriter, r *http.Request, n int) {
				if n == 1 {
					w.Header().Set("Retry-After", "200")
					problem(503, "an outage")(w, r, n)
					return
				}
				notYet(w, r, n)
			}, least: 290 * time.Second, most: 321 * time.Second, want: "fails+"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.endpoint = c.endpoint
				s.mustInvoke(c.requestType)
				if got := s.verdict(); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
				within(t, "the answer", s.at("answer.test")[0].at, c.least, c.most)
				if c.want == "fails+" {
					s.want("FAILED", "answered 425 Too Early: The role cannot be assumed yet.")
				}
			})
		})
	}
}

func TestTheLastWordIsThatOfTheServer(t *testing.T) {
	play(t, func(s *scene) {
		s.deadline = 35 * time.Second
		s.endpoint = func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				w.Header().Set("Retry-After", "20") // so that the next try is cut short by the end
				problem(503, "the database is down")(w, r, n)
				return
			}
			hang(w, r, n)
		}
		s.mustInvoke("Create")
		s.want("FAILED", "503 Service Unavailable: the database is down (try 2, the last)")
	})
	play(t, func(s *scene) {
		s.endpoint = first(3, hang)
		s.deadline = 45 * time.Second
		s.endpoint = hang
		s.mustInvoke("Create")
		s.want("FAILED", "registration endpoint: no answer in time (try ")
	})
}

func TestEveryTryIsSignedAnewAndOtherwiseTheSame(t *testing.T) {
	play(t, func(s *scene) {
		s.endpoint = first(1, func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		s.mustInvoke("Create")
		one, two := s.posts()[0], s.posts()[1]
		if !bytes.Equal(one.body, two.body) || one.header.Get("Idempotency-Key") != two.header.Get("Idempotency-Key") {
			t.Errorf("the second try is another registration: %s, then %s", one.body, two.body)
		}
		if one.header.Get("X-DoiT-Caller-Identity") == two.header.Get("X-DoiT-Caller-Identity") {
			t.Error("the second try, a second later, has the proof of the first")
		}
	})
}

// The waits double, from 200 ms to the most, and twice as fast where too many try; each is anything up to that, and at
// most a fifth of the time left.
func TestTheBackoff(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		left   time.Duration
		want   []int // milliseconds
	}{
		"passing": {status: 503, left: time.Hour,
			want: []int{200, 400, 800, 1600, 3200, 6400, 12800, 20000, 20000, 20000, 20000, 20000}},
		"too many":     {status: 429, left: time.Hour, want: []int{200, 800, 3200, 12800, 20000, 20000}},
		"a fifth":      {status: 503, left: 3 * time.Second, want: []int{200, 400, 600, 600}},
		"nothing left": {status: 503, left: -time.Second, want: []int{200, 200, 200}},
		"the longest": {status: 503, left: 100 * time.Second,
			want: []int{200, 400, 800, 1600, 3200, 6400, 12800, 20000}},
		"less than max": {status: 503, left: 95 * time.Second,
			want: []int{200, 400, 800, 1600, 3200, 6400, 12800, 19000}},
	} {
		t.Run(name, func(t *testing.T) {
			longest, shortest := make([]time.Duration, len(c.want)), make([]time.Duration, len(c.want))
			for range 2000 {
				b := backoff{longest: 20 * time.Second}
				for i := range c.want {
					wait := b.next(c.status, c.left)
					longest[i] = max(longest[i], wait)
					if shortest[i] == 0 || wait < shortest[i] {
						shortest[i] = wait
					}
				}
			}
			for i, ms := range c.want {
				most := time.Duration(ms) * time.Millisecond
				if longest[i] >= most || longest[i] < most*97/100 || shortest[i] > most*3/100 {
					t.Errorf("wait %d is between %v and %v, want up to %v", i+1, shortest[i], longest[i], most)
				}
			}
		})
	}
}
