// Command verify is the reviewer's: it rebuilds the function and compares it
// with what the committed templates name. It needs no AWS account for that.
//
// With -template it says which version a downloaded file is, and with -link what
// a link names and presets, both without a network. With -stack and the
// reviewer's own credentials, which need to read only (rights), it also compares
// what runs in the account: the stack's template, the function, both roles with
// their policies, and the notices.
//
// The exit status is 1 where anything differs, and 2 where nothing does but
// something could not be looked at. (That of make is 2 for both, and names the
// program's.)
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/signin"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

func main() {
	download := given.Line("template", "TEMPLATE", "also say which version this downloaded `file` is")
	link := given.Line("link", "LINK", "also say what this `link` names and presets")
	name := given.Text(
		"stack",
		"STACK",
		"also compare what runs as the stack of this `name`, with credentials that may "+
			strings.Join(rights, ", "),
	)
	region := given.Text("region", "REGION", "the stack's `region`; that of the AWS configuration by default")
	if err := given.Parse(); err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	r := &report{out: os.Stdout}
	if err := run(ctx, r, asked{download: *download, link: *link, stack: *name, region: *region}); err != nil {
		r.unseen(err)
	}
	stop()
	os.Exit(r.conclude())
}

// asked is what is looked at beside the checkout, where it is given.
type asked struct{ download, link, stack, region string }

// rights are all that -stack needs in the account, the last three with Notices on.
var rights = []string{
	"cloudformation:DescribeStacks", "cloudformation:DescribeStackResources", "cloudformation:GetTemplate",
	"iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:GetPolicy", "iam:GetPolicyVersion",
	"lambda:GetFunctionConfiguration", "lambda:GetFunctionEventInvokeConfig",
	"sns:GetTopicAttributes", "events:DescribeRule", "events:ListTargetsByRule",
}

func run(ctx context.Context, r *report, a asked) error {
	root, err := repo.Root()
	if err != nil {
		return err
	}
	all, err := editions(root)
	if err != nil {
		return err
	}
	// What cannot be seen of one does not keep the others from being looked at.
	for _, look := range []struct {
		wanted bool
		at     func() error
	}{
		{true, func() error { return checkout(ctx, r, root, all[0]) }},
		{a.download != "", func() error { return compareDownload(r, all, a.download) }},
		{a.link != "", func() error { return compareLink(r, root, all, a.link, time.Now()) }},
		{a.stack != "", func() error { return compareStack(ctx, r, all, a) }},
	} {
		if !look.wanted {
			continue
		}
		if err := look.at(); err != nil {
			r.unseen(err)
		}
	}
	return nil
}

func compareStack(ctx context.Context, r *report, all []edition, a asked) error {
	as, err := credentials(ctx, a.region)
	if err != nil {
		return err
	}
	return running(ctx, r, as, a.stack, func(version string) ([]byte, error) {
		e, err := of(all, version)
		return e.files[template.Path], err
	})
}

func credentials(ctx context.Context, region string) (aws.Config, error) {
	as, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return aws.Config{}, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if region != "" {
		as.Region = region
	}
	if as.Region == "" {
		return aws.Config{}, errors.New("the stack's region is not known: give REGION=eu-west-1 or set AWS_REGION")
	}
	return as, signin.Check(ctx, as)
}
