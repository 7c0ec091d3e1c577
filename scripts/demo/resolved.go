package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// resolved shows SupportRole as CloudFormation made it: what a reviewer would
// otherwise work out from the template's conditions.
func (g *grant) resolved(ctx context.Context) error {
	g.act("What it made: SupportRole, as CloudFormation resolved it")
	client, role := iam.NewFromConfig(g.customer), g.made["SupportRole"]
	got, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
	if err != nil {
		return fmt.Errorf("read SupportRole: %w", err)
	}
	trust, err := parse(aws.ToString(got.Role.AssumeRolePolicyDocument))
	if err != nil {
		return fmt.Errorf("read the trust policy: %w", err)
	}
	g.says(cloudFormation, "who may assume it")
	for _, statement := range trust {
		g.quoteTrust(statement)
	}
	attached, err := client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	if err != nil {
		return fmt.Errorf("list the attached policies: %w", err)
	}
	g.says(cloudFormation, "what they may do, and what not")
	for _, policy := range attached.AttachedPolicies {
		name := aws.ToString(policy.PolicyName)
		if name == "SecurityAudit" {
			g.quote("SecurityAudit: AWS's own")
			continue
		}
		version, err := client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{
			PolicyArn: policy.PolicyArn, VersionId: aws.String("v1"),
		})
		if err != nil {
			return fmt.Errorf("read the policy %s: %w", name, err)
		}
		statements, err := parse(aws.ToString(version.PolicyVersion.Document))
		if err != nil {
			return fmt.Errorf("read the policy %s: %w", name, err)
		}
		for _, statement := range statements {
			g.quote(statement.summary())
		}
	}
	return nil
}

// statement is a policy's. Of its lists only the lengths are shown.
type statement struct {
	Sid, Effect string
	Principal   any
	Action      any
	NotAction   []string
	Condition   map[string]map[string]any
}

func parse(document string) ([]statement, error) {
	text, err := url.QueryUnescape(document)
	if err != nil {
		return nil, err
	}
	var policy struct{ Statement []statement }
	return policy.Statement, json.Unmarshal([]byte(text), &policy)
}

// summary is a line on a statement of the limits, whose lists are in the
// template, each with its reason.
func (s statement) summary() string {
	if s.NotAction != nil {
		return fmt.Sprintf("%s: denies all but %d actions", s.Sid, len(s.NotAction))
	}
	actions, _ := s.Action.([]any)
	return fmt.Sprintf("%s: denies %d actions", s.Sid, len(actions))
}

// quoteTrust shows a statement of the trust policy, whole.
func (g *grant) quoteTrust(s statement) {
	g.quote(fmt.Sprintf("%-9s %v to %v", s.Effect, s.Action, principal(s.Principal)))
	words := map[string]string{"StringEquals": "is", "StringLike": "is like", "DateLessThan": "is before"}
	label := "Condition"
	for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
			word, known := words[operator]
			if !known {
				word = operator
			}
			g.quote(fmt.Sprintf("%-9s %s %s %v", label, key, word, s.Condition[operator][key]))
			label = ""
		}
	}
}

func principal(p any) string {
	named, ok := p.(map[string]any)
	if !ok {
		return fmt.Sprint(p)
	}
	var all []string
	for _, kind := range slices.Sorted(maps.Keys(named)) {
		all = append(all, fmt.Sprint(named[kind]))
	}
	return strings.Join(all, " ")
}
