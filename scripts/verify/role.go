package main

import (
	"context"
	"errors"
	"fmt"
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
	attached   []string // ARNs, sorted
	inline     []string // names; the template has none
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
	var inline []string
	for _, policy := range got.inline {
		inline = append(inline, "the inline policy "+policy+" was added to the role: "+addedTo[logicalID])
	}
	r.title("%s, the role %s", logicalID, name)
	r.compare("trust", "who may assume it, and how, is what the template says", trust)
	r.compare("attached", "the policies attached to it are those of the template: "+s.calledAll(want.attached),
		s.attachedDiffers(logicalID, got.attached, want.attached))
	r.compare("inline", "it has no inline policies, like the template's", inline)
	r.compare("boundary", "its permissions boundary is that of the template: "+s.calledAll([]string{want.boundary}),
		unless(got.boundary == want.boundary, "its permissions boundary is %s, not %s: %s",
			orNone(got.boundary), orNone(want.boundary), otherBoundary[logicalID]))
	return nil
}

// What a difference means for whoever reads of it, by role.
var (
	addedTo = map[string]string{
		supportRole: "DoiT can do there what it allows, as far as the role's boundary allows the same " +
			"and the limits do not deny it",
		registrationRole: "the function can do what it allows",
	}
	otherBoundary = map[string]string{
		supportRole:      "what else is attached to the role, now or later, counts as far as that boundary lets it",
		registrationRole: "what the function can do is bounded by something else than you asked for",
	}
)

// What it means that a policy is not attached, is gone, or says something else.
var without = map[string]string{
	"SecurityAudit":         "the role reads less than it should, or nothing",
	"SupportLimits":         "secrets, people and content in SecurityAudit are not all denied",
	"ResourcePolicyLimits":  "policies of your own buckets, topics, keys and the like may let the role in",
	"AccessDismissed":       "a dismissal does not end everything",
	"AccessExpired":         "a session that is open at AccessExpires does not end then",
	"RegistrationLogAccess": "the function may do more than write its log, or not even that",
}

func (s *stack) wantedRole(logicalID string) (role, error) {
	properties, err := s.properties(logicalID)
	if err != nil {
		return role{}, err
	}
	if _, ok := properties["Policies"]; ok {
		return role{}, fmt.Errorf("%s in the template has inline policies, which are not known here", logicalID)
	}
	want := role{trust: properties["AssumeRolePolicyDocument"], maxSession: "3600"} // AWS's default
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
	return want, nil
}

func readRole(ctx context.Context, client *iam.Client, name string) (role, error) {
	found, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return role{}, fmt.Errorf("read the role %s: %w", name, err)
	}
	got := role{maxSession: fmt.Sprint(aws.ToInt32(found.Role.MaxSessionDuration))}
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
		got.inline = append(got.inline, page.PolicyNames...)
	}
	return got, nil
}

func (s *stack) attachedDiffers(logicalID string, got, want []string) []string {
	var differences []string
	for _, policy := range got {
		if !slices.Contains(want, policy) {
			differences = append(differences, fmt.Sprintf("%s is attached to the role (%s): %s",
				s.called(policy), policy, addedTo[logicalID]))
		}
	}
	for _, policy := range want {
		if !slices.Contains(got, policy) {
			differences = append(differences, fmt.Sprintf("%s is not attached to the role: %s",
				s.called(policy), without[s.called(policy)]))
		}
	}
	return differences
}

// comparePolicies looks at the stack's own managed policies: what the roles are
// denied stands in them.
func comparePolicies(ctx context.Context, r *report, client *iam.Client, s *stack) error {
	r.title("The stack's own policies")
	policies, err := s.resources("AWS::IAM::ManagedPolicy")
	if err != nil {
		return err
	}
	for _, logicalID := range policies {
		properties, err := s.properties(logicalID)
		if err != nil {
			return err
		}
		arn := s.physical[logicalID]
		document, err := readPolicy(ctx, client, arn)
		if _, ok := errors.AsType[*types.NoSuchEntityException](err); ok || arn == "" {
			r.compare(logicalID, "", []string{"it is gone: " + without[logicalID]})
			continue
		}
		if err != nil {
			return err
		}
		differences, err := policyDiffers("it", document, properties["PolicyDocument"])
		if err != nil {
			return err
		}
		r.compare(logicalID, "says what the template says", differences)
		if len(differences) > 0 {
			r.note("So %s.", without[logicalID])
		}
	}
	return nil
}

// readPolicy reads the version that counts, the default one.
func readPolicy(ctx context.Context, client *iam.Client, arn string) (any, error) {
	policy, err := client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		return nil, fmt.Errorf("read the policy %s: %w", arn, err)
	}
	version, err := client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{
		PolicyArn: &arn, VersionId: policy.Policy.DefaultVersionId,
	})
	if err != nil {
		return nil, fmt.Errorf("read the policy %s: %w", arn, err)
	}
	return decoded(aws.ToString(version.PolicyVersion.Document))
}

// called is a policy's logical ID where it is the stack's own, and its name
// otherwise.
func (s *stack) called(arn string) string {
	for logicalID, physical := range s.physical {
		if physical == arn {
			return logicalID
		}
	}
	return arn[strings.LastIndex(arn, "/")+1:]
}

func (s *stack) calledAll(arns []string) string {
	var short []string
	for _, arn := range arns {
		short = append(short, s.called(arn))
	}
	return orNone(strings.Join(short, ", "))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
