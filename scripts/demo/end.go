package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"
)

// end deletes the stack and looks for anything that it left.
func (g *grant) end(ctx context.Context) error {
	g.act("The customer deletes the stack")
	made, err := g.cloudformation().DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &g.stackID})
	if err != nil {
		return fmt.Errorf("list the resources of stack %s: %w", g.stack, err)
	}
	g.says(customer, "deletes the stack")
	if _, err := g.cloudformation().DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &g.stackID}); err != nil {
		return fmt.Errorf("delete stack %s: %w", g.stack, err)
	}
	status, _, err := g.follow(ctx)
	if err != nil {
		return err
	}
	g.ended = status == string(types.StackStatusDeleteComplete)
	g.check(cloudFormation, g.ended, "done", status)
	for _, resource := range made.StackResources {
		if err := g.gone(ctx, resource); err != nil {
			return err
		}
	}
	if g.session != nil {
		g.refused(doit, "no door, with everything right", second(g.knock(ctx, *g.engineer, g.outputs["ExternalId"], g.ticket+"-jane")))
	}
	return g.recorded(ctx, "Delete", "deleted")
}

// gone looks for a resource where it lives, and not in what CloudFormation says of it.
func (g *grant) gone(ctx context.Context, resource types.StackResource) error {
	name, id := aws.ToString(resource.LogicalResourceId), resource.PhysicalResourceId
	what, isGone := "", false
	var err error
	switch aws.ToString(resource.ResourceType) {
	case "AWS::IAM::Role":
		what = "role"
		_, err = iam.NewFromConfig(g.customer).GetRole(ctx, &iam.GetRoleInput{RoleName: id})
		isGone, err = isNotFound(err, "NoSuchEntity")
	case "AWS::Lambda::Function":
		what = "function"
		_, err = lambda.NewFromConfig(g.customer).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: id})
		isGone, err = isNotFound(err, "ResourceNotFoundException")
	case "AWS::Logs::LogGroup":
		what = "log group"
		groups, listed := cloudwatchlogs.NewFromConfig(g.customer).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: id})
		isGone, err = listed == nil && len(groups.LogGroups) == 0, listed
	default:
		return nil // lives in the function or in CloudFormation
	}
	if err != nil {
		return fmt.Errorf("look for %s: %w", name, err)
	}
	g.check(customer, isGone, "no "+what, name)
	return nil
}

func isNotFound(err error, code string) (bool, error) {
	var refusal smithy.APIError
	if errors.As(err, &refusal) && refusal.ErrorCode() == code {
		return true, nil
	}
	return false, err
}
