package runtimeapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

const (
	newRole   = "arn:aws:iam::111122223333:role/doit/doit-access-SupportRole-NEWROLE"
	otherRole = "arn:aws:iam::111122223333:role/doit/doit-access-SupportRole-OTHERROLE"
)

// A ruling is what the design's table says about one event and one fault.
type ruling struct {
	status string
	posted bool
	warned bool
}

var (
	failed   = ruling{status: "FAILED"}
	refused  = ruling{status: "FAILED", posted: true}
	accepted = ruling{status: "SUCCESS", posted: true}
	warned   = ruling{status: "SUCCESS", posted: true, warned: true}
)

// What CloudFormation is told, row by row as in the design, and below it rows
// where several fit.
var rulings = []struct {
	event      string
	request    string
	change     func(event)
	failedID   string // what a FAILED is answered with
	acceptedID string

	invalid, untold, refused, late ruling
}{
	{
		event: "Create", request: "Create",
		failedID: runtimeapi.RoleARN, acceptedID: runtimeapi.RoleARN,
		invalid: failed, untold: failed, refused: refused, late: failed,
	},
	{
		event: "Create with Access dismissed", request: "Create",
		change:   func(e event) { properties(e)["Access"] = "dismissed" },
		failedID: runtimeapi.RoleARN, acceptedID: runtimeapi.RoleARN,
		invalid: failed, untold: failed, refused: refused, late: failed,
	},
	{
		event: "Update", request: "Update",
		change:   func(e event) { properties(e)["RoleArn"] = newRole },
		failedID: runtimeapi.RoleARN, acceptedID: newRole,
		invalid: failed, untold: failed, refused: refused, late: failed,
	},
	{
		event: "Update without OldResourceProperties", request: "Update",
		change: func(e event) {
			delete(e, "OldResourceProperties")
			properties(e)["RoleArn"] = newRole
		},
		failedID: runtimeapi.RoleARN, acceptedID: newRole,
		invalid: failed, untold: failed, refused: refused, late: failed,
	},
	{
		event: "Update that keeps RoleArn", request: "Update",
		failedID: runtimeapi.RoleARN, acceptedID: runtimeapi.RoleARN,
		invalid: failed, untold: warned, refused: refused, late: failed,
	},
	{
		event: "Update from dismissed to approved", request: "Update",
		change:   func(e event) { old(e)["Access"] = "dismissed" },
		failedID: runtimeapi.RoleARN, acceptedID: runtimeapi.RoleARN,
		invalid: failed, untold: failed, refused: refused, late: failed,
	},
	{
		event: "Update from dismissed to no Access", request: "Update",
		change: func(e event) {
			old(e)["Access"] = "dismissed"
			delete(properties(e), "Access")
		},
		failedID: runtimeapi.RoleARN, acceptedID: runtimeapi.RoleARN,
		invalid: failed, untold: failed, refused: refused, late: failed,
	},
	{
		event: "Update that rolls back a replacement", request: "Update",
		change:   func(e event) { old(e)["RoleArn"] = otherRole },
		failedID: runtimeapi.RoleARN, acceptedID: runtimeapi.RoleARN,
		invalid: failed, untold: warned, refused: warned, late: failed,
	},
	{
		event: "Update that rolls back a replacement from dismissed", request: "Update",
		change: func(e event) {
			old(e)["RoleArn"] = otherRole
			old(e)["Access"] = "dismissed"
		},
		failedID: runtimeapi.RoleARN, acceptedID: runtimeapi.RoleARN,
		invalid: failed, untold: warned, refused: warned, late: failed,
	},
	{
		event: "Update with Access dismissed", request: "Update",
		change:     func(e event) { properties(e)["Access"] = "dismissed" },
		acceptedID: runtimeapi.RoleARN,
		invalid:    ruling{status: "SUCCESS", warned: true}, untold: warned, refused: warned, late: accepted,
	},
	{
		event: "Update with Access dismissed that replaces the role", request: "Update",
		change: func(e event) {
			properties(e)["Access"] = "dismissed"
			properties(e)["RoleArn"] = newRole
		},
		acceptedID: newRole,
		invalid:    ruling{status: "SUCCESS", warned: true}, untold: warned, refused: warned, late: accepted,
	},
	{
		event: "Update with Access dismissed as before", request: "Update",
		change: func(e event) {
			properties(e)["Access"] = "dismissed"
			old(e)["Access"] = "dismissed"
		},
		acceptedID: runtimeapi.RoleARN,
		invalid:    ruling{status: "SUCCESS", warned: true}, untold: warned, refused: warned, late: accepted,
	},
	{
		event: "Update with Access dismissed that rolls back a replacement", request: "Update",
		change: func(e event) {
			properties(e)["Access"] = "dismissed"
			old(e)["RoleArn"] = otherRole
		},
		acceptedID: runtimeapi.RoleARN,
		invalid:    ruling{status: "SUCCESS", warned: true}, untold: warned, refused: warned, late: accepted,
	},
	{
		event: "Delete", request: "Delete",
		acceptedID: runtimeapi.RoleARN,
		invalid:    accepted, untold: warned, refused: warned, late: accepted,
	},
	{
		event: "Delete of a dismissed access", request: "Delete",
		change:     func(e event) { properties(e)["Access"] = "dismissed" },
		acceptedID: runtimeapi.RoleARN,
		invalid:    accepted, untold: warned, refused: warned, late: accepted,
	},
}

// fault is one reason why an event goes wrong.
type fault struct {
	name     string
	change   func(event)
	endpoint http.HandlerFunc
	env      map[string]string
	calls    bool // the endpoint gets to know of it, where it is untold
	reason   []string
}

var invalid = []fault{
	{name: "TicketId", change: func(e event) { properties(e)["TicketId"] = "not a ticket" }, reason: []string{"TicketId", "not a ticket"}},
	{name: "ExternalId", change: func(e event) { properties(e)["ExternalId"] = "ends in a line\n" }, reason: []string{"ExternalId"}},
	{name: "AccessExpires", change: func(e event) { properties(e)["AccessExpires"] = true }, reason: []string{"AccessExpires"}},
}

var untold = []fault{
	{name: "tries", endpoint: later, calls: true, reason: []string{"503", "come back in an hour"}},
	{name: "resets", endpoint: inTurn(reset, reset, later), calls: true, reason: []string{"503"}},
	{name: "no endpoint", env: map[string]string{"REGISTRATION_ENDPOINT": ""}, reason: []string{"REGISTRATION_ENDPOINT"}},
	{name: "wrong endpoint", env: map[string]string{"REGISTRATION_ENDPOINT": "http://127.0.0.1/v1/registrations"}, reason: []string{"REGISTRATION_ENDPOINT"}},
	{name: "no credentials", env: map[string]string{"AWS_SESSION_TOKEN": ""}, reason: []string{"credentials"}},
}

var refusals = []fault{
	{name: "403", endpoint: problem(403, "the ticket is not open for this account"), reason: []string{"403", "the ticket is not open for this account"}},
	{name: "302", endpoint: reply(302, "Location", "/elsewhere"), reason: []string{"302"}},
	{name: "422", endpoint: body(422, "no JSON"), reason: []string{"422"}},
}

// The moment when nobody waits any more has passed, by each of the words that
// say so.
var late = []fault{
	{name: "X-Amz-Expires", change: func(e event) {
		delete(properties(e), "ServiceTimeout")
		e["ResponseURL"] = strings.Replace(responseURL(e, time.Now().Add(-2*time.Minute)), "X-Amz-Expires=7200", "X-Amz-Expires=60", 1)
	}},
	{name: "Expires", change: func(e event) {
		delete(properties(e), "ServiceTimeout")
		before, _, _ := strings.Cut(e["ResponseURL"].(string), "?")
		e["ResponseURL"] = fmt.Sprintf("%s?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=vjbyPxybdZaNmGa%%2ByT272YEAiv4%%3D&Expires=%d", before, time.Now().Add(-time.Second).Unix())
	}},
	{name: "ServiceTimeout", change: func(e event) {
		properties(e)["ServiceTimeout"] = "300"
		e["ResponseURL"] = responseURL(e, time.Now().Add(-301*time.Second))
	}},
}

// responseURL is that of the event, issued at another time.
func responseURL(e event, issued time.Time) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(e["ResponseURL"].(string), "https://"), "/")
	return runtimeapi.ResponseURL(host, issued)
}

func TestWhatCloudFormationIsTold(t *testing.T) {
	t.Parallel()
	for _, r := range rulings {
		columns := []struct {
			name   string
			ruling ruling
			faults []fault
		}{
			{"accepted", accepted, []fault{{}}},
			{"invalid", r.invalid, invalid},
			{"untold", r.untold, untold},
			{"refused", r.refused, refusals},
			{"nobody waits", r.late, late},
		}
		for _, column := range columns {
			for _, f := range column.faults {
				t.Run(r.event+"/"+column.name+"/"+f.name, func(t *testing.T) {
					t.Parallel()
					endpoint := f.endpoint
					if endpoint == nil {
						endpoint = ok
					}
					s := newScene(t, endpoint, ok)
					s.env = with(s.env, f.env)
					e := s.event(r.request)
					for _, change := range []func(event){r.change, f.change} {
						if change != nil {
							change(e)
						}
					}
					result := s.invoke(e)
					if result.Error != nil {
						t.Errorf("the invocation ended in an error: %s", result.Error.Body)
					}
					id := r.acceptedID
					if column.ruling.status == "FAILED" {
						id = r.failedID
					}
					s.want(column.ruling.status, id)
					if a := s.answer(); a.Status == "FAILED" {
						s.want("FAILED", id, f.reason...)
					}
					posted := column.ruling.posted
					if column.name == "untold" {
						posted = f.calls
					}
					if got := len(s.endpoint.Requests()) > 0; got != posted {
						t.Errorf("the endpoint was called: %v, want %v", got, posted)
					}
					if got := s.warned(); column.ruling.status == "SUCCESS" && got != column.ruling.warned {
						t.Errorf("there is a warning in the log: %v, want %v\n%s", got, column.ruling.warned, s.log())
					}
				})
			}
		}
	}
}

func TestADeleteOfWhatIsGoneIsNoWarning(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 410} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, problem(status, "there is no such registration"), ok)
			s.invoke(s.event("Delete"))
			s.want("SUCCESS", runtimeapi.RoleARN)
			s.posts(1)
			if s.warned() {
				t.Errorf("there is a warning in the log:\n%s", s.log())
			}
		})
	}
}

func TestAnyOtherRequestTypeFails(t *testing.T) {
	t.Parallel()
	for name, requestType := range map[string]any{
		"absent": nil, "empty": "", "create": "create", "Read": "Read", "DELETE": "DELETE", "number": 1, "list": []string{"Create"}, "object": event{"Create": "Create"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Update")
			e["RequestType"] = requestType
			if requestType == nil {
				delete(e, "RequestType")
			}
			s.invoke(e)
			if a := s.answer(); a.Status != "FAILED" || !strings.Contains(a.Reason, "RequestType") {
				t.Errorf("CloudFormation was told %s (%s), want FAILED for the RequestType", a.Status, a.Reason)
			}
			s.posts(0)
		})
	}
}

func TestADeleteDeregistersTheRoleOfItsID(t *testing.T) {
	t.Parallel()
	madeUp := "doit-access-Registration-1QOVBHTGDMGZ2"
	for _, c := range []struct {
		name     string
		id       any
		property any
		want     string // the role; "" for no call
		echo     string
	}{
		{"the id names the role", runtimeapi.RoleARN, runtimeapi.RoleARN, runtimeapi.RoleARN, runtimeapi.RoleARN},
		{"the id before the property", newRole, runtimeapi.RoleARN, newRole, newRole},
		{"the id, without a property", newRole, nil, newRole, newRole},
		{"the id, with a wrong property", newRole, "nonsense", newRole, newRole},
		{"the id, with a property of another type", newRole, []string{runtimeapi.RoleARN}, newRole, newRole},
		{"an id that CloudFormation made up", madeUp, runtimeapi.RoleARN, runtimeapi.RoleARN, madeUp},
		{"an id that CloudFormation made up, with a wrong property", madeUp, "arn:aws:iam::999999999999:role/x", "", madeUp},
		{"an id that CloudFormation made up, without a property", madeUp, nil, "", madeUp},
		{"an id of another account", "arn:aws:iam::999999999999:role/x", nil, "", "arn:aws:iam::999999999999:role/x"},
		{"an id of another partition", "arn:aws-cn:iam::111122223333:role/x", nil, "", "arn:aws-cn:iam::111122223333:role/x"},
		{"unregistered", "unregistered", runtimeapi.RoleARN, "", "unregistered"},
		{"unregistered, without a property", "unregistered", nil, "", "unregistered"},
		{"no id, no property", nil, nil, "", "unregistered"},
		{"an empty id, no property", "", nil, "", "unregistered"},
		{"an id of another type, no property", 5, nil, "", "unregistered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Delete")
			e["PhysicalResourceId"] = c.id
			if c.id == nil {
				delete(e, "PhysicalResourceId")
			}
			properties(e)["RoleArn"] = c.property
			if c.property == nil {
				delete(properties(e), "RoleArn")
			}
			s.invoke(e)
			s.want("SUCCESS", c.echo)
			if c.want == "" {
				s.posts(0)
				return
			}
			s.posts(1)
			if got := s.registration(); got.RoleARN != c.want {
				t.Errorf("deregistered %s, want %s", got.RoleARN, c.want)
			}
		})
	}
}

func TestADeleteLeavesOutWhatIsNotValid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		property string
		value    any
		sent     func(registration) string
	}{
		{"ExternalId", "not!valid-at-all", func(r registration) string { return r.ExternalID }},
		{"ExternalId", nil, func(r registration) string { return r.ExternalID }},
		{"ExternalId", event{"a": "object-valued"}, func(r registration) string { return r.ExternalID }},
		{"TicketId", "no ticket", func(r registration) string { return r.TicketID }},
		{"TicketId", 12345, func(r registration) string { return r.TicketID }},
		{"Access", "Approved", func(r registration) string { return r.Access }},
		{"AccessExpires", "tomorrow", func(r registration) string { return r.AccessExpires }},
		{"TemplateVersion", "one point zero", func(r registration) string { return r.TemplateVersion }},
	} {
		t.Run(fmt.Sprintf("%s %v", c.property, c.value), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Delete")
			properties(e)[c.property] = c.value
			s.invoke(e)
			s.want("SUCCESS", runtimeapi.RoleARN)
			s.posts(1)
			got := s.registration()
			if sent := c.sent(got); sent != "" {
				t.Errorf("%s was sent as %q", c.property, sent)
			}
			if got.RoleARN != runtimeapi.RoleARN || c.property != "TicketId" && got.TicketID != "12345" {
				t.Errorf("what is valid was not sent: %+v", got)
			}
		})
	}
}

func TestADeleteWithoutPropertiesIsPosted(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"absent": nil, "null": nil, "text": "text", "list": []any{1}, "number": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Delete")
			e["ResourceProperties"] = value
			if name == "absent" {
				delete(e, "ResourceProperties")
			}
			s.invoke(e)
			s.want("SUCCESS", runtimeapi.RoleARN)
			s.posts(1)
		})
	}
}

func TestPhysicalResourceIDs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		request string
		change  func(event)
		status  string
		id      string
	}{
		{"a Create that cannot know the ARN", "Create", func(e event) { delete(properties(e), "RoleArn") }, "FAILED", "unregistered"},
		{"a Create with another account's role", "Create", func(e event) { properties(e)["RoleArn"] = "arn:aws:iam::999999999999:role/x" }, "FAILED", "unregistered"},
		{"a Create without properties", "Create", func(e event) { delete(e, "ResourceProperties") }, "FAILED", "unregistered"},
		{"a Create of no stack", "Create", func(e event) { e["StackId"] = "stack" }, "FAILED", "unregistered"},
		{"a Create that fails with a good ARN", "Create", func(e event) { delete(properties(e), "ExternalId") }, "FAILED", runtimeapi.RoleARN},
		{"an Update with a wrong RoleArn", "Update", func(e event) { properties(e)["RoleArn"] = "nonsense" }, "FAILED", runtimeapi.RoleARN},
		{"an Update that fails on the way to another role", "Update", func(e event) {
			properties(e)["RoleArn"] = newRole
			properties(e)["TicketId"] = "?"
		}, "FAILED", runtimeapi.RoleARN},
		{"an Update of a failed Create's id", "Update", func(e event) {
			e["PhysicalResourceId"] = "unregistered"
			properties(e)["RoleArn"] = "nonsense"
		}, "FAILED", "unregistered"},
		{"an Update that replaces", "Update", func(e event) { properties(e)["RoleArn"] = newRole }, "SUCCESS", newRole},
		{"a dismissal with a wrong RoleArn", "Update", func(e event) {
			properties(e)["Access"] = "dismissed"
			properties(e)["RoleArn"] = "nonsense"
		}, "SUCCESS", runtimeapi.RoleARN},
		{"a dismissal with an Access beside a wrong StackId", "Update", func(e event) {
			properties(e)["Access"] = "dismissed"
			e["StackId"] = "nonsense"
		}, "SUCCESS", runtimeapi.RoleARN},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event(c.request)
			c.change(e)
			s.invoke(e)
			s.want(c.status, c.id)
		})
	}
}
