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
		name     string
		as       *aws.Config
		id       func(own string) string
		session  string
		refusing bool
	}
	own := func(id string) string { return id }
	shortened := func(id string) string { return id[:len(id)-1] }
	fixed := func(id string) func(string) string { return func(string) string { return id } }
	for _, stack := range []struct {
		name   string
		set    parameters
		knocks []knock
	}{
		{"with a ticket", parameters{"TicketId": openTicket}, []knock{
			{"a role of DoiT's", &engineer, own, openTicket + "-jane", false},
			{"another session of the ticket", &engineer, own, openTicket + "-", false},
			{"no external ID", &engineer, fixed(""), openTicket + "-jane", true},
			{"another external ID", &engineer, fixed("another-external-id"), openTicket + "-jane", true},
			{"a longer external ID", &engineer, func(id string) string { return id + "0" }, openTicket + "-jane", true},
			{"a shorter external ID", &engineer, shortened, openTicket + "-jane", true},
			{"an external ID in capitals", &engineer, strings.ToUpper, openTicket + "-jane", true},
			{"no ticket", &engineer, own, "jane", true},
			{"the ticket alone", &engineer, own, openTicket, true},
			{"another ticket", &engineer, own, "99999-jane", true},
			{"a longer ticket", &engineer, own, openTicket + "6-jane", true},
			{"the ticket somewhere", &engineer, own, "jane-" + openTicket + "-", true},
			{"a user of DoiT's", &doitUser, own, openTicket + "-jane", true},
			{"DoiT's root", &doitRoot, own, openTicket + "-jane", true},
			{"a stranger's role", &stranger, own, openTicket + "-jane", true},
		}},
		{"without a ticket", parameters{}, []knock{
			{"a role of DoiT's", &engineer, own, "jane", false},
			{"any session", &engineer, own, "99999-jane", false},
			{"no external ID", &engineer, fixed(""), "jane", true},
			{"a user of DoiT's", &doitUser, own, "jane", true},
			{"a stranger's role", &stranger, own, "jane", true},
		}},
		{"with an external ID of the customer's", parameters{"ExternalId": given}, []knock{
			{"that one", &engineer, fixed(given), "jane", false},
			{"the stack's own", &engineer, func(string) string { return "" }, "jane", true},
			{"one that begins the same", &engineer, fixed(given[:16]), "jane", true},
		}},
		{"that expires later", parameters{"AccessExpires": "2099-12-31T00:00:00Z"}, []knock{
			{"a role of DoiT's", &engineer, own, "jane", false},
		}},
		{"that was never approved", parameters{"Access": "dismissed"}, []knock{
			{"a role of DoiT's", &engineer, own, "jane", true},
		}},
	} {
		t.Run(stack.name, func(t *testing.T) {
			t.Parallel()
			s := newCustomer(t).launch(stack.set)
			for _, knock := range stack.knocks {
				_, err := s.knock(*knock.as, knock.id(s.outputs["ExternalId"]), knock.session)
				switch {
				case knock.refusing:
					s.wantRefused(knock.name, err)
				case err != nil:
					t.Errorf("%s: %v, want in", knock.name, err)
				}
			}
		})
	}
}

// Each condition of the trust policy is there for somebody whom the others
// would let in: without it, that one gets in.
func TestEachConditionKeepsSomebodyOut(t *testing.T) {
	t.Parallel()
	for _, condition := range []struct {
		name, line string
		as         *aws.Config
		id         string
		session    string
	}{
		{"sts:ExternalId", "                sts:ExternalId: ", &engineer, "", openTicket + "-jane"},
		{"aws:PrincipalType", "                aws:PrincipalType: ", &doitUser, "own", openTicket + "-jane"},
		{"sts:RoleSessionName", "              StringLike: ", &engineer, "own", "jane"},
		{"aws:CurrentTime", "              DateLessThan: ", &engineer, "own", openTicket + "-jane"},
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
