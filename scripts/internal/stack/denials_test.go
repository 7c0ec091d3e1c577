package stack

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const securityAudit = "arn:aws:iam::aws:policy/SecurityAudit"

// IAM itself says what the policies come to, as CloudFormation made them.
func TestTheLimitsDenyWhatTheyName(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(nil)
	audit, limits := s.managed(securityAudit), s.managed(s.made()["SupportLimits"])
	var denials policy
	s.must(json.Unmarshal([]byte(limits), &denials))
	for _, statement := range denials.Statement {
		for _, action := range statement.Action {
			action = strings.ReplaceAll(action, "*", "")
			if both := s.simulate(action, audit, limits); both != types.PolicyEvaluationDecisionTypeExplicitDeny {
				t.Errorf("%s is %s, want an explicit denial", action, both)
			}
		}
	}
	// The simulation itself can tell what is not denied.
	if both := s.simulate("s3:ListAllMyBuckets", audit, limits); both != types.PolicyEvaluationDecisionTypeAllowed {
		t.Errorf("s3:ListAllMyBuckets is %s, want allowed", both)
	}
}

// managed is the document of a managed policy.
func (c *customer) managed(arn string) string {
	c.Helper()
	client := iam.NewFromConfig(c.config)
	policy, err := client.GetPolicy(c.Context(), &iam.GetPolicyInput{PolicyArn: &arn})
	c.must(err)
	version, err := client.GetPolicyVersion(c.Context(), &iam.GetPolicyVersionInput{
		PolicyArn: &arn, VersionId: policy.Policy.DefaultVersionId,
	})
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
