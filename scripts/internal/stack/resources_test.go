package stack

import (
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/doitintl/aws-ro-access/scripts/internal/policies"
)

// A policy as IAM has it.
type (
	policy    = policies.Document
	statement = policies.Statement
	list      = policies.List
)

func (c *customer) parse(document *string) (p policy) {
	c.Helper()
	text, err := url.QueryUnescape(aws.ToString(document))
	if err != nil {
		c.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		c.Fatal(err)
	}
	return p
}

// trust is the policy that says who may assume a role.
func (c *customer) trust(role string) policy {
	c.Helper()
	got, err := iam.NewFromConfig(c.config).GetRole(c.Context(), &iam.GetRoleInput{RoleName: &role})
	if err != nil {
		c.Fatal(err)
	}
	return c.parse(got.Role.AssumeRolePolicyDocument)
}

// wantAttached fails unless a role has these managed policies, by logical ID
// or by ARN, and no inline policy: some companies' automation strips those.
func (s *stack) wantAttached(role string, want ...string) {
	s.Helper()
	made, arns := s.made(), s.attached(role)
	for i, id := range want {
		if arn, ok := made[id]; ok {
			want[i] = arn
		}
	}
	if slices.Sort(arns); !slices.Equal(arns, slices.Sorted(slices.Values(want))) {
		s.Errorf("attached to %s is %q, want %q", role, arns, want)
	}
	inline, err := iam.NewFromConfig(s.config).ListRolePolicies(s.Context(), &iam.ListRolePoliciesInput{
		RoleName: &role,
	})
	s.must(err)
	if len(inline.PolicyNames) != 0 {
		s.Errorf("%s has the inline policies %q, want none", role, inline.PolicyNames)
	}
}

// attached are the managed policies of a role.
func (c *customer) attached(role string) (arns []string) {
	c.Helper()
	got, err := iam.NewFromConfig(c.config).ListAttachedRolePolicies(c.Context(), &iam.ListAttachedRolePoliciesInput{
		RoleName: &role,
	})
	c.must(err)
	for _, policy := range got.AttachedPolicies {
		arns = append(arns, *policy.PolicyArn)
	}
	return arns
}

// policy is a managed policy as IAM has it.
func (c *customer) policy(arn string) (p policy) {
	c.Helper()
	c.must(json.Unmarshal([]byte(c.managed(arn)), &p))
	return p
}

// made are the physical IDs of the stack's resources.
func (s *stack) made() map[string]string {
	s.Helper()
	got, err := s.cloudformation().DescribeStackResources(s.Context(), &cloudformation.DescribeStackResourcesInput{
		StackName: &s.id,
	})
	if err != nil {
		s.Fatal(err)
	}
	ids := map[string]string{}
	for _, resource := range got.StackResources {
		ids[*resource.LogicalResourceId] = aws.ToString(resource.PhysicalResourceId)
	}
	return ids
}

func (c *customer) roles() (names []string) {
	c.Helper()
	for pages := iam.NewListRolesPaginator(iam.NewFromConfig(c.config), &iam.ListRolesInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(c.Context())
		c.must(err)
		for _, role := range page.Roles {
			names = append(names, *role.RoleName)
		}
	}
	return names
}

// policies are the ARNs of the account's own managed policies.
func (c *customer) policies() (arns []string) {
	c.Helper()
	own := &iam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal}
	for pages := iam.NewListPoliciesPaginator(iam.NewFromConfig(c.config), own); pages.HasMorePages(); {
		page, err := pages.NextPage(c.Context())
		c.must(err)
		for _, policy := range page.Policies {
			arns = append(arns, *policy.Arn)
		}
	}
	return arns
}

func (c *customer) functions() (names []string) {
	c.Helper()
	pages := lambda.NewListFunctionsPaginator(lambda.NewFromConfig(c.config), &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(c.Context())
		c.must(err)
		for _, function := range page.Functions {
			names = append(names, *function.FunctionName)
		}
	}
	return names
}

func (c *customer) logGroups() (names []string) {
	c.Helper()
	client := cloudwatchlogs.NewFromConfig(c.config)
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(client, &cloudwatchlogs.DescribeLogGroupsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(c.Context())
		c.must(err)
		for _, group := range page.LogGroups {
			names = append(names, *group.LogGroupName)
		}
	}
	return names
}

func TestWhatAStackMakes(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket, "AccessExpires": "2099-12-31T00:00:00Z"})
	made := s.made()

	t.Run("SupportRole", func(t *testing.T) {
		got, err := iam.NewFromConfig(s.config).GetRole(t.Context(), &iam.GetRoleInput{
			RoleName: aws.String(made["SupportRole"]),
		})
		if err != nil {
			t.Fatal(err)
		}
		if *got.Role.Path != "/doit/" || *got.Role.MaxSessionDuration != 3600 {
			t.Errorf("path %s, sessions of %d s; want /doit/ and 3600", *got.Role.Path, *got.Role.MaxSessionDuration)
		}
		want := []statement{{
			Effect: "Allow", Action: list{"sts:AssumeRole"},
			Principal: map[string]any{"AWS": "arn:aws:iam::" + doitAccount + ":root"},
			Condition: map[string]map[string]any{
				"StringEquals": {"sts:ExternalId": nameOf(s.id), "aws:PrincipalType": "AssumedRole"},
				"StringLike":   {"sts:RoleSessionName": openTicket + "-*"},
				"DateLessThan": {"aws:CurrentTime": "2099-12-31T00:00:00Z"},
			},
		}}
		if trust := s.trust(made["SupportRole"]).Statement; !reflect.DeepEqual(trust, want) {
			t.Errorf("the trust policy is\n\t%+v, want\n\t%+v", trust, want)
		}
		s.wantAttached(made["SupportRole"], "SupportLimits", "ResourcePolicyLimits", securityAudit, "AccessExpired")
		for _, id := range []string{"SupportLimits", "ResourcePolicyLimits", "AccessDismissed", "AccessExpired"} {
			for _, statement := range s.policy(made[id]).Statement {
				if statement.Effect != "Deny" {
					t.Errorf("statement %s of %s is %s, want Deny", statement.Sid, id, statement.Effect)
				}
			}
		}
	})

	t.Run("RegistrationFunction", func(t *testing.T) {
		client := lambda.NewFromConfig(s.config)
		got, err := client.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{
			FunctionName: aws.String(made["RegistrationFunction"]),
		})
		if err != nil {
			t.Fatal(err)
		}
		x86 := []lambdatypes.Architecture{lambdatypes.ArchitectureX8664}
		if got.Runtime != lambdatypes.RuntimeProvidedal2023 || !slices.Equal(got.Architectures, x86) {
			t.Errorf("it runs on %s and %s, want provided.al2023 and x86_64", got.Runtime, got.Architectures)
		}
		if *got.MemorySize != 128 || *got.Timeout != 600 {
			t.Errorf("it has %d MB and %d s, want 128 and 600", *got.MemorySize, *got.Timeout)
		}
		want := map[string]string{"REGISTRATION_ENDPOINT": s.registrationEndpoint()}
		if !reflect.DeepEqual(got.Environment.Variables, want) {
			t.Errorf("its environment is %q, want %q", got.Environment.Variables, want)
		}
		logs, group := got.LoggingConfig, made["RegistrationLogs"]
		if logs.LogFormat != lambdatypes.LogFormatJson || *logs.LogGroup != group {
			t.Errorf("it logs %s to %s, want JSON to %s", logs.LogFormat, *logs.LogGroup, group)
		}
		if *got.CodeSha256 != published.Pin.CodeSha256 {
			t.Errorf("it runs %s, the template names %s", *got.CodeSha256, published.Pin.CodeSha256)
		}
		retries, err := client.GetFunctionEventInvokeConfig(t.Context(), &lambda.GetFunctionEventInvokeConfigInput{
			FunctionName: got.FunctionName, Qualifier: aws.String("$LATEST"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if *retries.MaximumRetryAttempts != 1 || *retries.MaximumEventAgeInSeconds != 600 {
			t.Errorf("a lost event is tried %d times in %d s, want 1 in 600",
				*retries.MaximumRetryAttempts, *retries.MaximumEventAgeInSeconds)
		}
	})

	t.Run("RegistrationLogs", func(t *testing.T) {
		client := cloudwatchlogs.NewFromConfig(s.config)
		got, err := client.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{
			LogGroupNamePrefix: aws.String(made["RegistrationLogs"]),
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.LogGroups) != 1 {
			t.Fatalf("%d log groups are named %s, want one", len(got.LogGroups), made["RegistrationLogs"])
		}
		if days := aws.ToInt32(got.LogGroups[0].RetentionInDays); days != 365 {
			t.Errorf("it keeps %d days, want 365", days)
		}
	})

	t.Run("Registration", func(t *testing.T) {
		if made["Registration"] != s.outputs["RoleArn"] {
			t.Errorf("its physical ID is %s, want the role's ARN %s", made["Registration"], s.outputs["RoleArn"])
		}
		s.wantRegistration("active", openTicket)
	})

	t.Run("Outputs", func(t *testing.T) {
		role := "arn:aws:iam::" + account + ":role/doit/" + made["SupportRole"]
		want := map[string]string{
			"RoleArn": role, "ExternalId": nameOf(s.id), "TemplateVersion": published.Pin.Version,
		}
		delete(s.outputs, "AccessLog") // a command, which has a test of its own
		if !reflect.DeepEqual(s.outputs, want) {
			t.Errorf("the outputs are\n\t%q, want\n\t%q", s.outputs, want)
		}
	})
}

// Its role is trusted by Lambda alone, and has one policy: two actions on the
// stack's own log group.
func TestTheFunctionWritesItsOwnLogAndHasNoOtherRight(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket, "Notices": "on"})
	made := s.made()
	want := []statement{{
		Effect: "Allow", Action: list{"sts:AssumeRole"}, Principal: map[string]any{"Service": "lambda.amazonaws.com"},
	}}
	if trust := s.trust(made["RegistrationRole"]).Statement; !reflect.DeepEqual(trust, want) {
		t.Errorf("the trust policy is\n\t%+v, want\n\t%+v", trust, want)
	}
	s.wantAttached(made["RegistrationRole"], "RegistrationLogAccess")
	want = []statement{{
		Effect: "Allow", Action: list{"logs:CreateLogStream", "logs:PutLogEvents"},
		Resource: list{"arn:aws:logs:" + region + ":" + account + ":log-group:" + made["RegistrationLogs"] + ":*"},
	}}
	if got := s.policy(made["RegistrationLogAccess"]).Statement; !reflect.DeepEqual(got, want) {
		t.Errorf("the policy is\n\t%+v, want\n\t%+v", got, want)
	}
}

// Whatever a link presets, the one Allow of the trust policy stays as narrow,
// and what is attached allows no more than SecurityAudit.
func TestNoParameterWidensTheAccess(t *testing.T) {
	t.Parallel()
	administrator := "arn:aws:iam::aws:policy/AdministratorAccess"
	for name, set := range map[string]parameters{
		"nothing":                   {},
		"a ticket":                  {"TicketId": openTicket},
		"an end":                    {"AccessExpires": "2099-12-31T00:00:00Z"},
		"dismissed":                 {"Access": "dismissed"},
		"notices":                   {"Notices": "on"},
		"a boundary of everything":  {"PermissionsBoundary": administrator},
		"the account":               {"AccountId": account},
		"an external ID":            {"ExternalId": "0123456789abcdef"},
		"all that narrows together": {"TicketId": openTicket, "AccessExpires": "2099-12-31T00:00:00Z", "Notices": "on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomer(t)
			c.deaf.Store(true) // a Create of a dismissed access is registered like any other
			s, status := c.create("", string(published.Body), set)
			s.want(status, "CREATE_COMPLETE")
			for _, statement := range s.trust(s.roleName()).Statement {
				if statement.Effect == "Deny" {
					continue
				}
				equal := statement.Condition["StringEquals"]
				doit := map[string]any{"AWS": "arn:aws:iam::" + doitAccount + ":root"}
				assumes := slices.Equal(statement.Action, list{"sts:AssumeRole"})
				if !assumes || !reflect.DeepEqual(statement.Principal, doit) {
					t.Errorf("the trust policy lets in %v for %q", statement.Principal, statement.Action)
				}
				id, isText := equal["sts:ExternalId"].(string)
				if !isText || len(id) < 16 || equal["aws:PrincipalType"] != "AssumedRole" {
					t.Errorf("the trust policy demands %v", equal)
				}
			}
			attached := s.attached(s.roleName())
			made := s.made()
			for _, id := range []string{"SupportLimits", "ResourcePolicyLimits"} {
				if !slices.Contains(attached, made[id]) {
					t.Errorf("%s is not attached", id)
				}
			}
			for _, arn := range attached {
				for _, statement := range s.policy(arn).Statement {
					if arn != securityAudit && statement.Effect != "Deny" {
						t.Errorf("%s has %+v", arn, statement)
					}
				}
			}
		})
	}
}

func TestTheFunctionsLogHoldsNoSecret(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	log := cloudwatchlogs.NewFromConfig(s.config)
	got, err := log.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String(s.made()["RegistrationLogs"]),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Events) == 0 {
		t.Fatal("the function logged nothing")
	}
	for _, event := range got.Events {
		for _, secret := range []string{nameOf(s.id), "X-Amz-Signature", "cfn-response"} {
			if strings.Contains(*event.Message, secret) {
				t.Errorf("the log has %q: %s", secret, *event.Message)
			}
		}
	}
}
