package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// values is the table that the contract and the endpoint are tested with too: of each member of the registration values
// that are good and values that are bad. A long one is written {x*32}, which is 32 times the x. Read
// inside a test: what is opened before, Go's test cache does not see.
var values = sync.OnceValue(readValues)

type table struct {
	Partitions   []struct{ Name, Region, STS string }
	NoPartitions []string
	Members      []member
}

type member struct {
	Name      string `json:"member"`
	Property  string // from which it comes; "" for the event's own
	Good, Bad []string
}

func readValues() (all table) {
	text, err := os.ReadFile("testdata/values.json")
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		panic(err)
	}
	repeated := regexp.MustCompile(`\{.\*[0-9]+\}`)
	for _, m := range all.Members {
		for _, list := range [][]string{m.Good, m.Bad} {
			for i, value := range list {
				list[i] = repeated.ReplaceAllStringFunc(value, func(short string) string {
					n, _ := strconv.Atoi(short[3 : len(short)-1]) // of digits alone
					return strings.Repeat(short[1:2], n)
				})
			}
		}
	}
	return all
}

// properties are the members that come from a property.
func (t table) properties() []member {
	return slices.DeleteFunc(slices.Clone(t.Members), func(m member) bool { return m.Property == "" })
}

func (t table) member(name string) member {
	return t.Members[slices.IndexFunc(t.Members, func(m member) bool { return m.Name == name })]
}

// must is what the customer reads of a property that is not good.
var must = map[string]string{
	"RoleArn":         "be the ARN",
	"ExternalId":      "be text, and have 2 to 1224 letters, digits",
	"TicketId":        "have 1 to 32 letters, digits and hyphens",
	"Access":          "be approved or dismissed",
	"AccessExpires":   "be a UTC time from 2020 on, spelled like 2026-12-31T00:00:00Z",
	"TemplateVersion": "have 1 to 32 letters, digits, dots and hyphens",
}

// Whoever adds a member finds out here that the table has to have values of it.
func TestTheTablesMembersAreSentAndNoOthers(t *testing.T) {
	play(t, func(s *scene) {
		s.mustInvoke("Update")
		sent := s.posted()
		for _, m := range values().Members {
			if _, there := sent[m.Name]; !there {
				t.Errorf("testdata/values.json has values of the member %s, which is not sent", m.Name)
			}
			delete(sent, m.Name)
		}
		for name := range sent {
			t.Errorf("the member %s is sent, of which testdata/values.json has no values", name)
		}
	})
}

func TestAGoodValueIsSentAsItIs(t *testing.T) {
	for _, p := range values().properties() {
		for _, value := range p.Good {
			t.Run(p.Property+"/"+value, func(t *testing.T) {
				play(t, func(s *scene) {
					s.mustInvoke("Update", setEvent("PhysicalResourceId", unregistered), set(p.Property, value))
					s.want("SUCCESS")
					if got := s.posted()[p.Name]; got != value {
						t.Errorf("%s was sent as %q", p.Property, got)
					}
				})
			})
		}
	}
}

func TestABadValueIsNamed(t *testing.T) {
	for _, p := range values().properties() {
		for _, value := range p.Bad {
			t.Run(p.Property+"/"+value, func(t *testing.T) {
				play(t, func(s *scene) {
					s.mustInvoke("Update", set(p.Property, value))
					s.want("FAILED", p.Property+" ", " must "+must[p.Property])
					shown := ` "` + oneLine(value)[:min(len(oneLine(value)), 200)] + `" must `
					if p.Property != "ExternalId" {
						s.want("FAILED", p.Property+shown)
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
	for _, p := range values().properties() {
		for _, value := range otherTypes {
			t.Run(fmt.Sprintf("%s/%v", p.Property, value), func(t *testing.T) {
				play(t, func(s *scene) {
					s.mustInvoke("Create", set(p.Property, value))
					s.want("FAILED", p.Property+" must be text, and ")
				})
			})
		}
	}
}

func TestADeleteLeavesOutWhatIsNotValid(t *testing.T) {
	for _, p := range values().properties()[1:] { // the id names the role
		for _, value := range []any{p.Bad[0], 5, []any{p.Good[0]}, nil} {
			t.Run(fmt.Sprintf("%s/%v", p.Property, value), func(t *testing.T) {
				play(t, func(s *scene) {
					s.mustInvoke("Delete", set(p.Property, value))
					s.want("SUCCESS")
					got := s.posted()
					if sent, there := got[p.Name]; there {
						t.Errorf("%s was sent as %q", p.Property, sent)
					}
					if n := len(got); n != len(values().Members)-1 || got["roleArn"] != testRole {
						t.Errorf("what is valid was not sent: %v", got)
					}
				})
			})
		}
	}
}

func TestAnAbsentValueIsLeftOutOrMissing(t *testing.T) {
	for _, p := range values().properties() {
		for name, absent := range map[string]change{
			"absent": set(p.Property, nil), "empty": set(p.Property, ""),
			"null": func(_, given, _ map[string]any) { given[p.Property] = nil },
		} {
			t.Run(p.Property+"/"+name, func(t *testing.T) {
				play(t, func(s *scene) {
					s.mustInvoke("Create", absent)
					if p.Property == "RoleArn" || p.Property == "ExternalId" {
						s.want("FAILED", p.Property+" is missing")
						return
					}
					s.want("SUCCESS")
					if sent, there := s.posted()[p.Name]; there {
						t.Errorf("%s was sent as %q", p.Property, sent)
					}
				})
			})
		}
	}
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	play(t, func(s *scene) {
		s.mustInvoke("Create", set("RoleArn", "arn:aws:iam::999999999999:role/x"), set("ExternalId", nil),
			set("TicketId", "?"))
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
				got := s.posted()
				if got["roleArn"] != testRole {
					t.Errorf("posted %v", got)
				}
				for _, m := range values().properties()[1:] { // the id names the role
					if sent, there := got[m.Name]; there {
						t.Errorf("%s was sent as %q", m.Name, sent)
					}
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
		"the same role":             {nil, "warns+"},
		"a role of another type":    {setOld("RoleArn", []any{testRole}), "fails+"},
		"an access of another type": {setOld("Access", []any{"dismissed"}), "warns+"},
		"text":                      {setEvent("OldResourceProperties", "text"), "fails+"},
		"a list":                    {setEvent("OldResourceProperties", []any{"RoleArn"}), "fails+"},
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

func TestAnotherAccountsOrPartitionsRoleIsNamed(t *testing.T) {
	for _, role := range []string{"arn:aws:iam::999999999999:role/doit/x", "arn:aws-cn:iam::111122223333:role/doit/x"} {
		play(t, func(s *scene) {
			s.mustInvoke("Create", set("RoleArn", role))
			s.want("FAILED", `RoleArn "`+role+`" must be the ARN`, "111122223333 in partition aws")
		})
	}
}

// stackIDs are whole ones, with the values of the table in their places.
func stackIDs(list func(member) []string) []string {
	ids := slices.Clone(list(values().member("stackId")))
	for _, region := range list(values().member("region")) {
		ids = append(ids, "arn:aws:cloudformation:"+region+":111122223333:stack/x/y")
	}
	for _, account := range list(values().member("accountId")) {
		ids = append(ids, "arn:aws:cloudformation:eu-west-1:"+account+":stack/x/y")
	}
	return ids
}

func TestAStackIDIsSentWithItsParts(t *testing.T) {
	for _, id := range stackIDs(func(m member) []string { return m.Good }) {
		t.Run(id, func(t *testing.T) {
			play(t, func(s *scene) {
				parts := strings.Split(id, ":")
				s.mustInvoke("Create", setEvent("StackId", id), set("RoleArn", "arn:aws:iam::"+parts[4]+":role/x"))
				s.want("SUCCESS")
				got := s.posted()
				if got["stackId"] != id || got["region"] != parts[3] || got["accountId"] != parts[4] {
					t.Errorf("posted %v", got)
				}
			})
		})
	}
}

func TestAStackIDThatIsNoneIsNamed(t *testing.T) {
	ids := stackIDs(func(m member) []string { return m.Bad })
	for _, partition := range values().NoPartitions {
		ids = append(ids, "arn:"+partition+":cloudformation:eu-west-1:111122223333:stack/x/y")
	}
	for _, id := range ids {
		t.Run(id, func(t *testing.T) {
			play(t, func(s *scene) {
				s.mustInvoke("Create", setEvent("StackId", id))
				s.want("FAILED",
					"StackId must be the ARN of a stack, in one of the partitions aws, aws-us-gov, aws-cn and aws-eusc")
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

func TestWhenAnEventWasIssuedIsSentInOneSpelling(t *testing.T) {
	basic := strings.NewReplacer("-", "", ":", "")
	signed := func(at string) change {
		date := url.QueryEscape(basic.Replace(at))
		return setEvent("ResponseURL", "https://answer.test/a?X-Amz-Expires=7200&X-Amz-Date="+date)
	}
	issued := values().member("issuedAt")
	for _, at := range issued.Good {
		play(t, func(s *scene) {
			s.mustInvoke("Create", signed(at), set("AccessExpires", nil))
			if got := s.posted()["issuedAt"]; got != at {
				t.Errorf("issued at %s, and sent as %q", at, got)
			}
		})
	}
	for _, at := range issued.Bad {
		play(t, func(s *scene) {
			s.mustInvoke("Create", signed(at), set("AccessExpires", nil))
			if got := s.posted()["issuedAt"]; !isUTCTime(time.Time{})(got) {
				t.Errorf("issued at %q, and sent as %q", at, got)
			}
		})
	}
}

func TestEveryPartitionHasItsSTS(t *testing.T) {
	for _, p := range values().Partitions {
		t.Run(p.Name, func(t *testing.T) {
			play(t, func(s *scene) {
				s.mustInvoke("Create",
					setEvent("StackId", "arn:"+p.Name+":cloudformation:"+p.Region+":999988887777:stack/x/y"),
					set("RoleArn", "arn:"+p.Name+":iam::999988887777:role/x"))
				s.want("SUCCESS")
				if len(s.posts()) == 0 {
					return // and the line above says so
				}
				proof := s.posts()[0].header.Get("X-DoiT-Caller-Identity")
				if !strings.HasPrefix(proof, "https://"+p.STS+"/?Action=GetCallerIdentity&") {
					t.Errorf("posted with %s", proof)
				}
			})
		})
	}
}
