package stack

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The door as CloudFormation resolved it. The first case of each stack is the
// one that gets in: without it the others would prove nothing.
func TestNobodyComesInButRolesOfDoiTsAccount(t *testing.T) {
	t.Parallel()
	const given = "an/external.ID=of,the@customer+16"
	type knock struct {
		name    string
		as      *aws.Config
		id      func(own string) string
		session string
	}
	jane := openTicket + "-jane"
	own := func(id string) string { return id }
	longer := func(id string) string { return id + "0" }
	shorter := func(id string) string { return id[:len(id)-1] }
	fixed := func(id string) func(string) string { return func(string) string { return id } }
	for _, stack := range []struct {
		name    string
		set     parameters
		in, out []knock
	}{
		{name: "with a ticket", set: parameters{"TicketId": openTicket}, in: []knock{
			{name: "a role of DoiT's", as: &engineer, id: own, session: jane},
			{name: "another session of the ticket", as: &engineer, id: own, session: openTicket + "-"},
		}, out: []knock{
			{name: "no external ID", as: &engineer, id: fixed(""), session: jane},
			{name: "another external ID", as: &engineer, id: fixed("another-external-id"), session: jane},
			{name: "a longer external ID", as: &engineer, id: longer, session: jane},
			{name: "a shorter external ID", as: &engineer, id: shorter, session: jane},
			{name: "an external ID in capitals", as: &engineer, id: strings.ToUpper, session: jane},
			{name: "no ticket", as: &engineer, id: own, session: "jane"},
			{name: "the ticket alone", as: &engineer, id: own, session: openTicket},
			{name: "another ticket", as: &engineer, id: own, session: "99999-jane"},
			{name: "a longer ticket", as: &engineer, id: own, session: openTicket + "6-jane"},
			{name: "the ticket somewhere", as: &engineer, id: own, session: "jane-" + openTicket + "-"},
			{name: "a user of DoiT's", as: &doitUser, id: own, session: jane},
			{name: "DoiT's root", as: &doitRoot, id: own, session: jane},
			{name: "a stranger's role", as: &stranger, id: own, session: jane},
		}},
		{name: "without a ticket", set: parameters{}, in: []knock{
			{name: "a role of DoiT's", as: &engineer, id: own, session: "jane"},
			{name: "any session", as: &engineer, id: own, session: "99999-jane"},
		}, out: []knock{
			{name: "no external ID", as: &engineer, id: fixed(""), session: "jane"},
			{name: "a user of DoiT's", as: &doitUser, id: own, session: "jane"},
			{name: "a stranger's role", as: &stranger, id: own, session: "jane"},
		}},
		{name: "with an external ID of the customer's", set: parameters{"ExternalId": given}, in: []knock{
			{name: "that one", as: &engineer, id: fixed(given), session: "jane"},
		}, out: []knock{
			{name: "the stack's own", as: &engineer, id: fixed(""), session: "jane"},
			{name: "one that begins the same", as: &engineer, id: fixed(given[:16]), session: "jane"},
		}},
		{name: "that expires later", set: parameters{"AccessExpires": "2099-12-31T00:00:00Z"}, in: []knock{
			{name: "a role of DoiT's", as: &engineer, id: own, session: "jane"},
		}},
		{name: "that was never approved", set: parameters{"Access": "dismissed"}, out: []knock{
			{name: "a role of DoiT's", as: &engineer, id: own, session: "jane"},
		}},
	} {
		t.Run(stack.name, func(t *testing.T) {
			t.Parallel()
			s := newCustomer(t).launch(stack.set)
			for _, knock := range stack.in {
				if _, err := s.knock(*knock.as, knock.id(s.outputs["ExternalId"]), knock.session); err != nil {
					t.Errorf("%s: %v, want in", knock.name, err)
				}
			}
			for _, knock := range stack.out {
				_, err := s.knock(*knock.as, knock.id(s.outputs["ExternalId"]), knock.session)
				s.wantRefused(knock.name, err)
			}
		})
	}
}

// Each condition of the trust policy is there for somebody whom the others
// would let in: without it, that one gets in.
func TestEachConditionKeepsSomebodyOut(t *testing.T) {
	t.Parallel()
	jane := openTicket + "-jane"
	deep := strings.Repeat(" ", 16)
	for _, condition := range []struct {
		name, line string
		as         *aws.Config
		id         string
		session    string
	}{
		{name: "sts:ExternalId", line: deep + "sts:ExternalId: ", as: &engineer, session: jane},
		{name: "aws:PrincipalType", line: deep + "aws:PrincipalType: ", as: &doitUser, id: "own", session: jane},
		{name: "sts:RoleSessionName", line: deep[2:] + "StringLike: ", as: &engineer, id: "own", session: "jane"},
		{name: "aws:CurrentTime", line: "              DateLessThan: ", as: &engineer, id: "own", session: jane},
	} {
		t.Run(condition.name, func(t *testing.T) {
			t.Parallel()
			set := parameters{"TicketId": openTicket}
			c := newCustomer(t)
			with := c.launch(set)
			c.deaf.Store(true) // the endpoint would refuse such a role
			without, status := c.create("-without", withoutLine(t, condition.line), set)
			if status != "CREATE_COMPLETE" {
				t.Fatalf("the stack came to %s: %s", status, without.reasons())
			}
			if condition.name == "aws:CurrentTime" { // which no launch may have behind it
				for _, s := range []*stack{with, without} {
					s.want(s.update(parameters{"AccessExpires": "2020-01-01T00:00:00Z"}), "UPDATE_COMPLETE")
				}
			}
			id := condition.id
			if id == "own" {
				id = with.outputs["ExternalId"]
			}
			_, err := with.knock(*condition.as, id, condition.session)
			c.wantRefused("with it", err)
			if id != "" {
				id = without.outputs["ExternalId"]
			}
			if _, err = without.knock(*condition.as, id, condition.session); err != nil {
				t.Errorf("without it: %v, want in: something else keeps this caller out", err)
			}
		})
	}
}

// withoutLine is the published template less the one line that begins so.
func withoutLine(t *testing.T, begin string) string {
	t.Helper()
	var kept []string
	left := 0
	for line := range strings.Lines(string(published.Body)) {
		if strings.HasPrefix(line, begin) {
			left++
			continue
		}
		kept = append(kept, line)
	}
	if left != 1 {
		t.Fatalf("%d lines of the template begin with %q, want 1", left, begin)
	}
	return strings.Join(kept, "")
}
