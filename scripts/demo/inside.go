package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// inside shows what the session can read, and what it cannot although
// SecurityAudit alone would allow it.
func (g *grant) inside(ctx context.Context) error {
	g.act("Inside: the settings, and nothing else")
	roles, err := iam.NewFromConfig(g.session).ListRoles(ctx, &iam.ListRolesInput{MaxItems: aws.Int32(100)})
	seen := ""
	if err == nil {
		seen = fmt.Sprintf("%d seen", len(roles.Roles))
	}
	g.allowed(doit, "lists the account's roles", seen, err)
	g.reads(ctx)

	role := g.made["SupportRole"]
	_, err = iam.NewFromConfig(g.session).UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
		RoleName: &role, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`),
	})
	g.refused(doit, "may not change its own trust policy", err)
	err = listAPIKeys(ctx, g.session, g.valuables.api)
	g.refused(doit, "may not list API keys (SupportLimits)", err)
	return nil
}

// reads is a call that SecurityAudit grants.
func (g *grant) reads(ctx context.Context) {
	buckets, err := s3.NewFromConfig(g.session).ListBuckets(ctx, &s3.ListBucketsInput{})
	seen := ""
	if err == nil {
		seen = fmt.Sprintf("%d seen", len(buckets.Buckets))
	}
	g.allowed(doit, "lists its buckets", seen, err)
}

// opened shows what resources with a policy of their own give to every role of
// the account: to this one, nothing.
func (g *grant) opened(ctx context.Context) error {
	g.act("What opens to every role of the account does not open to this one")
	topic := g.valuables.topic
	publish := func(as aws.Config) error {
		hello := &sns.PublishInput{TopicArn: &topic, Message: aws.String("hello")}
		return second(sns.NewFromConfig(as).Publish(ctx, hello))
	}
	g.allowed(customer, "a role without rights writes to a topic", "taken", publish(g.bystander))
	attributes := &sns.GetTopicAttributesInput{TopicArn: &topic}
	_, err := sns.NewFromConfig(g.session).GetTopicAttributes(ctx, attributes)
	g.allowed(doit, "reads the topic's settings", "", err)
	g.refused(doit, "may not write to the topic", publish(g.session))

	object := func(as aws.Config) error {
		return second(s3.NewFromConfig(as).GetObject(ctx, &s3.GetObjectInput{
			Bucket: &g.valuables.bucket, Key: &g.valuables.object,
		}))
	}
	g.allowed(customer, "that role reads an object of a bucket", "read", object(g.bystander))
	g.refused(doit, "may not read the object", object(g.session))
	secret := func(as aws.Config) error {
		return second(secretsmanager.NewFromConfig(as).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
			SecretId: &g.valuables.secret,
		}))
	}
	g.allowed(customer, "that role reads a secret", "read", secret(g.bystander))
	g.refused(doit, "may not read the secret", secret(g.session))
	return nil
}
