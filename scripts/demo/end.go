package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// end deletes the stack and looks for anything that it left.
func (g *grant) end(ctx context.Context) error {
	g.act("The customer deletes the stack")
	made, err := g.resources(ctx)
	if err != nil {
		return err
	}
	g.says(customer, "deletes the stack")
	_, err = g.cloudformation().DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &g.stackID})
	if err != nil {
		return fmt.Errorf("delete stack %s: %w", stackName, err)
	}
	status, _, err := g.follow(ctx)
	if err != nil {
		return err
	}
	g.check(cloudFormation, status == string(types.StackStatusDeleteComplete), "done", "")
	for _, resource := range made {
		if err := g.gone(ctx, resource); err != nil {
			return err
		}
	}
	g.refused(doit, "no door, with everything right", g.again(ctx))
	return g.believed(ctx, "Delete", registrations.Deleted)
}

// gone looks for a resource where it lives, and not in what CloudFormation says of it.
func (g *grant) gone(ctx context.Context, resource types.StackResource) error {
	name, id := aws.ToString(resource.LogicalResourceId), resource.PhysicalResourceId
	what := ""
	var err error
	switch aws.ToString(resource.ResourceType) {
	case "AWS::IAM::Role":
		what = "role"
		_, err = iam.NewFromConfig(g.customer).GetRole(ctx, &iam.GetRoleInput{RoleName: id})
	case "AWS::IAM::ManagedPolicy":
		what = "policy"
		_, err = iam.NewFromConfig(g.customer).GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: id})
	case "AWS::Lambda::Function":
		what = "function"
		_, err = lambda.NewFromConfig(g.customer).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: id})
	case "AWS::SNS::Topic":
		what = "topic"
		_, err = sns.NewFromConfig(g.customer).GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: id})
	case "AWS::Events::Rule":
		what = "rule"
		_, err = eventbridge.NewFromConfig(g.customer).DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: id})
	case "AWS::Logs::LogGroup":
		what = "log group"
		logs := cloudwatchlogs.NewFromConfig(g.customer)
		_, err = logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String(
			"arn:aws:logs:" + region + ":" + customerAccount + ":log-group:" + aws.ToString(id))})
	default:
		return nil // lives in one of these, or in CloudFormation
	}
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("look for %s: %w", name, err)
	}
	g.check(customer, err != nil, "has no "+what, name)
	return nil
}

// isNotFound knows the words of all services that are asked here.
func isNotFound(err error) bool {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.ErrorCode() {
	case "NoSuchEntity", "ResourceNotFoundException", "NotFound":
		return true
	}
	return false
}
