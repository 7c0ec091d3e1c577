package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// running compares a stack with the template of its version, and what runs with
// what that template makes of the stack's parameters. The stack's own template
// decides nothing but which version it claims to be.
func running(ctx context.Context, r *report, as aws.Config, name string,
	released func(version string) ([]byte, error)) error {
	client := cloudformation.NewFromConfig(as)
	s, err := readStack(ctx, client, name)
	if err != nil {
		return err
	}
	r.title("Stack %s in %s, account %s", s.name, s.region, s.account)
	r.note("%s", s.parameterList())
	got, err := client.GetTemplate(ctx,
		&cloudformation.GetTemplateInput{StackName: &s.id, TemplateStage: types.TemplateStageOriginal})
	if err != nil {
		return fmt.Errorf("read the template of stack %s: %w", name, err)
	}
	body := []byte(aws.ToString(got.TemplateBody))
	claimed, err := template.Parse(body)
	if err != nil || claimed.Pin.Version == "" {
		r.compare("template", "", []string{"the stack's template is none of DoiT's, and names no version"})
		return nil
	}
	wanted, err := released(claimed.Pin.Version)
	if err != nil {
		return err
	}
	// CloudFormation may drop what is white at the end of the text.
	var differences []string
	for _, difference := range bodyDiffers(body, wanted) {
		differences = append(differences, fmt.Sprintf("is not that of version %s: %s", claimed.Pin.Version, difference))
	}
	r.compare("template", fmt.Sprintf("is version %s, byte for byte", claimed.Pin.Version), differences)
	if s.template, err = parse(wanted); err != nil {
		return err
	}

	// What cannot be seen of one does not keep the others from being looked at.
	roles, functions := iam.NewFromConfig(as), lambda.NewFromConfig(as)
	for _, look := range []func() error{
		func() error { return compareRole(ctx, r, roles, s, supportRole) },
		func() error { return comparePolicies(ctx, r, roles, s) },
		func() error { return compareFunction(ctx, r, functions, s) },
		func() error { return compareRole(ctx, r, roles, s, registrationRole) },
		func() error { return compareNotices(ctx, r, as, s) },
	} {
		if err := look(); err != nil {
			r.unseen(err)
		}
	}
	return nil
}

func readStack(ctx context.Context, client *cloudformation.Client, name string) (*stack, error) {
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return nil, fmt.Errorf("find the stack %s: %w", name, err)
	}
	if len(described.Stacks) != 1 {
		return nil, fmt.Errorf("find the stack %s: there are %d", name, len(described.Stacks))
	}
	found := described.Stacks[0]
	if status := string(found.StackStatus); strings.HasSuffix(status, "_IN_PROGRESS") {
		return nil, fmt.Errorf("the stack %s is being changed (%s): look again when it is done", name, status)
	}
	id, err := arn.Parse(aws.ToString(found.StackId))
	if err != nil {
		return nil, fmt.Errorf("the stack %s has the ID %q: %w", name, aws.ToString(found.StackId), err)
	}
	s := &stack{
		id: id.String(), name: aws.ToString(found.StackName),
		partition: id.Partition, region: id.Region, account: id.AccountID,
		parameters: map[string]string{}, physical: map[string]string{},
	}
	for _, p := range found.Parameters {
		s.parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	resources, err := client.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &s.id})
	if err != nil {
		return nil, fmt.Errorf("list the resources of stack %s: %w", name, err)
	}
	for _, resource := range resources.StackResources {
		s.physical[aws.ToString(resource.LogicalResourceId)] = aws.ToString(resource.PhysicalResourceId)
	}
	if len(s.physical) == 0 {
		return nil, errors.New("the stack " + name + " has no resources")
	}
	return s, nil
}

// parameterList leaves the external ID out, which is never printed.
func (s *stack) parameterList() string {
	var list []string
	for _, name := range []string{"TicketId", "Access", "AccessExpires", "Notices", "PermissionsBoundary", "AccountId",
		"RegistrationEndpoint"} {
		if value := s.parameters[name]; value != "" {
			list = append(list, name+"="+value)
		}
	}
	return strings.Join(list, "  ")
}
