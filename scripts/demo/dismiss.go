package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// dismiss takes the access away, from the session that is open too.
func (g *grant) dismiss(ctx context.Context) error {
	g.act("The customer dismisses the access")
	status, _, err := g.update(ctx, "Access", "dismissed")
	if err != nil {
		return err
	}
	g.check(cloudFormation, status == "UPDATE_COMPLETE", "done", "")
	_, err = s3.NewFromConfig(g.session).ListBuckets(ctx, &s3.ListBucketsInput{})
	g.refused(doit, "the open session's next call", err)
	g.refused(doit, "a new session, with everything right", g.again(ctx))
	return g.believed(ctx, "Update", registrations.Suspended)
}

// approve gives it back.
func (g *grant) approve(ctx context.Context) error {
	g.act("The customer approves it again")
	status, _, err := g.update(ctx, "Access", "approved")
	if err != nil {
		return err
	}
	g.check(cloudFormation, status == "UPDATE_COMPLETE", "done", "")
	if err := g.enter(ctx); err != nil {
		return err
	}
	g.reads(ctx)
	return g.believed(ctx, "Update", registrations.Active)
}
