package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// silent fails the test where something that was told holds one of the texts, as it is or as JSON has it.
func (s *scene) silent(texts ...string) {
	s.Helper()
	told := s.log.String()
	for _, got := range s.at("answer.test") {
		var a answer
		if err := json.Unmarshal(got.body, &a); err != nil {
			s.Fatal(err)
		}
		told += "\n" + a.Reason + "\n" + string(marshal(a.Reason))
	}
	for _, text := range texts {
		inJSON := string(marshal(text))
		for _, form := range []string{text, inJSON[1 : len(inJSON)-1]} {
			if strings.Contains(told, form) {
				s.Errorf("%q is told in\n%s", form, told)
			}
		}
	}
}

// A wrong value that is the external ID, or has it somewhere, is told without it.
func TestAnExternalIDIsTakenOutOfEachValue(t *testing.T) {
	long := strings.Repeat("externalid-", 20)
	for name, c := range map[string]struct {
		id, value string
		told      string // what is left of the value
	}{
		"the value":                 {id: testExternalID, value: testExternalID + "?", told: "?"},
		"longer than what is shown": {id: long, value: long, told: ""},
		"behind what is shown": {id: long, value: strings.Repeat("x", 195) + long,
			told: strings.Repeat("x", 195)},
		"in quotes":                {id: `pass"word-of-mine`, value: `pass"word-of-mine`, told: ""},
		"with a backslash":         {id: `pass\word-of-mine`, value: `pass\word-of-mine`, told: ""},
		"with a tab":               {id: "pass\tword-of-mine", value: "pass\tword-of-mine", told: ""},
		"with a tab, of which two": {id: "pass\tword-of-mine", value: "pass\t\tword-of-mine", told: ""},
		"with a no-break space":    {id: "pass\u00a0word-of-mine", value: "pass\u00a0word-of-mine", told: ""},
		"with a control character": {id: "pass\x01word-of-mine", value: "pass\x01word-of-mine", told: ""},
		"with a line break":        {id: "pass\nword-of-mine", value: "x pass\nword-of-mine y", told: "x y"},
		"with markup":              {id: "<pass&word>-of-mine", value: "<pass&word>-of-mine", told: ""},
		"beside controls":          {id: "password-of-mine", value: "pass\x00\u200b\u00adword-of-mine", told: ""},
		"around itself": {id: "password-of-mine",
			value: "passpasswordpassword-of-mine-of-mineword-of-mine", told: ""},
		"of two letters":              {id: "pq", value: strings.Repeat("p", 300) + strings.Repeat("q", 300), told: ""},
		"of one letter, is no secret": {id: "p", value: "pp??", told: "pp??"},
	} {
		for _, property := range []string{"RoleArn", "TicketId", "Access", "AccessExpires", "TemplateVersion"} {
			t.Run(name+"/"+property, func(t *testing.T) {
				play(t, func(s *scene) {
					s.mustInvoke("Create", set("ExternalId", c.id), set(property, c.value))
					s.want("FAILED", property+` "`+c.told+`" must `)
					if len(c.id) > 8 {
						s.silent(c.id, c.id[:8], strings.Join(strings.Fields(c.id), " "))
					}
				})
				play(t, func(s *scene) { // the external ID that was
					s.mustInvoke("Update", setOld("ExternalId", c.id), set(property, c.value))
					s.want("FAILED", property+` "`+c.told+`" must `)
				})
			})
		}
	}
}

func TestAnExternalIDIsTakenOutOfTheRequestType(t *testing.T) {
	long := strings.Repeat("externalid-", 20)
	play(t, func(s *scene) {
		s.mustInvoke("Create", set("ExternalId", long),
			setEvent("RequestType", "x "+long+"\t\u200by "+strings.Repeat("z", 99)))
		s.want("FAILED", `RequestType "x y `+strings.Repeat("z", 36)+`" must be`)
		s.silent("externalid")
	})
}

// What the endpoint repeats is told without what it was sent.
func TestSecretsAreTakenOutOfADetail(t *testing.T) {
	id := testExternalID
	const before = "the-external-id-of-before"
	const query = "X-Amz-Date=20000101T000000Z&X-Amz-Expires=7200&X-Amz-Signature=c0ffee"
	x := strings.Repeat("x", 3990)
	for name, c := range map[string]struct{ detail, want string }{
		"inside":                    {"no " + id + " here", "no here"},
		"at the cut":                {x + id, x},
		"behind the cut":            {x + "yyyyyyyyyyyyyy" + id, x + "yyyyyyyyyy"},
		"again at once":             {id + id + id, ""},
		"around itself":             {"no " + id[:9] + id + id[9:] + " here", "no here"},
		"around itself twice":       {id[:9] + id[:5] + id + id[5:] + id[9:], ""},
		"of before":                 {"no " + before + " here", "no here"},
		"one around the other":      {before[:9] + id + before[9:] + id[:9] + before + id[9:], ""},
		"around control characters": {id[:9] + "\x00\u200e\ufffd\ufffe\uffff" + id[9:] + "!", "!"},
		"white space": {"one\ttwo\u00a0three\u2003\r\n four\u2028five\v\f\u0085six\u3000",
			"one two three four five six"},
		"what no console shows": {"a\x00b\x1fc\x7fd\u009fe\u00adf\u200bg\u202eh\ufeffi\ufffej\uffffk",
			"abcdefghijk"},
		"what a console shows": {"größe 😀 \u00bf \ue000 <b>&amp;</b> \"quoted\" \\",
			"größe 😀 ¿ \ue000 <b>&amp;</b> \"quoted\" \\"},
		"an access key ID": {"no ASIAIOSFODNN7EXAMPLE here", "no here"},
		"a secret key":     {"no wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY here", "no here"},
		"a token":          {"no token+of/the=function or token%2Bof%2Fthe%3Dfunction here", "no or here"},
		"the ResponseURL": {"no " + responseURL(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) + " here",
			"no here"},
		"the ResponseURL's target":    {"no /a%7Cb?" + query + " here", "no here"},
		"the ResponseURL's query":     {"no " + query + " here", "no here"},
		"the ResponseURL's signature": {"no c0ffee here", "no here"},
	} {
		for _, code := range []int{403, 503} {
			t.Run(fmt.Sprint(name, "/", code), func(t *testing.T) {
				play(t, func(s *scene) {
					s.deadline = 20 * time.Second
					s.endpoint = problem(code, c.detail)
					s.mustInvoke("Create", func(ev, _, _ map[string]any) {
						ev["OldResourceProperties"] = map[string]any{"ExternalId": before}
					})
					want := fmt.Sprintf("registration endpoint: answered %d %s: %s", code, http.StatusText(code),
						c.want)
					want = strings.TrimSuffix(want, ": ")
					reason, _, _ := strings.Cut(s.answer().Reason, " (try ")
					asLongAsCanBe := len(reason) > 3500 && strings.HasPrefix(want, reason)
					if reason != want && !asLongAsCanBe {
						t.Errorf("the Reason is\n%q\nwant\n%q", reason, want)
					}
					s.silent(id, id[:12], before, before[:12])
				})
			})
		}
	}
}

// Taking out one external ID makes up the next one, as often as the endpoint likes: that must not take the time that
// the answer needs. Whoever begins anew after each has made 30,000 texts.
func TestADetailThatIsMadeOfShellsIsGoneThroughOnce(t *testing.T) {
	s := new(secrets)
	s.add("pq", testExternalID)
	shells := strings.Repeat("p", 30_000) + strings.Repeat("q", 30_000)
	made := testing.AllocsPerRun(1, func() {
		if got := s.removeFrom(shells); got != "" {
			t.Errorf("%d letters are left", len(got))
		}
	})
	if made > 1000 {
		t.Errorf("%v texts were made on the way", made)
	}
}

func TestTheProofIsNotTold(t *testing.T) {
	play(t, func(s *scene) {
		var proofs []string
		s.endpoint = func(w http.ResponseWriter, r *http.Request, n int) {
			proof := r.Header.Get("X-DoiT-Caller-Identity")
			proofs = append(proofs, proof)
			if n == 1 {
				w.Header().Set("Retry-After", "1")
				problem(503, proof)(w, r, n)
				return
			}
			plain, _ := url.QueryUnescape(proof) // whose percent signs the signer set
			wrapped := testExternalID[:9] + proof + testExternalID[9:]
			problem(403, wrapped+"\x07 by "+proof+" and "+proofs[0]+" as "+plain)(w, r, n)
		}
		s.mustInvoke("Create")
		s.want("FAILED", "answered 403 Forbidden: by and as https://")
		for _, proof := range proofs {
			u, err := url.Parse(proof)
			if err != nil {
				t.Fatal(err)
			}
			s.silent(proof, u.Query().Get("X-Amz-Signature"), "token", "EXAMPLE", testExternalID)
		}
	})
}

// net/http quotes what makes no sense to it.
func TestWhatNetHTTPQuotesIsTakenOut(t *testing.T) {
	const target = `/a"b\c?X-Amz-Signature="quoted"`
	play(t, func(s *scene) {
		s.endpoint = raw("HTTP/1.1 " + testExternalID + "\r\n\r\n")
		s.cloudFormation = raw("HTTP/1.1 " + target + "\r\n\r\n")
		s.deadline = 10 * time.Second
		if err := s.invoke("Create", setEvent("ResponseURL", "https://answer.test"+target)); err == nil ||
			strings.Contains(err.Error(), "quoted") || strings.Contains(err.Error(), "a\\\"b") {
			t.Errorf("the error is %v", err)
		}
		if !strings.Contains(s.log.String(), "malformed HTTP") {
			t.Errorf("the log is\n%s", s.log)
		}
		s.silent(testExternalID, target, "quoted", `a\\\"b`)
	})
}

// A server that has the ResponseURL repeats a part of it.
func TestEachPartOfAResponseURLIsTakenOut(t *testing.T) {
	for part, url := range map[string]string{
		"AKIAEXAMPLE/20000101/s3": "https://answer.test/a?X-Amz-Credential=AKIAEXAMPLE%2F20000101%2Fs3&a=b",
		"token/of=cloudformation": "https://answer.test/a?X-Amz-Security-Token=token%2Fof%3Dcloudformation&a=b",
		"c0ffee":                  "https://answer.test/a?X-Amz-Signature=c0ffee&a=b",
		"0ld+51gnature=":          "https://answer.test/a?Signature=0ld%2B51gnature%3D&Expires=4102444800",
		"/a/b/c/d?e=f":            "https://answer.test/a/b/c/d?e=f",
		"e=f&g=h":                 "https://answer.test/a/b/c/d?e=f&g=h",
		"https://answer.test/a":   "https://answer.test/a#b",
		"https://answer.test/a#b": "https://answer.test/a#b",
	} {
		t.Run(part, func(t *testing.T) {
			play(t, func(s *scene) {
				s.endpoint = problem(403, "no <"+part+"> here")
				s.mustInvoke("Create", setEvent("ResponseURL", url))
				s.want("FAILED", "answered 403 Forbidden: no <> here")
			})
		})
	}
}

// An external ID may be the beginning of a ResponseURL's query. What comes behind it goes with the whole.
func TestAWholeIsTakenOutBeforeItsBeginning(t *testing.T) {
	play(t, func(s *scene) {
		const beginning = "X-Amz-Date=20000101T000000Z"
		s.endpoint = problem(403, "no "+beginning+"&X-Amz-Expires=7200&X-Amz-Signature=c0ffee here, and no "+beginning)
		s.mustInvoke("Create", set("ExternalId", beginning))
		s.want("FAILED", "answered 403 Forbidden: no here, and no")
	})
}

func TestTheErrorOfAnAnswerThatNobodyTookHasNoSecret(t *testing.T) {
	play(t, func(s *scene) {
		s.cloudFormation = func(w http.ResponseWriter, r *http.Request, n int) {
			problem(403, "no "+r.RequestURI+" of "+testExternalID)(w, r, n)
		}
		err := s.invoke("Create")
		if want := "CloudFormation: answered 403 Forbidden: no of"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// Two events are at work at once, as with AWS_LAMBDA_MAX_CONCURRENCY=2. Neither takes the other's secrets away, nor
// what it may tell.
func TestTwoEventsAtOnceKeepTheirOwnSecrets(t *testing.T) {
	play(t, func(s *scene) {
		ids := []string{"the-external-id-of-one", "an-external-id-of-another"}
		s.endpoint = func(w http.ResponseWriter, r *http.Request, n int) {
			if n <= 2 { // both are at work then
				time.Sleep(time.Second)
				problem(503, "no "+ids[0]+" and no "+ids[1])(w, r, n)
				return
			}
			problem(403, "never "+ids[0]+" nor "+ids[1])(w, r, n)
		}
		var both sync.WaitGroup
		for i, id := range ids {
			payload, err := json.Marshal(s.event("Create", set("ExternalId", id), set("TicketId", fmt.Sprint(i)),
				setEvent("RequestId", fmt.Sprint(i)), setEvent("RequestType", []string{"Create", "Update"}[i])))
			if err != nil {
				t.Fatal(err)
			}
			both.Go(func() {
				time.Sleep(time.Duration(i) * 500 * time.Millisecond)
				if _, err := s.f.Invoke(s.Context(), payload); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		synctest.Wait()
		for _, got := range s.at("answer.test") {
			var a answer
			if err := json.Unmarshal(got.body, &a); err != nil {
				t.Fatal(err)
			}
			want := "answered 403 Forbidden: never nor " + ids[1]
			if a.RequestId == "1" {
				want = "answered 403 Forbidden: never " + ids[0] + " nor"
			}
			if !strings.HasSuffix(a.Reason, want) {
				t.Errorf("event %s is told %q, want %q", a.RequestId, a.Reason, want)
			}
		}
		for line := range strings.Lines(s.log.String()) {
			own := ids[0]
			if strings.Contains(line, `"requestType":"Update"`) {
				own = ids[1]
			}
			if strings.Contains(line, own) {
				t.Errorf("a line holds the external ID of its event: %s", line)
			}
		}
	})
}

// CloudFormation wants a reason, and an external ID that is the whole of it leaves none.
func TestAReasonIsNeverEmpty(t *testing.T) {
	play(t, func(s *scene) {
		s.mustInvoke("Create", set("ExternalId", "?"))
		s.mustInvoke("Create", set("ExternalId", s.answer().Reason))
		s.want("FAILED", "nothing that can be told")
	})
}
