package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
)

// wrongAccount opens the link that was made for the customer's account in
// another one. (It is a stranger's here; mostly it is the customer's own.)
func (g *grant) wrongAccount(ctx context.Context) error {
	g.act("The link is opened in the wrong account")
	g.says(customer, "launches %s's link, signed in to %s", customerAccount, strangerAccount)
	other := cloudformation.NewFromConfig(g.cloud.Root(strangerAccount, region))
	_, err := other.CreateStack(ctx, g.creation())
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return fmt.Errorf("launch in the wrong account: want a refusal, got %w", err)
	}
	g.check(cloudFormation, refusal.ErrorCode() == "ValidationError", "refuses the launch", refusal.ErrorCode())
	for _, line := range wrap(refusal.ErrorMessage(), textWidth) {
		g.quote(line)
	}
	there, err := other.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	if err != nil {
		return fmt.Errorf("list the stacks of account %s: %w", strangerAccount, err)
	}
	for _, stack := range there.Stacks {
		g.says(customer, "has the stack %s", aws.ToString(stack.StackName))
	}
	g.check(customer, len(there.Stacks) == 0, "has no stack there, not even a failed one", "")
	return nil
}
