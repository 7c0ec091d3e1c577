// Command verify is the reviewer's: it rebuilds the function and compares it
// with what the committed templates name. It needs no AWS account for that.
//
// With -stack and the reviewer's own credentials, which need to read only, it
// also compares what runs in the account: the stack's template, the function,
// and what both roles allow.
//
// The exit status is 1 where anything differs, and 2 where nothing does but
// something could not be looked at.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

func main() {
	name := given.Text("stack", "STACK", "also compare what runs as the stack of this `name`")
	region := given.Text("region", "REGION", "the stack's `region`; that of the AWS configuration by default")
	if err := given.Parse(); err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	r := &report{out: os.Stdout}
	if err := run(ctx, r, *name, *region); err != nil {
		r.unseen(err)
	}
	stop()
	os.Exit(r.conclude())
}

// rights are all that -stack needs in the account, the last three with Notices on.
var rights = []string{
	"cloudformation:DescribeStacks", "cloudformation:DescribeStackResources", "cloudformation:GetTemplate",
	"iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:GetPolicy", "iam:GetPolicyVersion",
	"lambda:GetFunctionConfiguration", "lambda:GetFunctionEventInvokeConfig",
	"sns:GetTopicAttributes", "events:DescribeRule", "events:ListTargetsByRule",
}

func run(ctx context.Context, r *report, name, region string) error {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	if err := checkout(ctx, r, root); err != nil {
		return err
	}
	if name == "" {
		return nil
	}
	as, err := credentials(ctx, region)
	if err != nil {
		return err
	}
	return running(ctx, r, as, name, func(version string) ([]byte, error) { return released(root, version) })
}

func credentials(ctx context.Context, region string) (aws.Config, error) {
	as, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return aws.Config{}, fmt.Errorf("find AWS credentials: %w", err)
	}
	if region != "" {
		as.Region = region
	}
	if as.Region == "" {
		return aws.Config{}, errors.New("the stack's region is not known: give REGION=eu-west-1 or set AWS_REGION")
	}
	return as, nil
}
