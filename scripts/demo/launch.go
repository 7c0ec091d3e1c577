package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// launch creates the stack from the published template, which is passed unchanged.
func (g *grant) launch(ctx context.Context) error {
	g.act("The customer launches the published template")
	set := map[string]string{"TicketId": g.ticket}
	if g.endpoint != "" {
		set["RegistrationEndpoint"] = g.endpoint
	}
	g.says(customer, "%s, as published, into account %s, region %s", template.Path, g.account, g.customer.Region)
	if g.world != nil {
		g.check(customer, g.world.zip.Pin() == g.template.Pin, "the zip built here is the one that it names", g.world.zip.Digest()[:16]+"…")
	}
	for _, name := range []string{"TicketId", "RegistrationEndpoint"} {
		if value, ok := set[name]; ok {
			g.say(customer, span{plain, fmt.Sprintf("%-21s", name)}, span{faint, value})
		}
	}
	made, err := g.cloudformation().CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: &g.stack, TemplateBody: aws.String(string(g.template.Body)),
		Parameters: g.parameters(set), Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	})
	if err != nil {
		return fmt.Errorf("create stack %s: %w", g.stack, err)
	}
	g.stackID = aws.ToString(made.StackId)
	status, _, err := g.follow(ctx)
	if err != nil {
		return err
	}
	if status != string(types.StackStatusCreateComplete) {
		return fmt.Errorf("stack %s came to %s, not to CREATE_COMPLETE", g.stack, status)
	}
	return g.readOutputs(ctx)
}

func (g *grant) readOutputs(ctx context.Context) error {
	described, err := g.cloudformation().DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &g.stackID})
	if err != nil {
		return fmt.Errorf("describe stack %s: %w", g.stack, err)
	}
	g.outputs = map[string]string{}
	for _, output := range described.Stacks[0].Outputs {
		g.outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
	}
	return nil
}
