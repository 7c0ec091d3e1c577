package main

import (
	"fmt"
	"strings"
	"testing"
)

// A property's values: what is sent as it is, and what is refused by name.
var values = []struct {
	property, member string
	must             string
	good, bad        []string
}{{
	"RoleArn", "roleArn", "be the ARN",
	[]string{
		testRole,
		"arn:aws:iam::111122223333:role/x",
		"arn:aws:iam::111122223333:role/" + strings.Repeat("x", 1024-31-2) + "/x",
		"arn:aws:iam::111122223333:role/a/b!\"#$%&'()*,;<=>?@[\\]^_`{|}~/x+=,.@-_",
	},
	[]string{
		"arn:aws:iam::999999999999:role/doit/x",
		"arn:aws-cn:iam::111122223333:role/doit/x",
		"arn:aws:iam::111122223333:user/x",
		"arn:aws:iam::111122223333:root",
		"arn:aws:iam::111122223333:role/",
		"arn:aws:iam::111122223333:role/x/",
		"arn:aws:iam::111122223333:role",
		"arn:aws:iam::111122223333:rolex/x",
		"arn:aws:iam:eu-west-1:111122223333:role/x",
		"arn:aws:sts::111122223333:assumed-role/x/y",
		"arn:aws:iam::1111222233334:role/x",
		"arn:aws:iam::11112222333:role/x",
		"ARN:aws:iam::111122223333:role/x",
		" arn:aws:iam::111122223333:role/x",
		"arn:aws:iam::111122223333:role/a b",
		"arn:aws:iam::111122223333:role/x\n",
		"arn:aws:iam::111122223333:role/x\x00",
		"arn:aws:iam::111122223333:role/x\x7f",
		"arn:aws:iam::111122223333:role/röle",
		"arn:aws:iam::111122223333:role/" + strings.Repeat("x", 1025-31),
		"x", "arn:", ":::::", unregistered,
	},
}, {
	"ExternalId", "externalId", "be text, and have 2 to 1224 letters, digits",
	[]string{"xy", strings.Repeat("x", 1224), "ABCXYZabcxyz0189_+=,.@:/-"},
	[]string{
		"x", strings.Repeat("x", 1225), "has a space in it", "line-feed-at-end\n", "\nline-feed-at-start",
		"umlaut-ä-in-it", "exclamation!mark", "semicolon;in-it", "back\\slash-in-it", "star*star-in-it",
		"nul\x00nul-in-it", "quote\"quote-in-it", "bracket[in-it", "brace{in-it", "backtick`in-it", "hash#in-it",
	},
}, {
	"TicketId", "ticketId", "have 1 to 32 letters, digits and hyphens",
	[]string{strings.Repeat("A", 32), "z", "az-AZ-09"},
	[]string{
		strings.Repeat("1", 33), "under_score", "with space", "12345\n", "１２３", "dot.dot", "a/b", "a:b", "[a]", "{a}",
		"a@b", "`a`", "ä",
	},
}, {
	"Access", "access", "be approved or dismissed",
	[]string{"approved", "dismissed"},
	[]string{"Approved", "DISMISSED", "approved ", "yes", "dismissed\n", "approve", "false"},
}, {
	"AccessExpires", "accessExpires", "be a UTC time from 2020 on, spelled like 2026-12-31T00:00:00Z",
	[]string{"2028-02-29T23:59:59Z", "2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z"},
	[]string{
		"2026-12-31", "2026-12-31T00:00:00", "2026-12-31T00:00:00.5Z", "2026-12-31T00:00:00.000Z",
		"2026-12-31T00:00:00,5Z", "2026-12-31T00:00:00+00:00", "2026-12-31t00:00:00z", "2026-12-31 00:00:00Z",
		"2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "2026-12-31T24:00:00Z", "2026-12-31T00:00:60Z",
		"2026-12-31T0:00:00Z", "2026-13-01T00:00:00Z", "2026-1-01T00:00:00Z", "2026-12-31T00:00:00Z\n",
		" 2026-12-31T00:00:00Z", "12026-12-31T00:00:00Z", "1798675200", "never", "2019-12-31T23:59:59Z",
	},
}, {
	"TemplateVersion", "templateVersion", "have 1 to 32 letters, digits, dots and hyphens",
	[]string{strings.Repeat("9", 32), "1.0.0-rc.1", "azAZ"},
	[]string{strings.Repeat("1", 33), "1_0", "1.0.0+build", "v 1", "1.0\n", "１.0", "1/0", "a:b", "[a]", "{a}", "`a`"},
}}

func TestAGoodValueIsSentAsItIs(t *testing.T) {
	for _, p := range values {
		for _, value := range p.good {
			t.Run(p.property+"/"+value, func(t *testing.T) {
				play(t, func(s *scene) {
					s.mustInvoke("Update", setEvent("PhysicalResourceId", unregistered), set(p.property, value))
					s.want("SUCCESS")
					if got := s.posted()[p.member]; got != value {
						t.Errorf("%s was sent as %q", p.property, got)
					}
				})
			})
		}
	}
}

func TestABadValueIsNamed(t *testing.T) {
	for _, p := range values {
		for _, value := range p.bad {
			t.Run(p.property+"/"+value, func(t *testing.T) {
				play(t, func(s *scene) {
					s.mustInvoke("Update", set(p.property, value))
					s.want("FAILED", p.property+" ", " must "+p.must)
					shown := ` "` + oneLine(value)[:min(len(oneLine(value)), 200)] + `" must `
					if p.property != "ExternalId" {
						s.want("FAILED", p.property+shown)
					}
					if len(s.posts()) > 0 {
						t.Error("it was posted")
					}
				})
			})
		}
	}
}

var otherTypes = []any{12345, 1.5, true, false, []any{}, []any{"a"}, map[string]any{}, map[string]any{"a": "b"}}

func TestAValueOfAnotherTypeIsNamed(t *testing.T) {
	for _, p := range values {
		for _, value := range otherTypes {
			t.Run(fmt.Sprintf("%s/%v", p.property, value), func(t *testing.T) {
				play(t, func(s *scene) {
					s.mustInvoke("Create", set(p.property, value))
					s.want("FAILED", p.property+" must be text, and ")
				})
			})
		}
	}
}

func TestADeleteLeavesOutWhatIsNotValid(t *testing.T) {
	for _, p := range values[1:] { // the id names the role
		for _, value := range []any{p.bad[0], 5, []any{p.good[0]}, nil} {
			t.Run(fmt.Sprintf("%s/%v", p.property, value), func(t *testing.T) {
				play(t, func(s *scene) {
					s.mustInvoke("Delete", set(p.property, value))
					s.want("SUCCESS")
					got := s.posted()
					if sent, there := got[p.member]; there {
						t.Errorf("%s was sent as %q", p.property, sent)
					}
					if n := len(got); n != 11 || got["roleArn"] != testRole {
						t.Errorf("what is valid was not sent: %v", got)
					}
				})
			})
		}
	}
}

func TestAnAbsentValueIsLeftOutOrMissing(t *testing.T) {
	for _, p := range values {
		for name, absent := range map[string]change{
			"absent": set(p.property, nil), "empty": set(p.property, ""),
			"null": func(_, given, _ map[string]any) { given[p.property] = nil },
		} {
			t.Run(p.property+"/"+name, func(t *testing.T) {
				play(t, func(s *scene) {
					s.mustInvoke("Create", absent)
					if p.property == "RoleArn" || p.property == "ExternalId" {
						s.want("FAILED", p.property+" is missing")
						return
					}
					s.want("SUCCESS")
					if sent, there := s.posted()[p.member]; there {
						t.Errorf("%s was sent as %q", p.property, sent)
					}
				})
			})
		}
	}
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	play(t, func(s *scene) {
		s.mustInvoke("Create", set("RoleArn", "arn:aws:iam::999999999999:role/x"), set("ExternalId", nil), set("TicketId", "?"))
		s.want("FAILED", `RoleArn "arn:aws:iam::999999999999:role/x" must be the ARN, of at most 1024 printable ASCII `+
			`characters, of an IAM role of the stack's account 111122223333 in partition aws; ExternalId is missing; `+
			`TicketId "?" must have 1 to 32 letters, digits and hyphens`)
	})
}

func TestNamesAreMatchedExactly(t *testing.T) {
	for name, c := range map[string]change{
		"rolearn":                 set("rolearn", otherRole),
		"ROLEARN of another type": set("ROLEARN", 5),
		"externalid":              set("externalid", "attackers-external-id"),
		"the long s":              set("Acceſs", "dismissed"),
		"access":                  set("access", "dismissed"),
		"servicetimeout":          all(set("servicetimeout", "1"), setEvent("servicetimeout", 1)),
		"what nobody knows":       all(set("Unknown", []any{1, nil, "x"}), setEvent("Unknown", []any{1})),
		"old access":              setOld("access", "dismissed"),
		"the event's own": all(setEvent("responseurl", "https://elsewhere.test/"), setEvent("requesttype", "Delete"),
			setEvent("stackid", "arn:aws:cloudformation:eu-west-1:999999999999:stack/x/y"), setEvent("requestid", 7),
			setEvent("resourceproperties", map[string]any{"RoleArn": 5})),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.mustInvoke("Update", c)
				s.want("SUCCESS")
				got := s.posted()
				for name, want := range map[string]string{"roleArn": testRole, "externalId": testExternalID,
					"access": "approved", "requestType": "Update", "stackId": testStack, "requestId": "r"} {
					if got[name] != want {
						t.Errorf("%s is %q, want %q", name, got[name], want)
					}
				}
			})
		})
	}
}

func TestPropertiesThatAreNoObjectAreNone(t *testing.T) {
	for _, value := range append([]any{nil, "", "text"}, otherTypes...) {
		t.Run(fmt.Sprint(value), func(t *testing.T) {
			play(t, func(s *scene) {
				s.mustInvoke("Create", setEvent("ResourceProperties", value))
				s.want("FAILED", "RoleArn is missing; ExternalId is missing")
				s.mustInvoke("Delete", setEvent("ResourceProperties", value))
				s.want("SUCCESS")
				if got := s.posted(); len(got) != 7 {
					t.Errorf("posted %v", got)
				}
			})
		})
	}
}

func TestOldPropertiesOfAnotherTypeAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		change change
		want   string // untold, with an id that tells nothing
	}{
		"the same role":             {nil, "warned+"},
		"a role of another type":    {setOld("RoleArn", []any{testRole}), "FAILED+"},
		"an access of another type": {setOld("Access", []any{"dismissed"}), "warned+"},
		"text":                      {setEvent("OldResourceProperties", "text"), "FAILED+"},
		"a list":                    {setEvent("OldResourceProperties", []any{"RoleArn"}), "FAILED+"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.endpoint = status(503)
				s.mustInvoke("Update", setEvent("PhysicalResourceId", unregistered), c.change)
				if got := s.verdict(); got != c.want {
					t.Errorf("got %s, want %s; answer %+v", got, c.want, s.answer())
				}
			})
		})
	}
}

func TestAStackIDThatIsNoneIsNamed(t *testing.T) {
	for _, id := range []string{
		"stack", "arn:aws:s3:::bucket", "arn:aws:cloudformation:eu-west-1:111122223333:changeSet/x/y",
		"arn:aws:cloudformation:eu-west-1:111122223333:stack/", "arn:aws:cloudformation:eu-west-1:111122223333:stack//y",
		"arn:aws:cloudformation:eu-west-1:111122223333:stack/x/", "arn:aws:cloudformation:eu-west-1:111122223333:stack/x",
		"arn:aws:cloudformation:eu-west-1:111122223333:stack/x/y/z", "arn:aws:s3:eu-west-1:111122223333:stack/x/y",
		"arn:aws:cloudformation:eu-west-1:11112222333:stack/x/y",
		"arn:aws:cloudformation:eu-west-1:1111222233334:stack/x/y",
		"arn:aws:cloudformation:eu-west-1:accountnumber:stack/x/y",
		"arn:aws:cloudformation::111122223333:stack/x/y",
		"arn:aws:cloudformation:sts.evil.example/:111122223333:stack/x/y",
		"arn:aws:cloudformation:eu-west-1.evil.example:111122223333:stack/x/y",
		"arn:aws:cloudformation:EU-WEST-1:111122223333:stack/x/y",
		"arn:aws:cloudformation:" + strings.Repeat("x", 33) + ":111122223333:stack/x/y",
		"arn:aws-iso:cloudformation:us-iso-east-1:111122223333:stack/x/y",
		"arn:AWS:cloudformation:eu-west-1:111122223333:stack/x/y",
		"arn:aws:cloudformation:eu-west-1@x:111122223333:stack/x/y",
		"arn:aws:cloudformation:eu-west-1\n:111122223333:stack/x/y",
	} {
		t.Run(id, func(t *testing.T) {
			play(t, func(s *scene) {
				s.mustInvoke("Create", setEvent("StackId", id))
				s.want("FAILED", "StackId must be the ARN of a stack, in one of the partitions aws, aws-us-gov, aws-cn and aws-eusc")
				if a := s.answer(); a.StackId != id || a.PhysicalResourceId != unregistered {
					t.Errorf("answered %+v", a)
				}
				s.mustInvoke("Delete", setEvent("StackId", id))
				s.want("SUCCESS")
				if len(s.posts()) > 0 {
					t.Error("it was posted")
				}
			})
		})
	}
}

func TestEveryPartitionHasItsSTS(t *testing.T) {
	for region, c := range map[string][2]string{
		"us-east-1": {"aws", "amazonaws.com"}, "ap-southeast-7": {"aws", "amazonaws.com"},
		"us-gov-west-1": {"aws-us-gov", "amazonaws.com"}, "cn-northwest-1": {"aws-cn", "amazonaws.com.cn"},
		"eusc-de-east-1": {"aws-eusc", "amazonaws.eu"},
	} {
		t.Run(region, func(t *testing.T) {
			play(t, func(s *scene) {
				s.mustInvoke("Create", setEvent("StackId", "arn:"+c[0]+":cloudformation:"+region+":999988887777:stack/x/y"),
					set("RoleArn", "arn:"+c[0]+":iam::999988887777:role/x"))
				s.want("SUCCESS")
				got := s.posted()
				proof := s.posts()[0].header.Get("X-DoiT-Caller-Identity")
				if !strings.HasPrefix(proof, "https://sts."+region+"."+c[1]+"/?Action=GetCallerIdentity&") ||
					got["region"] != region || got["accountId"] != "999988887777" {
					t.Errorf("posted %v with %s", got, proof)
				}
			})
		})
	}
}
