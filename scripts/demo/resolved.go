package main

import (
	"context"
	"encoding/json"
	"fmt"
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
	client, role := iam.NewFromConfig(g.customer), g.roleName()
	got, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
	if err != nil {
		return fmt.Errorf("read SupportRole: %w", err)
	}
	trust, err := url.QueryUnescape(aws.ToString(got.Role.AssumeRolePolicyDocument))
	if err != nil {
		return fmt.Errorf("read the trust policy: %w", err)
	}
	g.says(cloudFormation, "who may assume it")
	if err := g.quoteStatements(trust); err != nil {
		return err
	}
	attached, err := client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	if err != nil {
		return fmt.Errorf("list the attached policies: %w", err)
	}
	g.says(cloudFormation, "what they may do")
	for _, policy := range attached.AttachedPolicies {
		g.quote(aws.ToString(policy.PolicyArn))
	}
	inline, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &role})
	if err != nil {
		return fmt.Errorf("list the inline policies: %w", err)
	}
	for _, name := range inline.PolicyNames {
		g.says(cloudFormation, "and may not: %s", name)
		policy, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
		if err != nil {
			return fmt.Errorf("read the inline policy %s: %w", name, err)
		}
		document, err := url.QueryUnescape(aws.ToString(policy.PolicyDocument))
		if err != nil {
			return fmt.Errorf("read the inline policy %s: %w", name, err)
		}
		if err := g.quoteStatements(document); err != nil {
			return err
		}
	}
	return nil
}

func (g *grant) roleName() string {
	arn := g.outputs["RoleArn"]
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

// quoteStatements shows every statement of a policy, whole, a member a line.
func (g *grant) quoteStatements(document string) error {
	var policy struct {
		Statement []map[string]any
	}
	if err := json.Unmarshal([]byte(document), &policy); err != nil {
		return fmt.Errorf("read a policy: %w", err)
	}
	for i, statement := range policy.Statement {
		if i > 0 {
			g.quote(" ")
		}
		for _, member := range members(statement) {
			if actions, ok := statement[member].([]any); ok {
				text := make([]string, len(actions))
				for i, action := range actions {
					text[i] = fmt.Sprint(action)
				}
				slices.Sort(text)
				for i, line := range wrap(strings.Join(text, " "), 84) {
					g.quote(fmt.Sprintf("%-10s %s", map[bool]string{true: member}[i == 0], line))
				}
				continue
			}
			if conditions, ok := statement[member].(map[string]any); ok {
				g.quoteNested(member, conditions)
				continue
			}
			g.quote(fmt.Sprintf("%-10s %v", member, statement[member]))
		}
	}
	return nil
}

// members are the names of a statement's parts in the order in which it is read.
func members(statement map[string]any) []string {
	order := []string{"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
	var names []string
	for name := range statement {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	return names
}

// quoteNested shows a Principal or a Condition: operator, key and value.
func (g *grant) quoteNested(member string, value map[string]any) {
	var lines []string
	for operator, inner := range value {
		keys, ok := inner.(map[string]any)
		if !ok {
			lines = append(lines, fmt.Sprintf("%s %v", operator, inner))
			continue
		}
		for key, wanted := range keys {
			lines = append(lines, fmt.Sprintf("%s %s %v", operator, key, wanted))
		}
	}
	slices.Sort(lines)
	for i, line := range lines {
		g.quote(fmt.Sprintf("%-10s %s", map[bool]string{true: member}[i == 0], line))
	}
}
