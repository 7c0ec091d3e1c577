package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const shownDigits = 16 // of a zip's digest

// creation is the published template, passed on unchanged, with what a link
// presets. The endpoint's address is this machine's.
func (g *grant) creation() *cloudformation.CreateStackInput {
	return &cloudformation.CreateStackInput{
		StackName: aws.String(stackName), TemplateBody: aws.String(string(g.template.Body)),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		Parameters: []types.Parameter{
			{ParameterKey: aws.String("TicketId"), ParameterValue: aws.String(ticket)},
			{ParameterKey: aws.String("AccountId"), ParameterValue: aws.String(customerAccount)},
			{ParameterKey: aws.String("Notices"), ParameterValue: aws.String("on")},
			{ParameterKey: aws.String("RegistrationEndpoint"), ParameterValue: &g.registrationURL},
		},
	}
}

// launch creates the stack.
func (g *grant) launch(ctx context.Context) error {
	g.act("The customer launches the published template")
	input := g.creation()
	g.says(customer, "%s, as published, in %s", template.Path, customerAccount)
	built := g.zip.Digest()[:shownDigits] + "…"
	g.check(customer, g.zip.Pin() == g.template.Pin, "the zip built here is the one that it names", built)
	for _, p := range input.Parameters {
		name, value := aws.ToString(p.ParameterKey), aws.ToString(p.ParameterValue)
		g.say(customer, span{plain, fmt.Sprintf("%-20s ", name)}, span{faint, value})
	}
	created, err := g.cloudformation().CreateStack(ctx, input)
	if err != nil {
		return fmt.Errorf("create stack %s: %w", stackName, err)
	}
	g.stackID = aws.ToString(created.StackId)
	status, _, err := g.follow(ctx)
	if err != nil {
		return err
	}
	if status != string(types.StackStatusCreateComplete) {
		return fmt.Errorf("stack %s came to %s, not to CREATE_COMPLETE", stackName, status)
	}
	return g.look(ctx)
}

// look reads what the stack says of itself.
func (g *grant) look(ctx context.Context) error {
	described, err := g.cloudformation().DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &g.stackID})
	if err != nil {
		return fmt.Errorf("describe stack %s: %w", stackName, err)
	}
	g.outputs = map[string]string{}
	for _, output := range described.Stacks[0].Outputs {
		g.outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
	}
	resources, err := g.resources(ctx)
	if err != nil {
		return err
	}
	g.made = map[string]string{}
	for _, resource := range resources {
		g.made[aws.ToString(resource.LogicalResourceId)] = aws.ToString(resource.PhysicalResourceId)
	}
	return nil
}

func (g *grant) resources(ctx context.Context) ([]types.StackResource, error) {
	list, err := g.cloudformation().DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{
		StackName: &g.stackID,
	})
	if err != nil {
		return nil, fmt.Errorf("list the resources of stack %s: %w", stackName, err)
	}
	return list.StackResources, nil
}
