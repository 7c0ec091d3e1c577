package stack

import (
	_ "embed" // an older template
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// The template of commit 86b8c49, the last one before the limits were managed
// policies: its denials are inline, and its buckets had other names.
//
//go:embed testdata/before-limits.yaml
var older string

// olderHere is that template with the code where the test has put it.
func olderHere() string {
	return strings.NewReplacer(
		"doit-aws-ops-prod-lambda", published.DoiT["aws"].CodeBucket,
		"${Bucket}-${AWS::Region}", published.DoiT["aws"].Bucket("${AWS::Region}"),
		"registration/aa5372306e9056bf036bc260d98ca2037bd43225dc3584b720aea6bbee8f4ee6.zip", published.Pin.Key,
	).Replace(older)
}

// An older stack becomes this one by an update with this template: the role,
// its ARN and the external ID stay. In between AWS does not say in which order
// it attaches the new limits and takes the old ones off, so whoever wants none
// of that dismisses first, updates, and approves.
func TestAnOlderStackIsUpdated(t *testing.T) {
	t.Parallel()
	for name, access := range map[string]string{"while approved": "approved", "while dismissed": "dismissed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, status := newCustomer(t).create("", olderHere(), parameters{
				"TicketId": openTicket, "AccessExpires": "2099-12-31T00:00:00Z",
			})
			s.want(status, "CREATE_COMPLETE")
			role, id, session := s.outputs["RoleArn"], s.outputs["ExternalId"], s.enter()
			if access == "dismissed" {
				s.want(s.update(parameters{"Access": access}), "UPDATE_COMPLETE")
			}
			s.want(s.updateTemplate(), "UPDATE_COMPLETE")
			if s.outputs["RoleArn"] != role || s.outputs["ExternalId"] != id {
				t.Errorf("the update changed the role or its external ID: %q", s.outputs)
			}
			if access == "dismissed" {
				s.wantEnded(session)
				s.wantAttached(s.roleName(),
					"SupportLimits", "ResourcePolicyLimits", "AccessDismissed", "AccessExpired")
				s.want(s.update(parameters{"Access": "approved"}), "UPDATE_COMPLETE")
			}
			s.wantIn()
			s.wantAttached(s.roleName(), "SupportLimits", "ResourcePolicyLimits", securityAudit, "AccessExpired")
			s.wantAttached(s.made()["RegistrationRole"], "RegistrationLogAccess")
			s.wantRegistration("active", openTicket)
			for what, call := range s.openBucket("*").beyond {
				s.wantRefused(what, call(t.Context(), s.enter()))
			}
			s.want(s.delete(), "DELETE_COMPLETE")
			s.wantNothingLeft()
		})
	}
}

// updateTemplate updates with today's template: what the stack has set stays,
// what is new has its default.
func (s *stack) updateTemplate() string {
	s.Helper()
	described, err := s.cloudformation().DescribeStacks(s.Context(), &cloudformation.DescribeStacksInput{
		StackName: &s.id,
	})
	s.must(err)
	input := &cloudformation.UpdateStackInput{
		StackName: &s.id, TemplateBody: aws.String(string(published.Body)),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	}
	for _, set := range described.Stacks[0].Parameters {
		input.Parameters = append(input.Parameters, types.Parameter{
			ParameterKey: set.ParameterKey, UsePreviousValue: aws.Bool(true),
		})
	}
	_, err = s.cloudformation().UpdateStack(s.Context(), input)
	s.must(err)
	return s.settled()
}
