package runtimeapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

func TestAnAnswerGoesToTheResponseURLByteForByte(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"/arn%3Aaws%3Acloudformation%3Aeu-west-1%3A111122223333%3Astack/a/b%7CRegistration%7Cid?X-Amz-Signature=abc",
		"/lower%3aand%3Aupper", "/slash%2Fin%2fit/../x/./y//z", "//two//slashes", "/a|b\"c<d>e^f`g{h}i\\j[k]", "/a'b(c)d*e!f;g,h$i&j=k@l:m~n+o",
		"/größe", "/?", "/x?", "/x?q", "/x?a=b&&a=b&", "/x?a=%2b+%20%2B", "/x?a=b;c=d", "/x?a=|\"<>^`{}\\[]'", "/x?a=ü", "/x?a=?/b?c", "/x?%zz=%",
		"/x?=&=", "/%00", "/%C3%28", "/a%20b?X-Amz-Security-Token=a/b%2Fc==",
		"/a|b{c}?X-Amz-Signature=d|e", "/größe?",
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Create")
			e["ResponseURL"] = "https://" + s.cloudformation.Host + target
			s.invoke(e)
			s.want("SUCCESS", runtimeapi.RoleARN)
			if got := s.cloudformation.Requests()[0].Target; got != target {
				t.Errorf("the answer went to\n%q\nwant\n%q", got, target)
			}
			if got := s.cloudformation.Requests()[0].Host; got != s.cloudformation.Host {
				t.Errorf("the answer went to the host %q", got)
			}
		})
	}
	for _, c := range []struct{ tail, want string }{{"", "/"}, {"?a=b", "/?a=b"}} {
		t.Run("no path"+c.tail, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Create")
			e["ResponseURL"] = "https://" + s.cloudformation.Host + c.tail
			s.invoke(e)
			s.want("SUCCESS", runtimeapi.RoleARN)
			if got := s.cloudformation.Requests()[0].Target; got != c.want {
				t.Errorf("the answer went to %q, want %q", got, c.want)
			}
		})
	}
}

func TestAnAnswerGoesToPlainHTTPOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	server, err := runtimeapi.ServePlain(ok)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	s := newScene(t, ok, ok)
	s.cloudformation = server
	e := s.event("Create")
	e["ResponseURL"] = "http://" + server.Host + "/cfn-response/x|y|z"
	s.invoke(e)
	s.want("SUCCESS", runtimeapi.RoleARN)
	s.posts(1)
}

func TestWhatCameIsEchoed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<script>&amp;</script>", "a\"b\\c", "tab\tline\nnul\x00del\x7f", "äöü…\u2028😀", strings.Repeat("l", 255)} {
		t.Run(text[:min(len(text), 20)], func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Delete")
			e["RequestId"], e["LogicalResourceId"], e["PhysicalResourceId"] = text, text, text
			delete(properties(e), "RoleArn")
			s.invoke(e)
			a := s.answer()
			if a.RequestID != text || a.LogicalResourceID != text || a.PhysicalResourceID != text || a.StackID != runtimeapi.StackID {
				t.Errorf("came back as %+v, want %q", a, text)
			}
		})
	}
}

func TestInvalidUTF8IsAnsweredInUTF8(t *testing.T) {
	t.Parallel()
	s := newScene(t, ok, ok)
	raw, err := json.Marshal(s.event("Create"))
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.ReplaceAll(raw, []byte(runtimeapi.RequestID+`"`), []byte("\xff\xfe\xc3\""))
	raw = bytes.ReplaceAll(raw, []byte(`"12345"`), []byte("\"1\xff5\""))
	s.deliver(raw, time.Minute)
	if a := s.answer(); a.Status != "FAILED" || !strings.Contains(a.Reason, "TicketId") {
		t.Errorf("CloudFormation was told %s (%s)", a.Status, a.Reason)
	}
}

func TestTheReasonOfAnEndpointThatSaysTooMuch(t *testing.T) {
	t.Parallel()
	id := runtimeapi.ExternalID
	before := "the-external-id-of-before"
	half := len(id) / 2
	for _, c := range []struct {
		name, detail string
	}{
		{"long", strings.Repeat("long ", 10_000)},
		{"long and wide", strings.Repeat("ä😀", 8_000)},
		{"quotes", strings.Repeat(`"\`, 20_000)},
		{"line separators", strings.Repeat("\u2028", 10_000)},
		{"control characters", "a\x00b\x1fc\x7fd\u0085e\r\nf\tg"},
		{"markup", "<b>&amp;</b>"},
		{"the external ID", "no " + id + " here"},
		{"the external ID at once again", id + id + id},
		{"the external ID around itself", "no " + id[:half] + id + id[half:] + " here"},
		{"the external ID around itself twice", "no " + id[:half] + id[:half] + id + id[half:] + id[half:] + " here"},
		{"the external ID of before", "no " + before + " here"},
		{"one around the other", before[:9] + id + before[9:] + id[:9] + before + id[9:]},
		{"the external ID around control characters", id[:half] + "\x00\n" + id[half:]},
		{"the external ID around invalid UTF-8", id[:half] + "\xff" + id[half:]},
		{"the external ID at the cut", strings.Repeat("x", 3400) + strings.Repeat(id, 20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			document, err := json.Marshal(event{"detail": c.detail})
			if err != nil {
				t.Fatal(err)
			}
			if !utf8.ValidString(c.detail) {
				document = []byte(`{"detail":"` + c.detail + `"}`)
			}
			s := newScene(t, body(403, string(document), "Content-Type", "application/problem+json"), ok)
			e := s.event("Update")
			old(e)["ExternalId"] = before
			s.invoke(e)
			s.want("FAILED", runtimeapi.RoleARN, "403")
		})
	}
}

func TestAShortExternalIDHarmsNothing(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"ar", "ED", "Registration", "FAILED", "Reason", "arn:aws", runtimeapi.Account, runtimeapi.StackGUID} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, problem(403, "Registration FAILED for "+id+": ask the Reason"), ok)
			e := s.event("Create")
			properties(e)["ExternalId"] = id
			raw, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			s.deliver(raw, time.Minute)
			a := s.answer()
			if a.Status != "FAILED" || a.PhysicalResourceID != runtimeapi.RoleARN || a.StackID != runtimeapi.StackID || a.LogicalResourceID != runtimeapi.Resource {
				t.Errorf("CloudFormation was told %+v", a)
			}
			if strings.Contains(a.Reason, id) {
				t.Errorf("the Reason %q holds the external ID %q", a.Reason, id)
			}
		})
	}
}

// Taking out one external ID makes up the next one, as often as the endpoint
// likes: that must not take the time that the answer needs.
func TestADetailThatIsMadeOfShellsTakesNoTime(t *testing.T) {
	t.Parallel()
	s := newScene(t, problem(403, strings.Repeat("p", 30_000)+strings.Repeat("q", 30_000)), ok)
	e := s.event("Create")
	properties(e)["ExternalId"] = "pq"
	result := s.invoke(e)
	s.want("FAILED", runtimeapi.RoleARN, "403")
	if a := s.answer(); strings.Contains(a.Reason, "pq") {
		t.Errorf("the Reason %q holds the external ID", a.Reason)
	}
	if took := result.Done.Sub(result.Taken); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAWrongPropertyThatIsTheExternalIDIsNotShown(t *testing.T) {
	t.Parallel()
	for _, property := range []string{"RoleArn", "TicketId", "Access", "AccessExpires", "TemplateVersion"} {
		t.Run(property, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Create")
			properties(e)["ExternalId"] = "the/external=id,of:this"
			properties(e)[property] = "x the/external=id,of:this y"
			s.invoke(e)
			if a := s.answer(); a.Status != "FAILED" || !strings.Contains(a.Reason, property) {
				t.Errorf("CloudFormation was told %s (%s)", a.Status, a.Reason)
			}
		})
	}
}

func TestTheLongestEventHasRoomForItsReason(t *testing.T) {
	t.Parallel()
	s := newScene(t, problem(403, strings.Repeat("\u2028\\\"", 8000)), ok)
	e := s.event("Create")
	role := "arn:aws:iam::111122223333:role/" + strings.Repeat("r", 1024-31-2) + "/r"
	properties(e)["RoleArn"] = role
	e["StackId"] = "arn:aws:cloudformation:eu-west-1:111122223333:stack/" + strings.Repeat("s", 128) + "/" + runtimeapi.StackGUID
	e["LogicalResourceId"] = strings.Repeat("L", 255)
	s.invoke(e)
	s.want("FAILED", role, "403")
}

func TestAProblemThatIsNone(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty": "", "no JSON": "<html>", "a list": "[]", "a text": `"x"`, "null": "null", "a number as detail": `{"detail":5}`, "an object as detail": `{"detail":{"a":1}}`,
		"null as detail": `{"detail":null}`, "cut off": `{"detail":"x`, "deep": strings.Repeat("[", 20_000), "packed": "\x1f\x8b\x08\x00\x00\x00\x00\x00",
		"a BOM": "\ufeff{\"detail\":\"x\"}", "too long to be read": `{"detail":"` + strings.Repeat("x", 70_000) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, body(403, content, "Content-Type", "application/problem+json"), ok)
			s.invoke(s.event("Create"))
			s.want("FAILED", runtimeapi.RoleARN, "403")
			s.posts(1)
		})
	}
}

func TestAPackedProblemIsNotUnpacked(t *testing.T) {
	t.Parallel()
	s := newScene(t, body(403, packed(`{"detail":"a bomb"}`), "Content-Type", "application/problem+json", "Content-Encoding", "gzip"), ok)
	s.invoke(s.event("Create"))
	s.want("FAILED", runtimeapi.RoleARN, "403")
	if a := s.answer(); strings.Contains(a.Reason, "a bomb") {
		t.Errorf("the Reason %q was unpacked", a.Reason)
	}
}

func TestAnAnswerIsTriedAgain(t *testing.T) {
	t.Parallel()
	faults := map[string]http.HandlerFunc{"a reset": reset}
	for _, status := range []int{408, 429, 500, 501, 502, 503, 504, 505, 507, 599} {
		faults[fmt.Sprint(status)] = reply(status)
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, inTurn(fault, fault, ok))
			if result := s.invoke(s.event("Create")); result.Error != nil {
				t.Errorf("the invocation ended in an error: %s", result.Error.Body)
			}
			answers := s.cloudformation.Requests()
			if len(answers) != 3 {
				t.Fatalf("CloudFormation got %d answers, want 3", len(answers))
			}
			for _, a := range answers {
				if !bytes.Equal(a.Body, answers[0].Body) || a.Target != answers[0].Target {
					t.Errorf("the answer changed: %s %s, then %s %s", answers[0].Target, answers[0].Body, a.Target, a.Body)
				}
			}
			s.posts(1)
		})
	}
}

func TestAnAnswerThatIsRefusedIsAnError(t *testing.T) {
	t.Parallel()
	for _, status := range []int{300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 409, 410, 411, 412, 425} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, inTurn(reply(status, "Location", "/elsewhere"), ok))
			if result := s.invoke(s.event("Create")); result.Error == nil {
				t.Error("the invocation ended well")
			}
			if answers := s.cloudformation.Requests(); len(answers) != 1 {
				t.Errorf("CloudFormation got %d answers, want 1", len(answers))
			}
			// Lambda delivers the event again.
			if result := s.invoke(s.event("Create")); result.Error != nil {
				t.Errorf("the second invocation ended in an error: %s", result.Error.Body)
			}
			if answers := s.cloudformation.Requests(); len(answers) != 2 {
				t.Errorf("CloudFormation got %d answers in all, want 2", len(answers))
			}
		})
	}
}

func TestARedirectedAnswerIsNotFollowedElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, ok)
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, reply(status, "Location", "https://"+elsewhere.Host+"/x"))
			if result := s.invoke(s.event("Create")); result.Error == nil {
				t.Error("the invocation ended well")
			}
			if got := elsewhere.Requests(); len(got) != 0 {
				t.Errorf("the redirect was followed: %s %s, Referer %q", got[0].Method, got[0].Target, got[0].Header["Referer"])
			}
		})
	}
}

func TestAnAnswersBodyIsOfNoInterest(t *testing.T) {
	t.Parallel()
	s := newScene(t, ok, endless(http.StatusOK))
	if result := s.invoke(s.event("Create")); result.Error != nil {
		t.Errorf("the invocation ended in an error: %s", result.Error.Body)
	}
}
