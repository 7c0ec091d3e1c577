package stack

import (
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

func TestWhatASessionMayDo(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	inside, made := s.enter(), s.made()
	roles, buckets, functions := iam.NewFromConfig(inside), s3.NewFromConfig(inside), lambda.NewFromConfig(inside)
	logs, stacks := cloudwatchlogs.NewFromConfig(inside), cloudformation.NewFromConfig(inside)
	role, function, logGroup := made["SupportRole"], made["RegistrationFunction"], made["RegistrationLogs"]

	for name, read := range map[string]func(context.Context) error{
		"list roles": func(ctx context.Context) error {
			return second(roles.ListRoles(ctx, &iam.ListRolesInput{}))
		},
		"read its own role": func(ctx context.Context) error {
			return second(roles.GetRole(ctx, &iam.GetRoleInput{RoleName: &role}))
		},
		"list buckets": func(ctx context.Context) error {
			return second(buckets.ListBuckets(ctx, &s3.ListBucketsInput{}))
		},
		"list functions": func(ctx context.Context) error {
			return second(functions.ListFunctions(ctx, &lambda.ListFunctionsInput{}))
		},
		"describe log groups": func(ctx context.Context) error {
			return second(logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{}))
		},
		"list secrets": func(ctx context.Context) error {
			return second(secretsmanager.NewFromConfig(inside).ListSecrets(ctx, &secretsmanager.ListSecretsInput{}))
		},
		"describe stacks": func(ctx context.Context) error {
			return second(stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{}))
		},
	} {
		if err := read(t.Context()); err != nil {
			t.Errorf("%s: %v, want to read it", name, err)
		}
	}

	for name, call := range map[string]func(context.Context) error{
		"open its own door": func(ctx context.Context) error {
			return second(roles.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
				RoleName: &role, PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`),
			}))
		},
		"drop its denials": func(ctx context.Context) error {
			return second(roles.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{
				RoleName: &role, PolicyArn: aws.String(made["SupportLimits"]),
			}))
		},
		"drop its boundary": func(ctx context.Context) error {
			return second(roles.DeleteRolePermissionsBoundary(ctx,
				&iam.DeleteRolePermissionsBoundaryInput{RoleName: &role}))
		},
		"make a user": func(ctx context.Context) error {
			return second(roles.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("mallory")}))
		},
		"make a bucket": func(ctx context.Context) error {
			return second(buckets.CreateBucket(ctx, &s3.CreateBucketInput{
				Bucket:                    aws.String("mallorys"),
				CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
			}))
		},
		"delete the stack": func(ctx context.Context) error {
			return second(stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &s.id}))
		},
		"read a log": func(ctx context.Context) error {
			return second(logs.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &logGroup}))
		},
		"read a log stream": func(ctx context.Context) error {
			return second(logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
				LogGroupName: &logGroup, LogStreamName: aws.String("any"),
			}))
		},
		"read the code": func(ctx context.Context) error {
			return second(functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &function}))
		},
	} {
		s.wantRefused(name, call(t.Context()))
	}
}

// Another role of the account may trust every role of it: no session goes on
// to it, and without SupportLimits it would.
func TestASessionBecomesNoOtherRole(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	other, err := iam.NewFromConfig(s.config).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("admin-" + s.name), AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17",
			"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}}`),
	})
	s.must(err)
	// To AWS that trust is enough. The emulator wants an allowance of SupportRole's own beside it.
	_, err = iam.NewFromConfig(s.config).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: aws.String(s.roleName()), PolicyName: aws.String("on"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`),
	})
	s.must(err)
	inside := s.enter()
	become := func() error {
		return second(localcloud.Assume(t.Context(), inside, &sts.AssumeRoleInput{
			RoleArn: other.Role.Arn, RoleSessionName: aws.String("mallory"),
		}))
	}
	s.wantRefused("become another role", become())
	s.detach("SupportLimits")
	if err := become(); err != nil {
		t.Errorf("become another role without SupportLimits: %v, or its refusal proves nothing", err)
	}
}

// What is attached to the role by mistake, or by somebody who means harm.
func TestWhatIsAttachedToTheRoleLaterGivesNothingBeyondSecurityAudit(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	client, role := iam.NewFromConfig(s.config), aws.String(s.roleName())
	_, err := client.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{
		RoleName: role, PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
	})
	s.must(err)
	session := s.enter()
	makes := func(user string) error {
		return second(iam.NewFromConfig(session).CreateUser(t.Context(), &iam.CreateUserInput{UserName: &user}))
	}
	if err := makes("before-" + s.name); err != nil {
		t.Errorf("make a user without the boundary: %v, or the refusal proves nothing", err)
	}
	// The emulator's CloudFormation drops what TestBothRolesTakeTheBoundary reads in the template.
	_, err = client.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{
		RoleName: role, PermissionsBoundary: aws.String(securityAudit),
	})
	s.must(err)
	s.wantRefused("make a user", makes("after-"+s.name))
	if err := s.lists(session); err != nil {
		t.Errorf("list buckets: %v, want to, since SecurityAudit grants it", err)
	}
}

// detach takes a policy of the stack's off SupportRole.
func (s *stack) detach(id string) {
	s.Helper()
	_, err := iam.NewFromConfig(s.config).DetachRolePolicy(s.Context(), &iam.DetachRolePolicyInput{
		RoleName: aws.String(s.roleName()), PolicyArn: aws.String(s.made()[id]),
	})
	s.must(err)
}

func second[T any](_ T, err error) error { return err }

func (c *customer) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}
