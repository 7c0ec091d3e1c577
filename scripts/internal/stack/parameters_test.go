package stack

import (
	"errors"
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
)

// Each value is given to CloudFormation, as a change set that is
// never executed, and to this module's own check, which must say the same.
func TestCloudFormationAndTheLinkTakeTheSameValues(t *testing.T) {
	t.Parallel()
	values := map[string]struct{ good, bad []string }{
		"TicketId": {
			good: []string{"", "1", "12345", "ABC-123", strings.Repeat("9", 32)},
			bad:  []string{" ", "12 45", "12345*", "12345?", "#12345", "ä", "12345\n", "a_b", strings.Repeat("9", 33)},
		},
		"Access": {
			good: []string{"approved", "dismissed"},
			bad:  []string{"", "Approved", "approved ", "approve", "yes", "approved\n"},
		},
		"AccessExpires": {
			good: []string{"", "2026-12-31T00:00:00Z", "2020-01-01T00:00:00Z", "2099-12-31T23:59:59Z"},
			bad: []string{
				"2019-12-31T23:59:59Z", "2100-01-01T00:00:00Z",
				"2026-12-31", "2026-12-31T00:00Z", "2026-12-31T00:00:00", "2026-12-31T00:00:00+00:00",
				"2026-12-31t00:00:00z", "2026-13-01T00:00:00Z", "2026-12-32T00:00:00Z", "2026-12-31T24:00:00Z",
				"2026-12-31T00:60:00Z", "2026-12-31T00:00:00.5Z", " 2026-12-31T00:00:00Z", "tomorrow",
			},
		},
		"PermissionsBoundary": {
			good: []string{
				"", "arn:aws:iam::111122223333:policy/Boundary", "arn:aws:iam::111122223333:policy/path/to/Boundary",
				"arn:aws:iam::aws:policy/PowerUserAccess", "arn:aws-us-gov:iam::111122223333:policy/B",
				"arn:aws-cn:iam::111122223333:policy/B",
			},
			bad: []string{
				"Boundary", "arn:aws:iam::111122223333:role/Boundary", "arn:aws:iam::1111:policy/Boundary",
				"arn:aws:iam::111122223333:policy/", "arn:aws:iam::111122223333:policy/B*",
			},
		},
		"Notices": {
			good: []string{"off", "on"},
			bad:  []string{"", "yes", "On", "true"},
		},
		"AccountId": {
			good: []string{"", account},
			bad: []string{
				"11112222333", "1111222233334", "1111-2222-3333", "my account", "11112222333O", account + "\n",
			},
		},
		"ExternalId": {
			good: []string{"", strings.Repeat("x", 16), "Aa0_+=,.@:/-Aa0_", strings.Repeat("x", 1224)},
			bad: []string{
				"x", strings.Repeat("x", 15), strings.Repeat("x", 1225), strings.Repeat("x", 15) + "*",
				strings.Repeat("x", 15) + "?", strings.Repeat("x", 15) + " ", strings.Repeat("x", 15) + "ä",
				"${aws:username}xx",
			},
		},
		"RegistrationEndpoint": {
			good: []string{
				"https://registration.aws-ops.doit-intl.com/v1/registrations", "https://aws-ops.doit-intl.com",
				"https://a.b.aws-ops.doit-intl.com:8443/",
				"https://127.0.0.1:8443/v1/registrations",
			},
			bad: []string{
				"", "registration.aws-ops.doit-intl.com", "http://registration.aws-ops.doit-intl.com/v1/registrations",
				"https://doit-intl.com/", "https://evil.example/", "https://evil.example/aws-ops.doit-intl.com",
				"https://aws-ops.doit-intl.com.evil.example/", "https://xaws-ops.doit-intl.com/",
				"https://evil.example#.aws-ops.doit-intl.com/", "https://evil.example?.aws-ops.doit-intl.com/",
				"https://evil.example/.aws-ops.doit-intl.com/", "https://user@aws-ops.doit-intl.com/",
				"https://evil.example\\.aws-ops.doit-intl.com/", "https://aws-ops.doit-intl.com/?q",
				"https://aws-ops.doit-intl.com/#f", "https://aws-ops.doit-intl.com/%2e",
				"https://aws-ops.doit-intl.com:x/", "https://aws-ops.doit-intl.com:8443@evil.example/",
				"https://127.0.0.1.evil.example/", "https://127.0.0.2/", "https://127x0y0z1/",
				"https://aws-opsxdoit-intl.com/", "https://aws-ops.doit-intlxcom/",
				"https://aws-ops.doit-intl.com/\nhttps://evil.example/",
				"https://aws-ops.doit-intl.com/" + strings.Repeat("x", 227),
			},
		},
	}
	if len(values) != len(published.Parameters) {
		t.Errorf("%d parameters are tested, the template has %d", len(values), len(published.Parameters))
	}
	c := newCustomer(t)
	for name, values := range values {
		for _, value := range values.good {
			if err := c.plan(name, value); err != nil {
				t.Errorf("%s %q: CloudFormation says %v, want it taken", name, value, err)
			}
			if err := published.Check(name, value); err != nil {
				t.Errorf("%s %q: %v, want it taken", name, value, err)
			}
		}
		for _, value := range values.bad {
			err := c.plan(name, value)
			told := published.Parameters[name].ConstraintDescription
			if published.Parameters[name].AllowedValues != nil {
				told = "AllowedValues" // which the emulator names in its own words
			}
			var refusal smithy.APIError
			if !errors.As(err, &refusal) || refusal.ErrorCode() != "ValidationError" {
				t.Errorf("%s %q: CloudFormation says %v, want a ValidationError", name, value, err)
			} else if text := refusal.ErrorMessage(); !strings.Contains(text, name) || !strings.Contains(text, told) {
				t.Errorf("%s %q: CloudFormation says %q, want the name, and %q", name, value, text, told)
			}
			if err := published.Check(name, value); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s %q: %v, want an error that names it", name, value, err)
			}
		}
	}
}

func (c *customer) plan(name, value string) error {
	c.Helper()
	client := cloudformation.NewFromConfig(c.config)
	made, err := client.CreateChangeSet(c.Context(), &cloudformation.CreateChangeSetInput{
		StackName: aws.String(c.name + "-planned"), ChangeSetName: aws.String("planned"),
		ChangeSetType: types.ChangeSetTypeCreate,
		TemplateBody:  aws.String(string(published.Body)), Parameters: c.parameters(parameters{name: value}, false),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	})
	if err != nil {
		return err
	}
	_, err = client.DeleteStack(c.Context(), &cloudformation.DeleteStackInput{StackName: made.StackId})
	c.must(err)
	return nil
}

func TestABoundaryIsTaken(t *testing.T) {
	t.Parallel()
	newCustomer(t).launch(parameters{"PermissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess"})
}

// A link made for another account is refused wherever it is opened, before
// anything is created or changed.
func TestALinkForAnotherAccountIsRefused(t *testing.T) {
	t.Parallel()
	const told = "DoiT made this link for another AWS account than the one you are signed in to. " +
		"Nothing was created or changed."
	c := newCustomer(t)
	s := c.launch(parameters{"TicketId": openTicket, "AccountId": account})
	before := s.made()
	another := parameters{"AccountId": strangerAccount}
	client := s.cloudformation()
	for name, err := range map[string]error{
		"create": second(client.CreateStack(t.Context(), &cloudformation.CreateStackInput{
			StackName: aws.String(c.name + "-another"), TemplateBody: aws.String(string(published.Body)),
			Parameters:   c.parameters(another, false),
			Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		})),
		"update": second(client.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
			StackName: &s.id, UsePreviousTemplate: aws.Bool(true), Parameters: c.parameters(another, true),
			Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		})),
		"change set": c.plan("AccountId", strangerAccount),
	} {
		var refusal smithy.APIError
		if !errors.As(err, &refusal) || refusal.ErrorCode() != "ValidationError" ||
			!strings.Contains(refusal.ErrorMessage(), told) {
			t.Errorf("%s: %v, want it refused with %q", name, err, told)
		}
	}
	s.settled()
	if after := s.made(); !maps.Equal(before, after) {
		t.Errorf("the refused update changed %v to %v", before, after)
	}
	_, err := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{
		StackName: aws.String(c.name + "-another"),
	})
	if err == nil {
		t.Error("the refused create made a stack")
	}
	s.wantIn()
	// The right account, and none at all, are taken.
	s.want(s.update(parameters{"AccountId": ""}), "UPDATE_COMPLETE")
	s.want(s.update(parameters{"AccountId": account, "Notices": "on"}), "UPDATE_COMPLETE")
}

// IAM takes 2,048 characters of trust policy unless the quota is raised, and
// counts no white space.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func TestTheLongestTrustPolicyIsWithinIAMsQuota(t *testing.T) {
	t.Parallel()
	c := newCustomer(t)
	c.deaf.Store(true) // its ticket is not open
	s, status := c.create("", string(published.Body), parameters{
		"ExternalId": strings.Repeat("x", 1224), "TicketId": strings.Repeat("9", 32),
		"AccessExpires": "2099-12-31T00:00:00Z", "Access": "dismissed",
	})
	s.want(status, "CREATE_COMPLETE")
	got, err := iam.NewFromConfig(s.config).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String(s.roleName())})
	s.must(err)
	text, err := url.QueryUnescape(*got.Role.AssumeRolePolicyDocument)
	s.must(err)
	if size := len(strings.Join(strings.Fields(text), "")); size >= 2048 || size < 1224 {
		t.Errorf("the trust policy has %d characters, want fewer than 2048", size)
	}
}
