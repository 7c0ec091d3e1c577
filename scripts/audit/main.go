// Command audit compares the newest SecurityAudit, AWS's managed policy, with
// the version that the template's limits were made for, and names each action
// that is new: with its service, its access level, and whether the limits
// already deny it.
//
// The newest comes from AWS, by the reviewer's own credentials, which need
// iam:GetPolicy and iam:GetPolicyVersion, or from a file: a policy's document,
// or the answer of `aws iam get-policy-version`.
//
// The exit status is 0 where nothing is new and nothing gone, 1 where something
// is, and 2 where it could not be looked at.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/doitintl/aws-ro-access/scripts/internal/given"
	"github.com/doitintl/aws-ro-access/scripts/internal/policies"
	"github.com/doitintl/aws-ro-access/scripts/internal/signin"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

func main() {
	file := given.Line("policy", "POLICY", "read the newest SecurityAudit from this `file` instead of asking AWS")
	err := given.Parse()
	differs := false
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		differs, err = run(ctx, os.Stdout, *file)
		stop()
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "audit:", err)
		os.Exit(2)
	case differs:
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, file string) (differs bool, err error) {
	published, err := template.Read()
	if err != nil {
		return false, err
	}
	limits, err := policies.ReadLimits(published)
	if err != nil {
		return false, err
	}
	known, err := policies.SecurityAudit()
	if err != nil {
		return false, err
	}
	newest, name, err := read(ctx, file)
	if err != nil {
		return false, err
	}
	reference, err := policies.ReadReference(ctx, os.Stderr)
	if err != nil {
		return false, err
	}
	change := policies.Compare(reference, known, newest)
	return report(out, change, limits, name), nil
}

// read is the newest SecurityAudit, and what to call it.
func read(ctx context.Context, file string) (policies.Document, string, error) {
	if file != "" {
		text, err := os.ReadFile(file) // #nosec G304 -- the file that was named
		if err != nil {
			return policies.Document{}, "", err
		}
		document, err := policies.Parse(text)
		if err != nil {
			return policies.Document{}, "", fmt.Errorf("%s: %w", file, err)
		}
		return document, file, nil
	}
	loaded, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion("us-east-1"))
	if err != nil {
		return policies.Document{}, "", fmt.Errorf("read the AWS configuration: %w", err)
	}
	if err := signin.Check(ctx, loaded); err != nil {
		return policies.Document{}, "", fmt.Errorf("%w; POLICY=file needs none", err)
	}
	document, version, err := ask(ctx, iam.NewFromConfig(loaded))
	if err != nil {
		return policies.Document{}, "", fmt.Errorf("ask AWS for SecurityAudit: %w", err)
	}
	return document, "version " + version, nil
}

func ask(ctx context.Context, client *iam.Client) (policies.Document, string, error) {
	arn := aws.String("arn:aws:iam::aws:policy/SecurityAudit")
	policy, err := client.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	if err != nil {
		return policies.Document{}, "", err
	}
	version, err := client.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{
		PolicyArn: arn, VersionId: policy.Policy.DefaultVersionId,
	})
	if err != nil {
		return policies.Document{}, "", err
	}
	if version.PolicyVersion == nil {
		return policies.Document{}, "", errors.New("the answer has no version")
	}
	text, err := url.QueryUnescape(aws.ToString(version.PolicyVersion.Document))
	if err != nil {
		return policies.Document{}, "", err
	}
	document, err := policies.Parse([]byte(text))
	return document, aws.ToString(policy.Policy.DefaultVersionId), err
}

// report prints the change, an action a line.
func report(out io.Writer, change policies.Change, limits policies.Limits, newest string) (differs bool) {
	line := func(format string, values ...any) {
		_, _ = fmt.Fprintf(out, format+"\n", values...) // what cannot be shown is no reason to stop
	}
	if len(change.New)+len(change.Gone)+len(change.Resources) == 0 {
		line("SecurityAudit (%s) grants what that of the limits grants, %s: nothing to do.", newest, policies.Version)
		return false
	}
	open := 0
	for _, a := range change.New {
		verdict := "NOT DENIED: read what it returns, and decide"
		if by := limits.Denial(a); by != "" {
			verdict = "denied by " + by
		} else {
			open++
		}
		line("new   %-60s %-24s %s  [%s]", a.Name, a.Level, verdict, a.Title)
	}
	for _, a := range change.Gone {
		line("gone  %-60s %-24s [%s]", a.Name, a.Level, a.Title)
	}
	for _, arn := range change.Resources {
		line("new   resource %q", arn)
	}
	line("")
	line("SecurityAudit (%s) against %s, that of the limits: %d new actions, %d of them not denied; %d gone.",
		newest, policies.Version, len(change.New), open, len(change.Gone))
	return true
}
