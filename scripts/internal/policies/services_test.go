package policies

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// setter is the name of an action that gives a resource rules of its own. Where these
// can admit an IAM role, the service belongs into ResourcePolicyLimits.
var setter = regexp.MustCompile(`:(Put|Set|Add|Attach|Create|Update)\w*(Policy|Policies|PolicyStatement|Permissions?)$`)

// without are the services that are not in ResourcePolicyLimits although they
// have such an action, by the reason, as AWS's documentation of each says.
var without = map[string]string{
	"These rules admit nobody: they scale, cache, keep, route, check or choose.": `
		application-autoscaling autoscaling batch cloudformation dlm elasticloadbalancing elasticmapreduce fms
		gamelift ivs mediaconvert resiliencehub route53 securityhub storagegateway`,
	"These are the identities' own, and IAM counts them among what SecurityAudit and the boundary hold.": `
		iam organizations sso`,
	"These admit the service's own users, things, devices or accounts, none of which is an IAM role.": `
		appstream clouddirectory datazone grafana iot iotsitewise opsworks qapps quicksight verifiedpermissions
		workdocs workmail workspaces`,
	"AWS RAM alone writes them, or they name accounts and not roles: this account's go by IAM's policies.": `
		appmesh appmesh-preview appsync arc-region-switch billing ec2 fsx mpa odb ram resource-explorer-2
		resource-groups route53-recovery-control-config route53profiles servicecatalog servicediscovery`,
	"What they admit to acts on a second resource too, which no such policy opens: AWS fixes what they may say.": `
		network-firewall waf waf-regional wafv2`,
	"They admit services of AWS, or CloudFront's distributions to be shared.": `
		cloudfront ssm-sap`,
	"They open what SupportLimits names under OtherPolicies.": `
		bedrock xray`,
	"They give nothing alone: IAM's own policies must allow the call as well.": `
		aoss`,
	"What they open is called execute-api, which is named.": `
		apigateway`,
	"What it opens are objects of S3 access points, which are named.": `
		omics`,
	"They admit roles of companies that AWS has verified as Q's data accessors.": `
		qbusiness`,
}

// What other policies open without a resource that ResourcePolicyLimits could
// name, or on one that SecurityAudit reads more of, is denied by name.
// https://docs.aws.amazon.com/xray/latest/api/API_PutResourcePolicy.html
// https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-resource-based-policies.html
func TestWhatOtherPoliciesCouldOpenIsDeniedByName(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields(`
		bedrock:ApplyGuardrail bedrock:CreateModelCopyJob bedrock:GetGuardrail sso-oauth:CreateTokenWithIAM
		xray:BatchGetTraces xray:PutTelemetryRecords xray:PutTraceSegments
		sts:AssumeRole sts:SetSourceIdentity sts:TagSession`) {
		a, known := reference[strings.ToLower(name)]
		if denial := limits.Denial(a); !known || denial != "SupportLimits" {
			t.Errorf("%s is denied by %q, want SupportLimits", name, denial)
		}
	}
}

func TestEachServiceWithPoliciesOfItsOwnIsNamedOrAnswered(t *testing.T) {
	t.Parallel()
	answered := map[string]string{}
	for reason, services := range without {
		for _, service := range strings.Fields(services) {
			if answered[service] != "" {
				t.Errorf("%s is answered twice", service)
			}
			answered[service] = reason
		}
	}
	found := map[string]bool{}
	for _, a := range actions {
		if setter.MatchString(a.Name) {
			found[a.Service()] = true
		}
	}
	for service := range found {
		isNamed := slices.ContainsFunc(limits.ResourcePolicy.Statement, func(s Statement) bool {
			return slices.ContainsFunc(s.Resource, func(arn string) bool {
				return strings.HasPrefix(arn, "arn:*:"+service+":")
			})
		})
		if isNamed == (answered[service] != "") {
			t.Errorf("%s can have policies of its resources' own: named by ResourcePolicyLimits %t, answered by %q; "+
				"want one of the two", service, isNamed, answered[service])
		}
	}
	for service, reason := range answered {
		if !found[service] {
			t.Errorf("%s has no action that sets a policy, so it needs no answer: %s", service, reason)
		}
	}
}
