package runtimeapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// What is no request of CloudFormation's is an error to the runtime, with no
// call to anybody, and the next event is served by the same process.
func TestGarbageIsAnErrorAndTheNextEventIsServed(t *testing.T) {
	t.Parallel()
	s := newScene(t, ok, ok)
	without := func(name string, value any) string {
		e := s.event("Create")
		e[name] = value
		if value == nil {
			delete(e, name)
		}
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		s.remember(e)
		return string(raw)
	}
	garbage := map[string]string{
		"empty": "", "white space": " \n", "null": "null", "number": "5", "text": `"text"`, "list": "[]", "empty object": "{}",
		"no JSON": "hello", "cut off": without("x", "y")[:200], "something behind it": without("x", "y") + "}", "two": without("x", "y") + without("x", "y"),
		"deep": strings.Repeat("[", 100_000), "deep inside": strings.TrimSuffix(without("x", "y"), "}") + `,"z":` + strings.Repeat("[", 100_000),
		"nul": "\x00", "BOM": "\ufeff" + without("x", "y"), "not UTF-8": "\xff\xfe",
	}
	for _, name := range []string{"ResponseURL", "StackId", "RequestId", "LogicalResourceId"} {
		garbage["no "+name] = without(name, nil)
		garbage["empty "+name] = without(name, "")
		garbage["null "+name] = without(name, json.RawMessage("null"))
		for i, value := range otherTypes {
			garbage[fmt.Sprintf("%s of another type %d", name, i)] = without(name, value)
		}
	}
	host := s.cloudformation.Host
	for _, raw := range []string{
		"http://" + strings.Replace(host, "127.0.0.1", "192.0.2.1", 1) + "/in-the-clear", "http://loopback.example.com/in-the-clear", "http://127.0.0.1.example.com/in-the-clear",
		"http://0.0.0.0/in-the-clear", "http://[::ffff:192.0.2.1]/in-the-clear",
		"ftp://" + host + "/by-other-means", "file:///etc/passwd-of-mine", "//" + host + "/no-scheme", host + "/no-scheme", "/only-a-path", "https:///no-host-at-all", "https://:443/no-host-at-all", "https:opaque-thing",
		"https://user:geheim-password@" + host + "/user-info", "https://user-name@" + host + "/user-info", "https://@" + host + "/user-info",
		"https://" + host + "\r\n/two-lines", "https://" + host + "/two\r\nlines: x", "https://" + host + "/a nul\x00", "https://[::1/no-bracket", "https://" + host + ":port/no-port",
		" https://" + host + "/leading-space",
	} {
		garbage["ResponseURL "+raw] = without("ResponseURL", raw)
	}
	for _, name := range slices.Sorted(maps.Keys(garbage)) {
		if result := s.deliver([]byte(garbage[name]), time.Minute); result.Error == nil {
			t.Errorf("%s ended well: %s", name, result.Response)
		} else if result.Error.Message == "" {
			t.Errorf("%s ended in an error without a word: %s", name, result.Error.Body)
		}
	}
	s.posts(0)
	if answers := s.cloudformation.Requests(); len(answers) != 0 {
		t.Errorf("CloudFormation got %d answers, the first is %s", len(answers), answers[0].Body)
	}
	s.invoke(s.event("Create"))
	s.want("SUCCESS", runtimeapi.RoleARN)
	s.posts(1)
}

// Each member of an event in every JSON type: whatever comes of it, CloudFormation
// is told, and the process lives on.
func TestNoMemberOfAnyTypeKeepsCloudFormationWaiting(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 5000)
	isLong := func(value any) bool { text, _ := value.(string); return text == long }
	values := []any{nil, "x", long, []any{event{"RoleArn": []any{}}}, event{}, json.Number("1e400"), 12345, true}
	needed := []string{"ResponseURL", "StackId", "RequestId", "LogicalResourceId"}
	for _, request := range []string{"Create", "Update", "Delete"} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			deliver := func(what string, e event) {
				if result := s.invoke(e); result.Error != nil {
					t.Errorf("%s: the invocation ended in an error: %s", what, result.Error.Body)
				}
				if a := s.answer(); request == "Delete" && what != "RequestType" && a.Status != "SUCCESS" {
					t.Errorf("%s: CloudFormation was told %s of a Delete (%s)", what, a.Status, a.Reason)
				}
				s.clear()
			}
			for _, value := range values {
				for name := range s.event(request) {
					if slices.Contains(needed, name) || name == "PhysicalResourceId" && isLong(value) {
						continue // longer than an id can be, and it must be echoed
					}
					e := s.event(request)
					e[name] = value
					deliver(name, e)
				}
				if request == "Create" {
					continue // TestAWrongPropertyIsNamed has them
				}
				for name := range properties(s.event(request)) {
					value := value
					if isLong(value) {
						value = long + name // an external ID of one event is none of the next
					}
					e := s.event(request)
					properties(e)[name] = value
					deliver(name, e)
					if request == "Update" {
						old(e)[name] = value // both the same: what can be compared is
						deliver("old and new "+name, e)
						delete(properties(e), name)
						deliver("old "+name, e)
					}
				}
			}
		})
	}
}

func TestThePropertiesMayBeOfAnyType(t *testing.T) {
	t.Parallel()
	for _, request := range []string{"Create", "Update"} {
		for i, value := range append([]any{nil, "", "text"}, otherTypes...) {
			t.Run(fmt.Sprintf("%s/%d", request, i), func(t *testing.T) {
				t.Parallel()
				s := newScene(t, ok, ok)
				e := s.event(request)
				e["ResourceProperties"] = value
				s.invoke(e)
				id := "unregistered"
				if request == "Update" {
					id = runtimeapi.RoleARN
				}
				s.want("FAILED", id, "RoleArn")
				s.posts(0)
			})
		}
	}
}
