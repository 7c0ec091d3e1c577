package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// dismiss takes the access away, from the session that is open too.
func (g *grant) dismiss(ctx context.Context) error {
	g.act("The customer dismisses the access")
	g.say(customer, span{plain, "updates the stack: Access "}, span{faint, "dismissed"})
	status, _, err := g.update(ctx, map[string]string{"Access": "dismissed"})
	if err != nil {
		return err
	}
	g.check(cloudFormation, status == "UPDATE_COMPLETE", "done", status)
	if g.session != nil {
		// IAM takes some seconds to tell all of AWS.
		err = g.until(ctx, func() error {
			_, err := s3.NewFromConfig(g.as(*g.session)).ListBuckets(ctx, &s3.ListBucketsInput{})
			if err == nil {
				return errors.New("the open session still reads")
			}
			return nil
		})
		if err != nil {
			g.check(doit, false, "the open session's next call", err.Error())
		} else {
			_, err = s3.NewFromConfig(g.as(*g.session)).ListBuckets(ctx, &s3.ListBucketsInput{})
			g.refused(doit, "the open session's next call", err)
		}
		g.refused(doit, "a new session, with everything right", second(g.knock(ctx, *g.engineer, g.outputs["ExternalId"], g.ticket+"-jane")))
	}
	return g.recorded(ctx, "Update", "suspended")
}

// approve gives it back.
func (g *grant) approve(ctx context.Context) error {
	g.act("The customer approves it again")
	g.say(customer, span{plain, "updates the stack: Access "}, span{faint, "approved"})
	status, _, err := g.update(ctx, map[string]string{"Access": "approved"})
	if err != nil {
		return err
	}
	g.check(cloudFormation, status == "UPDATE_COMPLETE", "done", status)
	if g.engineer != nil {
		if err := g.until(ctx, func() error {
			return second(g.knock(ctx, *g.engineer, g.outputs["ExternalId"], g.ticket+"-jane"))
		}); err != nil {
			return err
		}
		if err := g.enter(ctx); err != nil {
			return err
		}
		g.reads(ctx, "lists the account's buckets")
	}
	return g.recorded(ctx, "Update", "active")
}

// recorded shows what the endpoint took down last.
func (g *grant) recorded(ctx context.Context, requestType, status string) error {
	if g.world == nil {
		return nil
	}
	if err := g.believed(ctx, requestType); err != nil {
		return err
	}
	row, err := g.world.row(ctx, g.stackID)
	if err != nil {
		return err
	}
	g.check(doit, row.Status == status, "the registration is "+status, "")
	return nil
}
