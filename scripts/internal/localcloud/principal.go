package localcloud

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// User makes an IAM user in the account that may do these actions on
// everything, and returns an access key of it.
func (c *Cloud) User(ctx context.Context, account, name string, actions ...string) (aws.Credentials, error) {
	client := iam.NewFromConfig(c.Root(account, "us-east-1"))
	if _, err := client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		return aws.Credentials{}, fmt.Errorf("make the user %s in account %s: %w", name, account, err)
	}
	if _, err := client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{
		UserName: &name, PolicyName: aws.String("work"), PolicyDocument: allow(actions),
	}); err != nil {
		return aws.Credentials{}, fmt.Errorf("give the user %s in account %s its policy: %w", name, account, err)
	}
	made, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("make an access key of %s in account %s: %w", name, account, err)
	}
	return aws.Credentials{
		AccessKeyID:     aws.ToString(made.AccessKey.AccessKeyId),
		SecretAccessKey: aws.ToString(made.AccessKey.SecretAccessKey),
	}, nil
}

// Session makes a role in the account that may do these actions on everything,
// and returns a session of it, as an engineer or a service of that account has.
func (c *Cloud) Session(
	ctx context.Context, account, role, session string, actions ...string,
) (aws.Credentials, error) {
	client := iam.NewFromConfig(c.Root(account, "us-east-1"))
	made, err := client.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: &role, AssumeRolePolicyDocument: document(map[string]any{
			"Effect": "Allow", "Action": "sts:AssumeRole",
			"Principal": map[string]string{"AWS": "arn:aws:iam::" + account + ":root"},
		}),
	})
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("make the role %s in account %s: %w", role, account, err)
	}
	if _, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: &role, PolicyName: aws.String("work"), PolicyDocument: allow(actions),
	}); err != nil {
		return aws.Credentials{}, fmt.Errorf("give the role %s in account %s its policy: %w", role, account, err)
	}
	// Root users cannot assume roles, so somebody else takes the first step.
	user, err := c.User(ctx, account, role+"-user", "sts:AssumeRole")
	if err != nil {
		return aws.Credentials{}, err
	}
	return Assume(ctx, c.Config("us-east-1", user), &sts.AssumeRoleInput{
		RoleArn: made.Role.Arn, RoleSessionName: &session,
	})
}

// Assume assumes a role and returns the session's credentials.
func Assume(ctx context.Context, as aws.Config, input *sts.AssumeRoleInput) (aws.Credentials, error) {
	answer, err := sts.NewFromConfig(as).AssumeRole(ctx, input)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("assume %s: %w", aws.ToString(input.RoleArn), err)
	}
	return aws.Credentials{
		AccessKeyID:     aws.ToString(answer.Credentials.AccessKeyId),
		SecretAccessKey: aws.ToString(answer.Credentials.SecretAccessKey),
		SessionToken:    aws.ToString(answer.Credentials.SessionToken),
		CanExpire:       true,
		Expires:         aws.ToTime(answer.Credentials.Expiration),
	}, nil
}

func allow(actions []string) *string {
	return document(map[string]any{"Effect": "Allow", "Action": actions, "Resource": "*"})
}

func document(statement map[string]any) *string {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statement})
	if err != nil {
		panic(err) // only strings go in
	}
	return aws.String(string(text))
}
