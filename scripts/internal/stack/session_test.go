package stack

import (
	"bytes"
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
)

// TestWhatASessionMayDo makes calls in an account whose bucket, secret,
// function and another role are open to every role of the account, by policies
// of their own.
func TestWhatASessionMayDo(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	open := s.openEverything()
	s.wantOpen(open)
	inside, made := s.enter(), s.made()
	roles, buckets, functions := iam.NewFromConfig(inside), s3.NewFromConfig(inside), lambda.NewFromConfig(inside)
	logs, secrets := cloudwatchlogs.NewFromConfig(inside), secretsmanager.NewFromConfig(inside)
	role, function, logGroup := made["SupportRole"], made["RegistrationFunction"], made["RegistrationLogs"]

	for name, read := range map[string]func(context.Context) error{
		"list roles":        func(ctx context.Context) error { return second(roles.ListRoles(ctx, &iam.ListRolesInput{})) },
		"read its own role": func(ctx context.Context) error { return second(roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})) },
		"list buckets":      func(ctx context.Context) error { return second(buckets.ListBuckets(ctx, &s3.ListBucketsInput{})) },
		"read bucket policy": func(ctx context.Context) error {
			return second(buckets.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &open.bucket}))
		},
		"list functions": func(ctx context.Context) error {
			return second(functions.ListFunctions(ctx, &lambda.ListFunctionsInput{}))
		},
		"describe log groups": func(ctx context.Context) error {
			return second(logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{}))
		},
		"list secrets": func(ctx context.Context) error {
			return second(secrets.ListSecrets(ctx, &secretsmanager.ListSecretsInput{}))
		},
		"describe stacks": func(ctx context.Context) error {
			return second(cloudformation.NewFromConfig(inside).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{}))
		},
	} {
		if err := read(t.Context()); err != nil {
			t.Errorf("%s: %v, want to read it", name, err)
		}
	}

	for name, call := range map[string]func(context.Context) error{
		// a change
		"open its own door": func(ctx context.Context) error {
			return second(roles.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &role, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`)}))
		},
		"drop its denials": func(ctx context.Context) error {
			return second(roles.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{
				RoleName: &role, PolicyArn: aws.String(made["SupportLimits"]),
			}))
		},
		"make a user": func(ctx context.Context) error {
			return second(roles.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("mallory")}))
		},
		"make a bucket": func(ctx context.Context) error {
			return second(buckets.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("mallorys"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region}}))
		},
		"change the function": func(ctx context.Context) error {
			return second(functions.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: &function, Timeout: aws.Int32(1)}))
		},
		"delete the stack": func(ctx context.Context) error {
			return second(cloudformation.NewFromConfig(inside).DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &s.id}))
		},
		// data that the resource's own policy opens
		"read an object":  func(ctx context.Context) error { return open.getObject(ctx, inside) },
		"write an object": func(ctx context.Context) error { return open.putObject(ctx, inside) },
		"delete an object": func(ctx context.Context) error {
			return second(buckets.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &open.bucket, Key: &open.object}))
		},
		"read a secret":   func(ctx context.Context) error { return open.getSecret(ctx, inside) },
		"call a function": func(ctx context.Context) error { return open.invoke(ctx, inside) },
		"become another":  func(ctx context.Context) error { return open.assume(ctx, inside) },
		// data that only SecurityAudit's restraint keeps back
		"read a log": func(ctx context.Context) error {
			return second(logs.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &logGroup}))
		},
		"read a log stream": func(ctx context.Context) error {
			return second(logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: &logGroup, LogStreamName: aws.String("any")}))
		},
		"read the code": func(ctx context.Context) error {
			return second(functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &function}))
		},
	} {
		s.wantRefused(name, call(t.Context()))
	}
}

func second[T any](_ T, err error) error { return err }

// openings are resources that a policy of their own opens to the whole account.
type openings struct{ bucket, object, secret, function, role string }

func (o openings) getObject(ctx context.Context, as aws.Config) error {
	return second(s3.NewFromConfig(as).GetObject(ctx, &s3.GetObjectInput{Bucket: &o.bucket, Key: &o.object}))
}

func (o openings) putObject(ctx context.Context, as aws.Config) error {
	return second(s3.NewFromConfig(as).PutObject(ctx, &s3.PutObjectInput{Bucket: &o.bucket, Key: &o.object, Body: bytes.NewReader(nil)}))
}

func (o openings) list(ctx context.Context, as aws.Config) error {
	return second(s3.NewFromConfig(as).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &o.bucket}))
}

func (o openings) getSecret(ctx context.Context, as aws.Config) error {
	return second(secretsmanager.NewFromConfig(as).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &o.secret}))
}

// An event that is not CloudFormation's makes no call to anybody.
func (o openings) invoke(ctx context.Context, as aws.Config) error {
	return second(lambda.NewFromConfig(as).Invoke(ctx, &lambda.InvokeInput{FunctionName: &o.function, Payload: []byte("{}")}))
}

func (o openings) assume(ctx context.Context, as aws.Config) error {
	return second(localcloud.Assume(ctx, as, &sts.AssumeRoleInput{RoleArn: &o.role, RoleSessionName: aws.String("mallory")}))
}

func (s *stack) openEverything() openings {
	s.Helper()
	ctx := s.Context()
	o := openings{bucket: "data-of-" + s.name, object: "payroll.csv", secret: "password-" + s.name, function: s.made()["RegistrationFunction"]}
	allow := func(action, resource string) *string {
		return aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":[` + action + `],"Resource":["` + resource +
			`"],"Condition":{"StringEquals":{"aws:PrincipalAccount":"` + account + `"}}}}`)
	}
	buckets := s3.NewFromConfig(s.config)
	_, err := buckets.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &o.bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region}})
	s.must(err)
	s.must(o.putObject(ctx, s.config))
	_, err = buckets.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{
		Bucket: &o.bucket, Policy: allow(`"s3:ListBucket","s3:GetObject","s3:PutObject","s3:DeleteObject"`, `arn:aws:s3:::`+o.bucket+`","arn:aws:s3:::`+o.bucket+`/*`),
	})
	s.must(err)
	secrets := secretsmanager.NewFromConfig(s.config)
	_, err = secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &o.secret, SecretString: aws.String("correct horse")})
	s.must(err)
	_, err = secrets.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: &o.secret, ResourcePolicy: allow(`"secretsmanager:GetSecretValue"`, "*")})
	s.must(err)
	_, err = lambda.NewFromConfig(s.config).AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: &o.function, StatementId: aws.String("everybody"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("*"),
	})
	s.must(err)
	made, err := iam.NewFromConfig(s.config).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("admin-" + s.name), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}}`),
	})
	s.must(err)
	o.role = *made.Role.Arn
	return o
}

// wantOpen fails unless another role of the account, without any permission
// of its own, gets at what the openings open.
func (s *stack) wantOpen(o openings) {
	s.Helper()
	other, err := cloud.Session(s.Context(), account, "other-"+s.name, "other", "sts:GetCallerIdentity")
	s.must(err)
	as := cloud.Config(region, other)
	for name, call := range map[string]func(context.Context, aws.Config) error{
		"the bucket": o.list, "the object": o.getObject, "a write": o.putObject, "the secret": o.getSecret, "the function": o.invoke,
	} {
		if err := call(s.Context(), as); err != nil {
			s.Errorf("%s is not open to another role, so a refusal would prove nothing: %v", name, err)
		}
	}
}

func (c *customer) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}
