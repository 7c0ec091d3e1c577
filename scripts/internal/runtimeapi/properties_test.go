package runtimeapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
)

var wrong = map[string][]any{
	"RoleArn": {
		"arn:aws:iam::999999999999:role/doit/x",
		"arn:aws-cn:iam::111122223333:role/doit/x",
		"arn:aws:iam::111122223333:user/x",
		"arn:aws:iam::111122223333:root",
		"arn:aws:iam::111122223333:role/",
		"arn:aws:iam::111122223333:role",
		"arn:aws:iam::111122223333:rolex/x",
		"arn:aws:iam:eu-west-1:111122223333:role/x",
		"arn:aws:sts::111122223333:assumed-role/x/y",
		"arn:aws:iam::1111222233334:role/x",
		"arn:aws:iam::11112222333:role/x",
		"ARN:aws:iam::111122223333:role/x",
		" arn:aws:iam::111122223333:role/x",
		"arn:aws:iam::111122223333:role/x\n",
		"arn:aws:iam::111122223333:role/x\x00",
		"arn:aws:iam::111122223333:role/röle",
		"arn:aws:iam::111122223333:role/" + strings.Repeat("x", 1025-31),
		"x", "arn:", ":::::", "unregistered", strings.Repeat("long ", 2000),
	},
	"ExternalId": {
		"x", strings.Repeat("x", 1225), "has a space in it", "line-feed-at-end\n", "\nline-feed-at-start", "umlaut-ä-in-it",
		"exclamation!mark", "semicolon;in-it", "back\\slash-in-it", "star*star-in-it", "nul\x00nul-in-it", "quote\"quote-in-it",
	},
	"TicketId":        {strings.Repeat("1", 33), "under_score", "with space", "12345\n", "１２３", "dot.dot", "a/b", "ä"},
	"Access":          {"Approved", "DISMISSED", "approved ", "yes", "dismissed\n", "approve", "false"},
	"TemplateVersion": {strings.Repeat("1", 33), "1_0", "1.0.0+build", "v 1", "1.0\n", "１.0"},
	"AccessExpires": {
		"2026-12-31", "2026-12-31T00:00:00", "2026-12-31T00:00:00.5Z", "2026-12-31T00:00:00.000Z", "2026-12-31T00:00:00,5Z",
		"2026-12-31T00:00:00+00:00", "2026-12-31t00:00:00z", "2026-12-31 00:00:00Z", "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z",
		"2026-12-31T24:00:00Z", "2026-12-31T00:00:60Z", "2026-12-31T0:00:00Z", "2026-13-01T00:00:00Z", "2026-1-01T00:00:00Z",
		"2026-12-31T00:00:00Z\n", " 2026-12-31T00:00:00Z", "12026-12-31T00:00:00Z", "1798675200", "never",
	},
}

// No property is a JSON number, a truth value, a list or an object.
var otherTypes = []any{12345, 1.5, true, false, []any{}, []any{"a"}, event{}, event{"a": "b"}}

func TestAWrongPropertyIsNamed(t *testing.T) {
	t.Parallel()
	for property, values := range wrong {
		t.Run(property, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			for _, value := range append(values, otherTypes...) {
				e := s.event("Create")
				properties(e)[property] = value
				s.invoke(e)
				id := runtimeapi.RoleARN
				if property == "RoleArn" {
					id = "unregistered"
				}
				s.want("FAILED", id, property)
				if text, isText := value.(string); isText && property != "ExternalId" && property != "RoleArn" && len(text) < 100 {
					// What cannot be printed need not be.
					if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
						s.want("FAILED", id, text)
					}
				}
				s.posts(0)
				s.clear()
			}
		})
	}
}

func TestAnotherAccountsRoleIsNamedWithBothAccounts(t *testing.T) {
	t.Parallel()
	s := newScene(t, ok, ok)
	e := s.event("Create")
	properties(e)["RoleArn"] = "arn:aws:iam::999999999999:role/doit/x"
	s.invoke(e)
	s.want("FAILED", "unregistered", "RoleArn", "999999999999", "111122223333")
}

func TestARequiredPropertyIsNamed(t *testing.T) {
	t.Parallel()
	for _, property := range []string{"RoleArn", "ExternalId"} {
		for name, value := range map[string]any{"absent": nil, "null": json.RawMessage("null"), "empty": ""} {
			t.Run(property+" "+name, func(t *testing.T) {
				t.Parallel()
				s := newScene(t, ok, ok)
				e := s.event("Create")
				properties(e)[property] = value
				if value == nil {
					delete(properties(e), property)
				}
				s.invoke(e)
				if a := s.answer(); a.Status != "FAILED" || !strings.Contains(a.Reason, property) {
					t.Errorf("CloudFormation was told %s (%s)", a.Status, a.Reason)
				}
				s.posts(0)
			})
		}
	}
}

func TestTheLimitsAreInside(t *testing.T) {
	t.Parallel()
	longest := "arn:aws:iam::111122223333:role/" + strings.Repeat("x", 1024-31-2) + "/x"
	for _, c := range []struct {
		property, value string
	}{
		{"RoleArn", longest},
		{"RoleArn", "arn:aws:iam::111122223333:role/x"},
		{"RoleArn", "arn:aws:iam::111122223333:role/a/b!\"#$%&'()*,;<=>?@[\\]^_`{|}~/x+=,.@-_"},
		{"ExternalId", "xy"},
		{"ExternalId", strings.Repeat("x", 1224)},
		{"ExternalId", "ABCXYZabcxyz0189_+=,.@:/-"},
		{"TicketId", strings.Repeat("A", 32)},
		{"TicketId", "z"},
		{"TicketId", "az-AZ-09"},
		{"Access", "approved"},
		{"Access", "dismissed"},
		{"AccessExpires", "2028-02-29T23:59:59Z"},
		{"AccessExpires", "2099-01-01T00:00:00Z"},
		{"TemplateVersion", strings.Repeat("9", 32)},
		{"TemplateVersion", "1.0.0-rc.1"},
	} {
		t.Run(c.property+" "+c.value[:min(40, len(c.value))], func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Create")
			properties(e)[c.property] = c.value
			s.invoke(e)
			s.want("SUCCESS", properties(e)["RoleArn"].(string))
			got := s.registration()
			sent := map[string]string{
				"RoleArn": got.RoleARN, "ExternalId": got.ExternalID, "TicketId": got.TicketID, "Access": got.Access,
				"AccessExpires": got.AccessExpires, "TemplateVersion": got.TemplateVersion,
			}
			if sent[c.property] != c.value {
				t.Errorf("%s was sent as %q, want %q", c.property, sent[c.property], c.value)
			}
		})
	}
}

func TestNamesAreMatchedExactly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(event)
	}{
		{"rolearn does not override RoleArn", func(e event) { properties(e)["rolearn"] = "arn:aws:iam::111122223333:role/attacker" }},
		{"ROLEARN of another type is ignored", func(e event) { properties(e)["ROLEARN"] = 5 }},
		{"externalid does not override ExternalId", func(e event) { properties(e)["externalid"] = "attackers-external-id" }},
		{"the long s is no s", func(e event) { properties(e)["Acceſs"] = "dismissed" }},
		{"access does not override Access", func(e event) { properties(e)["access"] = "dismissed" }},
		{"servicetimeout is ignored", func(e event) { properties(e)["servicetimeout"] = "1" }},
		{"unknown names are ignored", func(e event) {
			properties(e)["Unknown"] = event{"deep": []any{1, nil, "x"}}
			e["Unknown"] = []any{1}
		}},
		{"the event's own names too", func(e event) {
			e["responseurl"] = "https://127.0.0.1:1/attacker"
			e["stackid"] = "arn:aws:cloudformation:eu-west-1:999999999999:stack/x/y"
			e["requesttype"] = "Delete"
			e["resourceproperties"] = event{"RoleArn": 5}
			e["requestid"] = 7
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Create")
			c.change(e)
			s.invoke(e)
			s.want("SUCCESS", runtimeapi.RoleARN)
			got := s.registration()
			if got.RoleARN != runtimeapi.RoleARN || got.ExternalID != runtimeapi.ExternalID || got.Access != "approved" || got.RequestType != "Create" || got.StackID != runtimeapi.StackID {
				t.Errorf("registered %+v", got)
			}
		})
	}
	for _, c := range []struct{ property, other string }{{"RoleArn", "rolearn"}, {"ExternalId", "EXTERNALID"}} {
		t.Run(c.other+" is no "+c.property, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			e := s.event("Create")
			properties(e)[c.other] = properties(e)[c.property]
			delete(properties(e), c.property)
			s.invoke(e)
			if a := s.answer(); a.Status != "FAILED" || !strings.Contains(a.Reason, c.property) {
				t.Errorf("CloudFormation was told %s (%s)", a.Status, a.Reason)
			}
			s.posts(0)
		})
	}
}

func TestOldPropertiesAreMatchedExactly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(event)
		status string
	}{
		{"rolearn is no old RoleArn", func(e event) {
			delete(old(e), "RoleArn")
			old(e)["rolearn"] = runtimeapi.RoleARN
		}, "FAILED"},
		{"access is no old Access", func(e event) { old(e)["access"] = "dismissed" }, "SUCCESS"},
		{"an old Access of another type is none", func(e event) { old(e)["Access"] = []any{"dismissed"} }, "SUCCESS"},
		{"an old RoleArn of another type is another", func(e event) { old(e)["RoleArn"] = []any{runtimeapi.RoleARN} }, ""},
		{"an object for an old RoleArn", func(e event) { old(e)["RoleArn"] = event{"x": event{}} }, ""},
		{"old properties of another type", func(e event) { e["OldResourceProperties"] = "text" }, "FAILED"},
		{"null for the old properties", func(e event) { e["OldResourceProperties"] = nil }, "FAILED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, later, ok)
			e := s.event("Update")
			e["PhysicalResourceId"] = "unregistered" // so that only the old properties can tell
			c.change(e)
			s.invoke(e)
			id := runtimeapi.RoleARN
			a := s.answer()
			if a.Status == "FAILED" {
				id = "unregistered"
			}
			if c.status != "" && a.Status != c.status || a.PhysicalResourceID != id {
				t.Errorf("CloudFormation was told %s of %s (%s), want %s", a.Status, a.PhysicalResourceID, a.Reason, c.status)
			}
		})
	}
}

func TestServiceTimeoutIsIgnoredWhereItIsNone(t *testing.T) {
	t.Parallel()
	s := newScene(t, ok, ok)
	for _, value := range []any{"0", "3601", "-5", "soon", "1.5", "1e3", "", nil, true, []any{"1"}, event{}, "99999999999999999999", " 1"} {
		e := s.event("Create")
		e["ResponseURL"] = responseURL(e, hoursAgo(1))
		properties(e)["ServiceTimeout"] = value
		s.invoke(e)
		s.want("SUCCESS", runtimeapi.RoleARN)
		s.posts(1)
		s.clear()
	}
}

func TestAStackIDThatIsNoneIsNamed(t *testing.T) {
	t.Parallel()
	for _, request := range []string{"Create", "Update", "Delete"} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, ok, ok)
			for _, id := range []string{
				"stack", "arn:aws:s3:::bucket", "arn:aws:cloudformation:eu-west-1:111122223333:changeSet/x/y", "arn:aws:cloudformation:eu-west-1:111122223333:stack/",
				"arn:aws:cloudformation:eu-west-1:11112222333:stack/x/y", "arn:aws:cloudformation:eu-west-1:accountnumber:stack/x/y",
				"arn:aws:cloudformation::111122223333:stack/x/y", "arn:aws:cloudformation:sts.evil.example/:111122223333:stack/x/y",
				"arn:aws:cloudformation:eu-west-1.evil.example:111122223333:stack/x/y", "arn:aws:cloudformation:EU-WEST-1:111122223333:stack/x/y",
				"arn:aws-iso:cloudformation:us-iso-east-1:111122223333:stack/x/y", "arn:AWS:cloudformation:eu-west-1:111122223333:stack/x/y",
				"arn:aws:cloudformation:eu-west-1@x:111122223333:stack/x/y", "arn:aws:cloudformation:eu-west-1\n:111122223333:stack/x/y",
			} {
				e := s.event(request)
				e["StackId"] = id
				s.invoke(e)
				switch request {
				case "Create":
					s.want("FAILED", "unregistered", "StackId")
				case "Update":
					s.want("FAILED", runtimeapi.RoleARN, "StackId")
				case "Delete":
					s.want("SUCCESS", runtimeapi.RoleARN)
				}
				s.posts(0)
				if a := s.answer(); a.StackID != id {
					t.Errorf("the StackId %q came back as %q", id, a.StackID)
				}
				s.clear()
			}
		})
	}
}
