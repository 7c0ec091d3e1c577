package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// The stack's two roles.
const (
	supportRole      = "SupportRole"
	registrationRole = "RegistrationRole"
)

// role is what decides what a role may do and who may assume it.
type role struct {
	trust      any
	attached   []string       // ARNs, sorted
	inline     map[string]any // documents by name
	boundary   string
	maxSession string // seconds
}

func compareRole(ctx context.Context, r *report, client *iam.Client, s *stack, logicalID string) error {
	want, err := s.wantedRole(logicalID)
	if err != nil {
		return err
	}
	name := s.physical[logicalID]
	got, err := readRole(ctx, client, name)
	if _, ok := errors.AsType[*types.NoSuchEntityException](err); ok || name == "" {
		r.compare(logicalID, "", []string{"the role " + name + " is gone"})
		return nil
	}
	if err != nil {
		return err
	}
	trust, err := policyDiffers("the trust policy", got.trust, want.trust)
	if err != nil {
		return err
	}
	if got.maxSession != want.maxSession {
		trust = append(trust, fmt.Sprintf("sessions last up to %s seconds, not %s", got.maxSession, want.maxSession))
	}
	inline, err := inlineDiffers(got.inline, want.inline)
	if err != nil {
		return err
	}
	r.title("%s, the role %s", logicalID, name)
	r.compare("trust", "who may assume it, and how, is what the template says", trust)
	r.compare("attached", "the policies attached to it are those of the template: "+list(want.attached), attachedDiffers(got.attached, want.attached))
	r.compare("inline", "its inline policies are those of the template: "+list(slices.Sorted(maps.Keys(want.inline))), inline)
	r.compare("boundary", "its permissions boundary is that of the template: "+orNone(want.boundary),
		unless(got.boundary == want.boundary, "its permissions boundary is %s, not %s", orNone(got.boundary), orNone(want.boundary)))
	return nil
}

func (s *stack) wantedRole(logicalID string) (role, error) {
	properties, err := s.properties(logicalID)
	if err != nil {
		return role{}, err
	}
	want := role{trust: properties["AssumeRolePolicyDocument"], inline: map[string]any{}, maxSession: "3600"} // AWS's default
	if given, ok := properties["MaxSessionDuration"]; ok {
		want.maxSession = fmt.Sprint(given)
	}
	if given, ok := properties["PermissionsBoundary"]; ok {
		want.boundary = fmt.Sprint(given)
	}
	attached, _ := properties["ManagedPolicyArns"].([]any)
	for _, policy := range attached {
		want.attached = append(want.attached, fmt.Sprint(policy))
	}
	slices.Sort(want.attached)
	inline, _ := properties["Policies"].([]any)
	for _, item := range inline {
		policy, ok := item.(map[string]any)
		if !ok {
			return role{}, fmt.Errorf("a policy of %s in the template is no mapping", logicalID)
		}
		want.inline[fmt.Sprint(policy["PolicyName"])] = policy["PolicyDocument"]
	}
	return want, nil
}

func readRole(ctx context.Context, client *iam.Client, name string) (role, error) {
	found, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return role{}, fmt.Errorf("read the role %s: %w", name, err)
	}
	got := role{inline: map[string]any{}, maxSession: fmt.Sprint(aws.ToInt32(found.Role.MaxSessionDuration))}
	if boundary := found.Role.PermissionsBoundary; boundary != nil {
		got.boundary = aws.ToString(boundary.PermissionsBoundaryArn)
	}
	if got.trust, err = decoded(aws.ToString(found.Role.AssumeRolePolicyDocument)); err != nil {
		return role{}, fmt.Errorf("read the role %s: %w", name, err)
	}
	attached := iam.NewListAttachedRolePoliciesPaginator(client, &iam.ListAttachedRolePoliciesInput{RoleName: &name})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return role{}, fmt.Errorf("list the policies attached to the role %s: %w", name, err)
		}
		for _, policy := range page.AttachedPolicies {
			got.attached = append(got.attached, aws.ToString(policy.PolicyArn))
		}
	}
	slices.Sort(got.attached)
	inline := iam.NewListRolePoliciesPaginator(client, &iam.ListRolePoliciesInput{RoleName: &name})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return role{}, fmt.Errorf("list the inline policies of the role %s: %w", name, err)
		}
		for _, policy := range page.PolicyNames {
			if got.inline[policy], err = readInline(ctx, client, name, policy); err != nil {
				return role{}, err
			}
		}
	}
	return got, nil
}

func readInline(ctx context.Context, client *iam.Client, role, policy string) (any, error) {
	found, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &policy})
	if err != nil {
		return nil, fmt.Errorf("read the inline policy %s of the role %s: %w", policy, role, err)
	}
	return decoded(aws.ToString(found.PolicyDocument))
}

func attachedDiffers(got, want []string) []string {
	var differences []string
	for _, policy := range got {
		if !slices.Contains(want, policy) {
			differences = append(differences, policyName(policy)+" is attached to the role ("+policy+")")
		}
	}
	for _, policy := range want {
		if !slices.Contains(got, policy) {
			differences = append(differences, policyName(policy)+" is not attached to the role")
		}
	}
	return differences
}

func inlineDiffers(got, want map[string]any) ([]string, error) {
	var differences []string
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			differences = append(differences, "the inline policy "+name+" was added to the role")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		document, ok := got[name]
		if !ok {
			differences = append(differences, gone(name, want[name]))
			continue
		}
		more, err := policyDiffers("the inline policy "+name, document, want[name])
		if err != nil {
			return nil, err
		}
		differences = append(differences, more...)
	}
	return differences, nil
}

func gone(name string, document any) string {
	all, err := statements(document)
	denies := func(s statement) bool { return slices.Equal(s["Effect"], []string{"Deny"}) }
	if err == nil && !slices.ContainsFunc(all, func(s statement) bool { return !denies(s) }) {
		return "the inline denials are gone (" + name + ")"
	}
	return "the inline policy " + name + " is gone"
}

func policyName(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

func list(names []string) string {
	var short []string
	for _, name := range names {
		short = append(short, policyName(name))
	}
	return orNone(strings.Join(short, ", "))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
