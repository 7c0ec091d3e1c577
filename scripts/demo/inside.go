package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// inside shows what the session can read, and what it is refused although
// SecurityAudit, or the resource's own policy, would allow it.
func (g *grant) inside(ctx context.Context) error {
	g.act("Inside: the configuration, and nothing else")
	if g.session == nil {
		g.says(doit, "needs DoiT's engineer")
		return nil
	}
	inside := g.as(*g.session)
	roles, err := iam.NewFromConfig(inside).ListRoles(ctx, &iam.ListRolesInput{MaxItems: aws.Int32(100)})
	seen := ""
	if err == nil {
		seen = fmt.Sprintf("%d seen", len(roles.Roles))
	}
	g.allowed(doit, "lists the account's roles", seen, err)
	g.reads(ctx, "lists its buckets")

	role := g.roleName()
	_, err = iam.NewFromConfig(inside).UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
		RoleName: &role, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`),
	})
	g.refused(doit, "is refused a change: its own trust policy", err)
	_, err = s3.NewFromConfig(inside).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(g.valuables().bucket), Key: aws.String(g.valuables().object)})
	g.refused(doit, "is refused an object"+g.valuables().open, err)
	_, err = secretsmanager.NewFromConfig(inside).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(g.valuables().secret)})
	g.refused(doit, "is refused a secret"+g.valuables().open, err)
	g.refused(doit, "is refused an API key, which SecurityAudit alone would show", listAPIKeys(ctx, inside, g.valuables().api))
	return nil
}

// reads is a call that SecurityAudit grants.
func (g *grant) reads(ctx context.Context, what string) {
	buckets, err := s3.NewFromConfig(g.as(*g.session)).ListBuckets(ctx, &s3.ListBucketsInput{})
	seen := ""
	if err == nil {
		seen = fmt.Sprintf("%d seen", len(buckets.Buckets))
	}
	g.allowed(doit, what, seen, err)
}

// valuables are what a session must not get at.
type valuables struct {
	bucket, object, secret, api string
	open                        string // what makes them worse than usual
}

// valuables in a real account are not made, and need not exist: AWS refuses
// before it looks. The bucket is the one that holds the function's code.
func (g *grant) valuables() valuables {
	if g.world != nil {
		return g.world.valuables
	}
	return valuables{
		bucket: g.template.DoiT["aws"].Bucket(g.customer.Region), object: g.template.Pin.Key,
		secret: "arn:aws:secretsmanager:" + g.customer.Region + ":" + g.account + ":secret:any-AbCdEf", api: "any",
	}
}
