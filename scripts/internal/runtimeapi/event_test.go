package runtimeapi_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

// One pass of what the design's table has, through the built zip: newScene
// holds each registration, its proof and each answer against the contract. All
// rows, faults and values are lambda/'s own, in virtual time.
func TestTheBuiltFunctionKeepsTheContract(t *testing.T) {
	t.Parallel()
	const newRole = "arn:aws:iam::111122223333:role/doit/doit-access-SupportRole-NEWROLE"
	refuses := problem(403, "Ticket 12345 is not open for this account.")
	for _, c := range []struct {
		name     string
		request  string
		change   func(*scene, event)
		refused  bool
		status   string
		id       string
		reason   string
		posts    int
		warnings bool
	}{
		{name: "Create", request: "Create", status: "SUCCESS", id: runtimeapi.RoleARN, posts: 1},
		{name: "Create that is refused", request: "Create", refused: true, status: "FAILED", id: runtimeapi.RoleARN,
			reason: "403 Forbidden: Ticket 12345 is not open for this account.", posts: 1, warnings: true},
		{name: "Create with as little as there can be", request: "Create", change: func(s *scene, e event) {
			e["ResponseURL"] = "https://" + s.cloudformation.Host + "/undated"
			e["ResourceProperties"] = event{"RoleArn": runtimeapi.RoleARN, "ExternalId": runtimeapi.ExternalID}
		}, status: "SUCCESS", id: runtimeapi.RoleARN, posts: 1},
		{name: "Create in China", request: "Create", change: func(s *scene, e event) {
			s.env["AWS_REGION"] = "us-west-2" // the stack's region counts
			e["StackId"] = "arn:aws-cn:cloudformation:cn-north-1:999988887777:stack/x/" + runtimeapi.StackGUID
			properties(e)["RoleArn"] = "arn:aws-cn:iam::999988887777:role/doit/x"
		}, status: "SUCCESS", id: "arn:aws-cn:iam::999988887777:role/doit/x", posts: 1},
		{name: "Create with keys and a token of other characters", request: "Create", change: func(s *scene, _ event) {
			s.env["AWS_ACCESS_KEY_ID"] = "ASIAI44QH8DHBEXAMPLE"
			s.env["AWS_SECRET_ACCESS_KEY"] = "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"
			s.env["AWS_SESSION_TOKEN"] = "a+b/c==" + strings.Repeat("t", 1500)
		}, status: "SUCCESS", id: runtimeapi.RoleARN, posts: 1},
		{name: "Create without an endpoint", request: "Create", change: func(s *scene, _ event) {
			s.env = with(s.env, map[string]string{"REGISTRATION_ENDPOINT": ""})
		}, status: "FAILED", id: runtimeapi.RoleARN, reason: "REGISTRATION_ENDPOINT"},
		{name: "Create that says too much", request: "Create", change: func(_ *scene, e event) {
			properties(e)["TicketId"] = strings.Repeat("\u2028\"", 8000)
		}, status: "FAILED", id: runtimeapi.RoleARN, reason: "TicketId"},
		{name: "Update to another role", request: "Update", change: func(_ *scene, e event) {
			properties(e)["RoleArn"] = newRole
		}, status: "SUCCESS", id: newRole, posts: 1},
		{name: "Update to dismissed, refused", request: "Update", change: func(_ *scene, e event) {
			properties(e)["Access"] = "dismissed"
		}, refused: true, status: "SUCCESS", id: runtimeapi.RoleARN, posts: 1, warnings: true},
		{name: "Delete", request: "Delete", status: "SUCCESS", id: runtimeapi.RoleARN, posts: 1},
		{name: "Delete without an external ID", request: "Delete", change: func(_ *scene, e event) {
			delete(properties(e), "ExternalId")
		}, status: "SUCCESS", id: runtimeapi.RoleARN, posts: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			endpoint := ok
			if c.refused {
				endpoint = refuses
			}
			s := newScene(t, endpoint, ok)
			e := s.event(c.request)
			if c.change != nil {
				c.change(s, e)
			}
			if result := s.invoke(e); result.Error != nil {
				t.Errorf("the invocation ended in an error: %s", result.Error.Body)
			}
			s.want(c.status, c.id, c.reason)
			s.posts(c.posts)
			if c.status == "SUCCESS" && s.warned() != c.warnings {
				t.Errorf("there is a warning in the log: %v, want %v", s.warned(), c.warnings)
			}
		})
	}
}

// What is no request of CloudFormation's is an error to the runtime, with no
// call to anybody, and the next event is served by the same process.
func TestGarbageIsAnErrorAndTheNextEventIsServed(t *testing.T) {
	t.Parallel()
	s := newScene(t, ok, ok)
	for _, garbage := range []string{
		"", "null", "5", "[]", "{}", "hello", `{"StackId":`, "\x00", "\xff\xfe", strings.Repeat("[", 100_000),
	} {
		result := s.deliver([]byte(garbage), time.Minute)
		if result.Error == nil || result.Error.Message == "" {
			t.Errorf("%.20q ended without an error's words: %+v", garbage, result)
		}
	}
	s.posts(0)
	s.invoke(s.event("Create"))
	s.want("SUCCESS", runtimeapi.RoleARN)
	s.posts(1)
}

// A managed instance runs two events in one process. Neither may take away what
// the other withholds.
func TestTwoEventsAtOnceInOneProcess(t *testing.T) {
	t.Parallel()
	ids := []string{"the-external-id-of-the-first", "an-external-id-of-the-second"}
	var both sync.WaitGroup
	both.Add(2)
	meet := func(w http.ResponseWriter, r *http.Request) {
		both.Done()
		both.Wait()
		problem(403, "no "+ids[0]+" and no "+ids[1])(w, r)
	}
	s := newScene(t, meet, ok)
	s.env["AWS_LAMBDA_MAX_CONCURRENCY"] = "2"
	s.start()
	var work sync.WaitGroup
	for i, id := range ids {
		e := s.event("Create")
		properties(e)["ExternalId"], properties(e)["TicketId"] = id, strconv.Itoa(i)
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() {
			if result, err := s.process.Invoke(raw, time.Now().Add(time.Minute)); err != nil || result.Error != nil {
				t.Errorf("event %d ended in %v, %+v", i, err, result)
			}
		})
	}
	work.Wait()
	told := map[string]bool{}
	for _, r := range s.cloudformation.Requests() {
		told[s.decode(r).Reason] = true
	}
	for _, id := range ids {
		for _, shape := range []string{"no and no " + id, "no " + id + " and no"} {
			delete(told, "registration endpoint: answered 403 Forbidden: "+shape)
		}
	}
	if len(told) > 0 || len(s.cloudformation.Requests()) != 2 {
		t.Errorf("CloudFormation was told something else: %v", told)
	}
}
