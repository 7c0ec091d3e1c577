package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAnAnswerGoesToTheResponseURLByteForByte(t *testing.T) {
	for target, sent := range map[string]string{"": "/", "?a=b": "/?a=b", "/a%2Fb?c=%zz#d": "/a%2Fb?c=%zz"} {
		t.Run("as "+sent, func(t *testing.T) { testTarget(t, target, sent) })
	}
	for _, target := range []string{
		"/arn%3Aaws%3Acloudformation%3Aeu-west-1%3A111122223333%3Astack/a/b%7CRegistration%7Cid?X-Amz-Signature=abc",
		"/lower%3aand%3Aupper", "/slash%2Fin%2fit/../x/./y//z", "//two//slashes", "/a|b\"c<d>e^f`g{h}i\\j[k]",
		"/a'b(c)d*e!f;g,h$i&j=k@l:m~n+o", "/größe", "/?", "/x?", "/x?q", "/x?a=b&&a=b&", "/x?a=%2b+%20%2B",
		"/x?a=b;c=d", "/x?a=|\"<>^`{}\\[]'", "/x?a=ü", "/x?a=?/b?c", "/x?%zz=%", "/x?=&=", "/%00", "/%C3%28",
		"/a%20b?X-Amz-Security-Token=a/b%2Fc==", "/a|b{c}?X-Amz-Signature=d|e", "/größe?",
	} {
		t.Run(target, func(t *testing.T) { testTarget(t, target, target) })
	}
}

func testTarget(t *testing.T, target, sent string) {
	play(t, func(s *scene) {
		s.mustInvoke("Create", setEvent("ResponseURL", "https://answer.test"+target))
		s.want("SUCCESS")
		if got := s.at("answer.test")[0]; got.target != sent || got.method != "PUT" {
			t.Errorf("the answer went with %s to\n%q\nwant\n%q", got.method, got.target, sent)
		}
	})
}

func TestAResponseURLThatIsTakenOrNot(t *testing.T) {
	for raw, taken := range map[string]bool{
		"https://h/a": true, "https://h:1/a": true, "https://[::1]/a": true, "HTTPS://h/a": true,
		"http://127.0.0.1:8/a": true, "http://127.9.9.9/a": true, "http://[::1]/a": true, "http://localhost/a": true,
		"http://h/a": false, "http://0.0.0.0/a": false, "http://192.0.2.1/a": false,
		"http://[::ffff:192.0.2.1]/a":    false,
		"http://127.0.0.1.example.com/a": false, "http://localhost.example.com/a": false,
		"https://u:p@h/a": false, "https://u@h/a": false, "https://@h/a": false, "http://u@localhost/a": false,
		"https:///a": false, "https://:443/a": false, "https:h": false, "//h/a": false, "h/a": false, "/a": false,
		"":                  false,
		"https://h%C3%A9/a": false,
		"https://h/a b":     false, "https://h/a?b c": false, " https://h/a": false, "https://h\r\n/a": false,
		"https://h/a\nb": false, "https://h/a\x00": false, "https://[::1/a": false, "https://h:port/a": false,
		"ftp://h/a": false, "ftp://127.0.0.1/a": false, "file:///etc/passwd": false,
	} {
		u, err := parseResponseURL(raw)
		if (err == nil) != taken || err != nil && (u != nil || !strings.HasPrefix(err.Error(),
			"not a CloudFormation request: ResponseURL ")) {
			t.Errorf("%q is taken as %v, %v; want %v", raw, u, err, taken)
		}
	}
}

func TestWhatIsNoRequestIsAnErrorAndTheNextIsServed(t *testing.T) {
	play(t, func(s *scene) {
		without := func(changes ...change) string {
			payload, err := json.Marshal(s.event("Create", changes...))
			if err != nil {
				t.Fatal(err)
			}
			return string(payload)
		}
		garbage := map[string]string{
			"nothing": "", "white space": " \n", "null": "null", "number": "5", "text": `"text"`, "list": "[]",
			"empty":   "{}",
			"no JSON": "hello", "cut off": without()[:200], "something behind it": without() + "}",
			"two":  without() + without(),
			"deep": strings.Repeat("[", 100_000), "nul": "\x00", "BOM": "\ufeff" + without(), "not UTF-8": "\xff\xfe",
			"in the clear": without(setEvent("ResponseURL", "http://answer.test/a?secret")),
		}
		for _, name := range []string{"ResponseURL", "StackId", "RequestId", "LogicalResourceId"} {
			for _, value := range append(otherTypes, "", nil) {
				garbage[fmt.Sprint(name, " ", value)] = without(setEvent(name, value))
			}
			garbage[name+" null"] = without(func(ev, _, _ map[string]any) { ev[name] = nil })
		}
		for name, payload := range garbage {
			err := s.deliver([]byte(payload))
			if err == nil || !strings.HasPrefix(err.Error(), "not a CloudFormation request: ") {
				t.Errorf("%s ended in %v", name, err)
			}
		}
		if len(s.tries) > 0 || s.log.Len() > 0 {
			t.Errorf("somebody was called, or something said: %v\n%s", s.tries, s.log)
		}
		s.mustInvoke("Create")
		s.want("SUCCESS")
	})
}

// Each member of an event in every JSON type: CloudFormation is told all the same.
func TestNoMemberOfAnyTypeKeepsCloudFormationWaiting(t *testing.T) {
	for _, requestType := range []string{"Create", "Update", "Delete"} {
		play(t, func(s *scene) {
			long := strings.Repeat("y", 5000)
			for _, value := range append([]any{nil, "x", long, json.Number("1e400")}, otherTypes...) {
				given := s.event(requestType)["ResourceProperties"].(map[string]any)
				for name := range given {
					for _, change := range []change{set(name, value), setOld(name, value),
						all(set(name, value), setOld(name, value))} {
						s.mustInvoke(requestType, change)
					}
				}
				for _, name := range []string{"ResourceProperties", "OldResourceProperties", "PhysicalResourceId"} {
					if name != "PhysicalResourceId" || value != long { // which could not be echoed
						s.mustInvoke(requestType, setEvent(name, value))
					}
				}
				if requestType == "Delete" {
					s.want("SUCCESS")
				}
			}
		})
	}
}

func TestIssuedAtIsTheTimeOfTheResponseURLOrOfTheEvent(t *testing.T) {
	const came = "2000-01-01T00:00:01Z"
	for query, want := range map[string]string{
		"X-Amz-Date=20261124T100000Z":                              "2026-11-24T10:00:00Z",
		"X-Amz-Date=20261124T100000Z&X-Amz-Expires=soon":           "2026-11-24T10:00:00Z",
		"a=b;c=d&X-Amz-Date=20261124T100000Z":                      "2026-11-24T10:00:00Z",
		"X-Amz-Signature=%zz&X-Amz-Date=20261124T100000Z&unusual=": "2026-11-24T10:00:00Z",
		"":                                  came,
		"X-Amz-Date=":                       came,
		"X-Amz-Date=yesterday":              came,
		"X-Amz-Date=20261324T100000Z":       came,
		"X-Amz-Date=20261124T100000.5Z":     came,
		"X-Amz-Date=2026-11-24T10:00:00Z":   came,
		"Signature=x%3D&Expires=4102444800": came,
		"x-amz-date=20261124T100000Z":       came,
	} {
		t.Run(query, func(t *testing.T) {
			play(t, func(s *scene) {
				s.endpoint = first(3, status(503))
				time.Sleep(1500 * time.Millisecond)
				s.mustInvoke("Create", setEvent("ResponseURL", "https://answer.test/x?"+query))
				posts := s.posts()
				same := len(posts) == 4 && string(posts[0].body) == string(posts[3].body)
				if got := s.posted()["issuedAt"]; got != want || !same {
					t.Errorf("issuedAt is %q, want %q; posted %d times", got, want, len(posts))
				}
			})
		})
	}
}

func TestNobodyWaitsAfterTheURLOrTheServiceTimeoutHasRunOut(t *testing.T) {
	top := func(value any) change { return setEvent("ServiceTimeout", value) }
	given := func(value any) change { return set("ServiceTimeout", value) }
	url := func(query string) change { return setEvent("ResponseURL", "https://answer.test/x?"+query) }
	for name, c := range map[string]struct {
		change change
		after  time.Duration // 0 where it is waited on
	}{
		"text among the properties":        {given("30"), 30 * time.Second},
		"a number among the properties":    {given(30), 30 * time.Second},
		"text at the top":                  {all(top("30"), given(nil)), 30 * time.Second},
		"a number at the top":              {all(top(30), given(nil)), 30 * time.Second},
		"the top counts first":             {all(top(60), given(30)), 60 * time.Second},
		"the top counts first, if shorter": {all(top("30"), given("60")), 30 * time.Second},
		"the top makes no sense":           {all(top("soon"), given("30")), 30 * time.Second},
		"the top is empty":                 {all(top(""), given("30")), 30 * time.Second},
		"the top is too long":              {all(top(3601), given("30")), 30 * time.Second},
		"the longest":                      {given(3600), time.Hour},
		"the shortest":                     {given(1), time.Second},
		"none of its own": {all(given(nil), url("X-Amz-Date=20000101T000000Z&X-Amz-Expires=40")),
			40 * time.Second},
		"the URL's end comes first": {all(given("50"), url("X-Amz-Date=20000101T000000Z&X-Amz-Expires=40")),
			40 * time.Second},
		"the URL's end comes last": {all(given("30"), url("X-Amz-Date=20000101T000000Z&X-Amz-Expires=40")),
			30 * time.Second},
		"the URL's longest": {all(given(nil), url("X-Amz-Date=19991231T000000Z&X-Amz-Expires=604800")),
			6 * 24 * time.Hour},
		"the URL's end beyond that": {all(given(nil), url("X-Amz-Date=19991231T000000Z&X-Amz-Expires=604801")),
			0},
		"the old URL's end":         {all(given(nil), url("Expires=946684840")), 40 * time.Second},
		"an undated URL":            {all(given("30"), url("X-Amz-Expires=30")), 0},
		"0":                         {given("0"), 0},
		"3601":                      {given("3601"), 0},
		"3601 as a number":          {given(3601), 0},
		"a fraction":                {given(1.5), 0},
		"a fraction as text":        {given("1.5"), 0},
		"a negative":                {given(-5), 0},
		"an exponent":               {given(json.Number("1e1")), 0},
		"white space":               {given(" 1"), 0},
		"a great number":            {given("99999999999999999999"), 0},
		"a great number that wraps": {given("18446744073709551617"), 0},
		"true":                      {given(true), 0},
		"a list":                    {given([]any{"1"}), 0},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				ev := s.event("Create", c.change)
				if query := ev["ResponseURL"].(string); strings.HasSuffix(query, "c0ffee") {
					ev["ResponseURL"] = strings.Replace(query, "&X-Amz-Expires=7200", "", 1)
				}
				payload, err := json.Marshal(ev)
				if err != nil {
					t.Fatal(err)
				}
				deliver := func(at time.Duration, want string, words ...string) {
					time.Sleep(at - time.Since(s.start))
					if err := s.deliver(payload); err != nil {
						t.Fatal(err)
					}
					s.want(want, words...)
				}
				if c.after == 0 {
					deliver(30*24*time.Hour, "SUCCESS")
					return
				}
				deliver(c.after-time.Millisecond, "SUCCESS")
				deliver(c.after, "FAILED", "nobody has waited for this request since ",
					s.start.Add(c.after).UTC().Format(utcTime)+", so nothing was registered")
				if n := len(s.posts()); n != 1 {
					t.Errorf("%d posts", n)
				}
			})
		})
	}
}
