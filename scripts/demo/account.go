package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// realAccount lets the play happen in the account of the credentials in the
// environment. engineer names a profile with a role of DoiT's; without one
// nothing is shown of the door and behind it.
func (g *grant) realAccount(ctx context.Context, region, engineer string) (err error) {
	if g.customer, err = config.LoadDefaultConfig(ctx, config.WithRegion(region)); err != nil {
		return fmt.Errorf("find credentials of a real account: %w", err)
	}
	caller, err := sts.NewFromConfig(g.customer).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return fmt.Errorf("ask AWS whose credentials these are: %w", err)
	}
	g.account = aws.ToString(caller.Account)
	if engineer != "" {
		profile, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithSharedConfigProfile(engineer))
		if err != nil {
			return fmt.Errorf("find the credentials of -engineer %s: %w", engineer, err)
		}
		g.engineer = &profile
	}
	// A stack of that name is somebody's, and would be theirs to delete.
	_, err = g.cloudformation().DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &g.stack})
	var missing smithy.APIError
	switch {
	case err == nil:
		return fmt.Errorf("account %s has a stack %s already: name another with -stack", g.account, g.stack)
	case errors.As(err, &missing) && missing.ErrorCode() == "ValidationError":
		return nil
	}
	return fmt.Errorf("look for a stack %s: %w", g.stack, err)
}

// remove deletes the stack that this run made, by its ID, where the play ended
// before its own end.
func (g *grant) remove(ctx context.Context) error {
	if g.stackID == "" || g.ended || g.world != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
	defer cancel()
	g.says(customer, "deletes the stack, since the play ended early")
	if err := g.rest(ctx); err != nil {
		return fmt.Errorf("delete %s by hand: %w", g.stackID, err)
	}
	if _, err := g.cloudformation().DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &g.stackID}); err != nil {
		return fmt.Errorf("delete %s by hand: %w", g.stackID, err)
	}
	status, _, err := g.follow(ctx)
	if err == nil && status != "DELETE_COMPLETE" {
		err = fmt.Errorf("it came to %s", status)
	}
	if err != nil {
		return fmt.Errorf("delete %s by hand: %w", g.stackID, err)
	}
	return nil
}

// rest waits until nothing happens to the stack any more: AWS refuses to delete
// one in the middle of an update. What happened meanwhile is not shown.
func (g *grant) rest(ctx context.Context) error {
	for {
		described, err := g.cloudformation().DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &g.stackID})
		if err != nil {
			return err
		}
		if !strings.HasSuffix(string(described.Stacks[0].StackStatus), "_IN_PROGRESS") {
			_, err := g.newEvents(ctx)
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(g.pause):
		}
	}
}

// until tries again while AWS has not heard of a change everywhere.
func (g *grant) until(ctx context.Context, try func() error) error {
	for end := time.Now().Add(30 * g.pause); ; {
		err := try()
		if err == nil || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(g.pause):
		}
	}
}
