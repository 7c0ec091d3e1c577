package stack

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// lists is a call that SecurityAudit grants.
func (c *customer) lists(as aws.Config) error {
	return second(s3.NewFromConfig(as).ListBuckets(c.Context(), &s3.ListBucketsInput{}))
}

// "Dismissed, expired or deleted": the open session reads no more, and no new
// one comes in. (Here at once, in AWS as soon as IAM has told everybody.)
func TestNobodyIsInOnceTheAccessHasEnded(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]struct {
		with parameters
		come string
		by   func(*stack) string
	}{
		"dismissed": {come: "UPDATE_COMPLETE", by: func(s *stack) string {
			return s.update(parameters{"Access": "dismissed"})
		}},
		"expired by an update": {come: "UPDATE_COMPLETE", by: func(s *stack) string {
			return s.update(parameters{"AccessExpires": "2020-01-01T00:00:00Z"})
		}},
		"brought forward": {
			with: parameters{"AccessExpires": "2099-12-31T00:00:00Z"}, come: "UPDATE_COMPLETE",
			by: func(s *stack) string { return s.update(parameters{"AccessExpires": "2020-01-01T00:00:00Z"}) },
		},
		"deleted": {come: "DELETE_COMPLETE", by: (*stack).delete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newCustomer(t).launch(parameters{"TicketId": openTicket, "AccessExpires": end.with["AccessExpires"]})
			s.wantIn()
			session, outputs := s.enter(), s.outputs
			s.want(end.by(s), end.come)
			s.outputs = outputs // where the role was
			s.wantEnded(session)
		})
	}
}

// Eight of each: IAM keeps five versions of a policy, so that none may make one.
func TestDismissedAndApprovedEightTimes(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	for range 8 {
		session := s.enter()
		s.want(s.update(parameters{"Access": "dismissed"}), "UPDATE_COMPLETE")
		s.wantEnded(session)
		s.want(s.update(parameters{"Access": "approved"}), "UPDATE_COMPLETE")
		s.wantIn()
	}
	s.wantOneVersionOfEachPolicy()
}

func TestAnEndMovedSixTimes(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket, "AccessExpires": "2098-01-01T00:00:00Z"})
	for day := 2; day <= 7; day++ {
		s.want(s.update(parameters{"AccessExpires": fmt.Sprintf("2098-01-%02dT00:00:00Z", day)}), "UPDATE_COMPLETE")
		s.wantIn()
	}
	s.wantAttached(s.roleName(), "SupportLimits", "ResourcePolicyLimits", securityAudit, "AccessExpired")
	s.wantOneVersionOfEachPolicy()
	// A changed description is a new policy, in AWS as here: the emulator changes the old one otherwise.
	described, err := iam.NewFromConfig(s.config).GetPolicy(t.Context(), &iam.GetPolicyInput{
		PolicyArn: aws.String(s.made()["AccessExpired"]),
	})
	s.must(err)
	if want := "Ends DoiT's access at 2098-01-07T00:00:00Z."; aws.ToString(described.Policy.Description) != want {
		t.Errorf("AccessExpired says %q, want %q", aws.ToString(described.Policy.Description), want)
	}
}

// wantOneVersionOfEachPolicy fails if a policy of the stack's has collected versions.
func (s *stack) wantOneVersionOfEachPolicy() {
	s.Helper()
	for id, arn := range s.made() {
		if !strings.Contains(arn, ":policy/") {
			continue
		}
		got, err := iam.NewFromConfig(s.config).ListPolicyVersions(s.Context(), &iam.ListPolicyVersionsInput{
			PolicyArn: &arn,
		})
		s.must(err)
		if len(got.Versions) != 1 {
			s.Errorf("%s has %d versions, want 1", id, len(got.Versions))
		}
	}
}

// wantIn fails unless DoiT's engineer gets in and can read.
func (s *stack) wantIn() {
	s.Helper()
	if err := s.lists(s.enter()); err != nil {
		s.Errorf("a session reads: %v, want to", err)
	}
}

// wantEnded fails if there is a way in, or the session given still reads.
func (s *stack) wantEnded(open aws.Config) {
	s.Helper()
	s.wantRefused("the open session's next call", s.lists(open))
	_, err := s.knock(engineer, s.outputs["ExternalId"], openTicket+"-jane")
	s.wantRefused("a new session", err)
}

func (s *stack) want(got, want string) {
	s.Helper()
	if got != want {
		s.Fatalf("stack %s came to %s, want %s: %s", s.name, got, want, s.reasons())
	}
}

func TestDismissedAndApprovedAgain(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	session := s.enter()
	s.wantIn()
	bucket := s.openBucket("*")
	if err := bucket.settings(t.Context(), session); err != nil {
		t.Errorf("list a bucket: %v, want to, or the refusal below would prove nothing", err)
	}

	s.want(s.update(parameters{"Access": "dismissed"}), "UPDATE_COMPLETE")
	s.wantEnded(session)
	// Its own policy opens the bucket to every role of the account, so it takes the denial of everything.
	s.wantRefused("the open session lists a bucket", bucket.settings(t.Context(), session))
	s.wantRegistration("suspended", openTicket)
	s.wantAttached(s.roleName(), "SupportLimits", "ResourcePolicyLimits", "AccessDismissed")
	if trust := s.trust(s.roleName()).Statement; len(trust) != 2 || !reflect.DeepEqual(trust[1], statement{
		Sid: "Dismissed", Effect: "Deny", Action: list{"sts:AssumeRole"}, Principal: map[string]any{"AWS": "*"},
	}) {
		t.Errorf("the trust policy of a dismissed role is %+v, want a Deny beside the Allow", trust)
	}

	s.want(s.update(parameters{"Access": "approved"}), "UPDATE_COMPLETE")
	s.wantIn()
	s.wantRegistration("active", openTicket)
}

// Ending access never waits for DoiT.
func TestDismissedWhileTheEndpointIsDown(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	session := s.enter()
	s.down.Store(true)
	s.want(s.update(parameters{"Access": "dismissed"}), "UPDATE_COMPLETE")
	s.wantEnded(session)
	s.wantRegistration("active", openTicket) // nobody could tell it

	// An approval of which DoiT does not hear must not look like one.
	s.want(s.update(parameters{"Access": "approved"}), "UPDATE_ROLLBACK_COMPLETE")
	s.wantEnded(session)

	s.down.Store(false)
	s.want(s.update(parameters{"Access": "approved"}), "UPDATE_COMPLETE")
	s.wantIn()
}

func TestExpiredByAnUpdate(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	session := s.enter()
	s.want(s.update(parameters{"AccessExpires": "2020-01-01T00:00:00Z"}), "UPDATE_COMPLETE")
	s.wantEnded(session)
	s.wantRegistration("suspended", openTicket)
}

func TestAnUpdateThatKeepsTheRoleNeedsNoEndpoint(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	s.down.Store(true)
	s.want(s.update(parameters{"AccessExpires": "2099-12-31T00:00:00Z"}), "UPDATE_COMPLETE")
	s.wantIn()
}

func TestARefusedUpdateIsTakenBack(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	s.want(s.update(parameters{"TicketId": "99999"}), "UPDATE_ROLLBACK_COMPLETE")
	if !slices.ContainsFunc(s.reasons(), func(reason string) bool {
		refused := strings.Contains(reason, "403") && strings.Contains(reason, "99999")
		return refused && strings.HasPrefix(reason, "Registration: ")
	}) {
		t.Errorf("the stack's events say %q, want the endpoint's refusal of ticket 99999", s.reasons())
	}
	s.wantIn()
	s.wantRegistration("active", openTicket)
	_, err := s.knock(engineer, s.outputs["ExternalId"], "99999-jane")
	s.wantRefused("a session of the ticket that was refused", err)

	// What was taken back does not stand in the way of what comes next.
	s.want(s.update(parameters{"TicketId": ""}), "UPDATE_COMPLETE")
	s.wantRegistration("active", "")
}

// A launch that fails is gone with all that it made, and its events say why.
func TestALaunchThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, launch := range map[string]struct {
		set  parameters
		down bool
		told string
	}{
		"a ticket that is not open": {set: parameters{"TicketId": "99999"}, told: "99999"},
		"an end that has passed":    {set: parameters{"AccessExpires": "2020-01-01T00:00:00Z"}, told: "2020-01-01"},
		"an endpoint that is down":  {down: true, told: "503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomer(t)
			c.down.Store(launch.down)
			s, status := c.create("", string(published.Body), launch.set)
			s.want(status, "ROLLBACK_COMPLETE")
			c.wantNothingLeft()
			c.wantNothingRegistered()
			if reasons := strings.Join(s.reasons(), " "); !strings.Contains(reasons, launch.told) {
				t.Errorf("the stack's events say %q, want %s in it", reasons, launch.told)
			}
		})
	}
}

// Registration is made before the resource that fails, and is taken back.
func TestAnotherResourceFails(t *testing.T) {
	t.Parallel()
	c := newCustomer(t)
	body := strings.Replace(string(published.Body), "\nOutputs:", `
  Fails:
    Type: Custom::Fails
    DependsOn: Registration
    Properties: { ServiceToken: !Sub 'arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:there-is-none' }

Outputs:`, 1)
	s, status := c.create("", body, parameters{"TicketId": openTicket})
	s.want(status, "ROLLBACK_COMPLETE")
	if reasons := s.reasons(); len(reasons) != 1 || !strings.HasPrefix(reasons[0], "Fails: ") {
		t.Errorf("what failed is %q, want only Fails", reasons)
	}
	s.wantRegistration("deleted", openTicket) // it was registered for a moment
	c.wantNothingLeft()
}

func TestTwoStacksInOneAccount(t *testing.T) {
	t.Parallel()
	c := newCustomer(t)
	first := c.launch(parameters{"TicketId": openTicket})
	second, status := c.create("-again", string(published.Body), parameters{"TicketId": openTicket})
	second.want(status, "CREATE_COMPLETE")
	for _, own := range []string{"RoleArn", "ExternalId"} {
		if first.outputs[own] == second.outputs[own] {
			t.Fatalf("the stacks share their %s: %q", own, first.outputs[own])
		}
	}
	_, err := second.knock(engineer, first.outputs["ExternalId"], openTicket+"-jane")
	c.wantRefused("one stack's role with the other's external ID", err)

	session := first.enter()
	outputs := first.outputs
	first.want(first.delete(), "DELETE_COMPLETE")
	first.outputs = outputs // where the role was
	first.wantEnded(session)
	first.wantRegistration("deleted", openTicket)
	second.wantIn()
	second.wantRegistration("active", openTicket)

	second.want(second.delete(), "DELETE_COMPLETE")
	c.wantNothingLeft()
}

func TestDeletedWhileTheEndpointIsDown(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	session, outputs := s.enter(), s.outputs
	s.down.Store(true)
	s.want(s.delete(), "DELETE_COMPLETE")
	s.outputs = outputs
	s.wantEnded(session)
	s.wantNothingLeft()
}

func TestDeletedAfterItWasDismissed(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	s.want(s.update(parameters{"Access": "dismissed"}), "UPDATE_COMPLETE")
	s.want(s.delete(), "DELETE_COMPLETE")
	s.wantRegistration("deleted", openTicket)
	s.wantNothingLeft()
}

// wantNothingRegistered fails if the endpoint has a row of this customer's.
func (c *customer) wantNothingRegistered() {
	c.Helper()
	rows, err := c.endpoint.Registrations(c.Context())
	c.must(err)
	for _, row := range rows {
		if row.Status != "deleted" {
			c.Errorf("%s is registered as %s", row.RoleArn, row.Status)
		}
	}
}
