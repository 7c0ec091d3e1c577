package stack

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const (
	securityAudit = "arn:aws:iam::aws:policy/SecurityAudit"
	inlineName    = "never-secrets-nor-data"
)

// newer are denials of what SecurityAudit grants only in a version that is
// newer than the emulator's copy of it. When the copy has one, it must go from
// this list.
var newer = []string{"s3vectors:GetVectors", "s3vectors:ListVectors", "security-ir:GetCaseAttachmentDownloadUrl"}

// TestDenials holds each denial against SecurityAudit's own document: one of
// the first group that SecurityAudit does not grant has no business there, and
// one that does not deny is worth nothing.
func TestDenials(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(nil)
	audit := s.managed(securityAudit)
	got, err := iam.NewFromConfig(s.config).GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: aws.String(s.roleName()), PolicyName: aws.String(inlineName)})
	s.must(err)
	inline, err := url.QueryUnescape(*got.PolicyDocument)
	s.must(err)

	groups := map[string]list{}
	for _, statement := range s.inline(s.roleName(), inlineName).Statement {
		groups[statement.Sid] = statement.Action
	}
	granted, opened := groups["SecretsAndDataInSecurityAudit"], groups["DataThatResourcePoliciesCouldOpen"]
	if len(granted) == 0 || len(opened) == 0 || len(groups) != 2 {
		t.Fatalf("an approved role without an end has the statements %v, want the two groups", groups)
	}
	for _, action := range granted {
		alone, both := s.simulate(action, audit), s.simulate(action, audit, inline)
		isNewer := slices.Contains(newer, action)
		switch {
		case isNewer && alone == types.PolicyEvaluationDecisionTypeAllowed:
			t.Errorf("%s: the emulator's SecurityAudit grants it now, so it is newer no more", action)
		case !isNewer && alone != types.PolicyEvaluationDecisionTypeAllowed:
			t.Errorf("%s: SecurityAudit does not grant it (%s), so it need not be denied", action, alone)
		}
		if both != types.PolicyEvaluationDecisionTypeExplicitDeny {
			t.Errorf("%s: with the inline policy it is %s, want an explicit denial", action, both)
		}
	}
	for _, action := range opened {
		action = strings.TrimSuffix(action, "*")
		if alone := s.simulate(action, audit); alone == types.PolicyEvaluationDecisionTypeAllowed {
			t.Errorf("%s: SecurityAudit grants it, so it belongs to the first group", action)
		}
		if both := s.simulate(action, audit, inline); both != types.PolicyEvaluationDecisionTypeExplicitDeny {
			t.Errorf("%s: with the inline policy it is %s, want an explicit denial", action, both)
		}
	}
	for _, name := range newer {
		if !slices.Contains(granted, name) {
			t.Errorf("%s is named as newer, and not denied", name)
		}
	}
	// The simulation itself can tell what is not denied.
	if both := s.simulate("s3:ListAllMyBuckets", audit, inline); both != types.PolicyEvaluationDecisionTypeAllowed {
		t.Errorf("s3:ListAllMyBuckets is %s, want allowed", both)
	}
}

// managed is the document of a managed policy.
func (c *customer) managed(arn string) string {
	c.Helper()
	client := iam.NewFromConfig(c.config)
	policy, err := client.GetPolicy(c.Context(), &iam.GetPolicyInput{PolicyArn: &arn})
	c.must(err)
	version, err := client.GetPolicyVersion(c.Context(), &iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: policy.Policy.DefaultVersionId})
	c.must(err)
	text, err := url.QueryUnescape(*version.PolicyVersion.Document)
	c.must(err)
	return text
}

// simulate asks IAM what the policies say of an action on everything.
func (c *customer) simulate(action string, policies ...string) types.PolicyEvaluationDecisionType {
	c.Helper()
	got, err := iam.NewFromConfig(c.config).SimulateCustomPolicy(c.Context(), &iam.SimulateCustomPolicyInput{
		ActionNames: []string{action}, PolicyInputList: policies,
	})
	c.must(err)
	return got.EvaluationResults[0].EvalDecision
}
