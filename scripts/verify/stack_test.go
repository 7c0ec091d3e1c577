package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const (
	customer   = "111122223333"
	region     = "eu-west-1"
	externalID = "an-external-id-of-a-test"
)

// account is a customer's, with the code that this checkout builds and a
// template that names it.
type account struct {
	cloud    *localcloud.Cloud
	as       aws.Config
	template template.Template
	endpoint string
}

func newAccount(t *testing.T) account {
	t.Helper()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	built, err := code.Build(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	published, err := template.Read()
	if err != nil {
		t.Fatal(err)
	}
	body, err := published.Pinned(built.Pin())
	if err != nil {
		t.Fatal(err)
	}
	if published, err = template.Parse(body); err != nil {
		t.Fatal(err)
	}

	doit := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // 200
	t.Cleanup(doit.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: doit.Certificate().Raw})
	if err := os.WriteFile(roots, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	cloud := localcloud.StartT(t, roots)

	if err := localcloud.PublishCode(t.Context(), cloud.Root(customer, region), published, built.Bytes); err != nil {
		t.Fatal(err)
	}
	return account{
		cloud: cloud, as: cloud.Root(customer, region), template: published, endpoint: doit.URL + "/v1/registrations",
	}
}

func (a account) parameters(given map[string]string) []types.Parameter {
	list := []types.Parameter{{ParameterKey: aws.String("RegistrationEndpoint"), ParameterValue: &a.endpoint}}
	for name, value := range given {
		list = append(list, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	return list
}

// launch creates a stack and returns its resources' names. The emulator's
// CloudFormation leaves the boundaries away, so the test sets them.
func (a account) launch(t *testing.T, name string, given map[string]string) map[string]string {
	t.Helper()
	client := cloudformation.NewFromConfig(a.as)
	if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: aws.String(string(a.template.Body)), Parameters: a.parameters(given),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	}); err != nil {
		t.Fatal(err)
	}
	created := cloudformation.NewStackCreateCompleteWaiter(client)
	asked := &cloudformation.DescribeStacksInput{StackName: &name}
	if err := created.Wait(t.Context(), asked, time.Minute, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, 200*time.Millisecond
	}); err != nil {
		t.Fatalf("launch %s: %v", name, err)
	}
	s, err := readStack(t.Context(), client, name)
	if err != nil {
		t.Fatal(err)
	}
	boundary := given["PermissionsBoundary"]
	if boundary != "" {
		if err := a.bind(t.Context(), s.physical[registrationRole], boundary); err != nil {
			t.Fatal(err)
		}
	} else {
		boundary = securityAudit
	}
	if err := a.bind(t.Context(), s.physical[supportRole], boundary); err != nil {
		t.Fatal(err)
	}
	return s.physical
}

func (a account) bind(ctx context.Context, role, boundary string) error {
	_, err := iam.NewFromConfig(a.as).PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{
		RoleName: &role, PermissionsBoundary: &boundary,
	})
	return err
}

// verify is the command, with the template of its own version at hand.
func (a account) verify(ctx context.Context, as aws.Config, name string) (status int, said string) {
	var out strings.Builder
	r := &report{out: &out}
	err := running(ctx, r, as, name, func(version string) ([]byte, error) {
		if version != a.template.Pin.Version {
			return nil, errors.New("no such version: " + version)
		}
		return a.template.Body, nil
	})
	if err != nil {
		r.unseen(err)
	}
	status = r.conclude()
	return status, out.String()
}

// tampering changes something behind the stack's back. It is given the stack's
// resources by logical ID.
type tampering func(ctx context.Context, resources map[string]string) error

func (a account) attach(role, policy string) tampering {
	return func(ctx context.Context, resources map[string]string) error {
		_, err := iam.NewFromConfig(a.as).AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{
			RoleName: aws.String(resources[role]), PolicyArn: &policy,
		})
		return err
	}
}

// detach takes one of the stack's own policies off a role, or one of AWS's.
func (a account) detach(role, policy string) tampering {
	return func(ctx context.Context, resources map[string]string) error {
		arn := policy
		if own, ok := resources[policy]; ok {
			arn = own
		}
		_, err := iam.NewFromConfig(a.as).DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{
			RoleName: aws.String(resources[role]), PolicyArn: &arn,
		})
		return err
	}
}

func (a account) inline(role string) tampering {
	return func(ctx context.Context, resources map[string]string) error {
		_, err := iam.NewFromConfig(a.as).PutRolePolicy(ctx, &iam.PutRolePolicyInput{
			RoleName: aws.String(
				resources[role],
			), PolicyName: aws.String("more"), PolicyDocument: aws.String(everything),
		})
		return err
	}
}

// rewrite gives one of the stack's own policies a new default version.
func (a account) rewrite(policy, document string) tampering {
	return func(ctx context.Context, resources map[string]string) error {
		_, err := iam.NewFromConfig(a.as).CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{
			PolicyArn: aws.String(resources[policy]), PolicyDocument: &document, SetAsDefault: true,
		})
		return err
	}
}

func (a account) remove(role, policy string) tampering {
	return func(ctx context.Context, resources map[string]string) error {
		_, err := iam.NewFromConfig(a.as).
			DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: aws.String(resources[policy])})
		return errors.Join(err, ctx.Err())
	}
}

func (a account) trust(statements string) tampering {
	return func(ctx context.Context, resources map[string]string) error {
		_, err := iam.NewFromConfig(a.as).UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
			RoleName:       aws.String(resources[supportRole]),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":` + statements + `}`),
		})
		return err
	}
}

func (a account) sessions(seconds int32) tampering {
	return func(ctx context.Context, resources map[string]string) error {
		_, err := iam.NewFromConfig(a.as).UpdateRole(ctx, &iam.UpdateRoleInput{
			RoleName: aws.String(resources[supportRole]), MaxSessionDuration: &seconds,
		})
		return err
	}
}

func (a account) bound(role, boundary string) tampering {
	return func(ctx context.Context, resources map[string]string) error {
		if boundary != "" {
			return a.bind(ctx, resources[role], boundary)
		}
		_, err := iam.NewFromConfig(a.as).DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{
			RoleName: aws.String(resources[role]),
		})
		return err
	}
}

func (a account) configure(change lambda.UpdateFunctionConfigurationInput) tampering {
	return func(ctx context.Context, resources map[string]string) error {
		change.FunctionName = aws.String(resources[registrationFunction])
		_, err := lambda.NewFromConfig(a.as).UpdateFunctionConfiguration(ctx, &change)
		return err
	}
}

func (a account) code(ctx context.Context, resources map[string]string) error {
	_, err := lambda.NewFromConfig(a.as).UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
		FunctionName: aws.String(resources[registrationFunction]), ZipFile: otherCode,
	})
	return err
}

func (a account) layer(ctx context.Context, resources map[string]string) error {
	layer, err := lambda.NewFromConfig(a.as).PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{
		LayerName: aws.String("preload"), Content: &lambdatypes.LayerVersionContentInput{ZipFile: otherCode},
	})
	if err != nil {
		return err
	}
	return a.configure(lambda.UpdateFunctionConfigurationInput{
		Layers: []string{aws.ToString(layer.LayerVersionArn)},
	})(ctx, resources)
}

func (a account) noFunction(ctx context.Context, resources map[string]string) error {
	_, err := lambda.NewFromConfig(a.as).DeleteFunction(ctx, &lambda.DeleteFunctionInput{
		FunctionName: aws.String(resources[registrationFunction]),
	})
	return err
}

func (a account) forward(ctx context.Context, resources map[string]string) error {
	_, err := lambda.NewFromConfig(a.as).PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: aws.String(resources[registrationFunction]), Qualifier: aws.String("$LATEST"),
		MaximumRetryAttempts: aws.Int32(2), MaximumEventAgeInSeconds: aws.Int32(600),
		DestinationConfig: &lambdatypes.DestinationConfig{
			OnSuccess: &lambdatypes.OnSuccess{
				Destination: aws.String("arn:aws:sqs:" + region + ":" + customer + ":elsewhere"),
			},
		},
	})
	return err
}

func (a account) noRetries(ctx context.Context, resources map[string]string) error {
	_, err := lambda.NewFromConfig(a.as).
		DeleteFunctionEventInvokeConfig(ctx, &lambda.DeleteFunctionEventInvokeConfigInput{
			FunctionName: aws.String(resources[registrationFunction]), Qualifier: aws.String("$LATEST"),
		})
	return err
}

// changed is the stack with a template that differs in one place.
func (a account) changed(stack, old, changed string, given map[string]string) tampering {
	return func(ctx context.Context, _ map[string]string) error {
		client := cloudformation.NewFromConfig(a.as)
		body := strings.Replace(string(a.template.Body), old, changed, 1)
		if _, err := client.UpdateStack(ctx, &cloudformation.UpdateStackInput{
			StackName: &stack, TemplateBody: &body, Parameters: a.parameters(given),
			Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		}); err != nil {
			return err
		}
		updated := cloudformation.NewStackUpdateCompleteWaiter(client)
		asked := &cloudformation.DescribeStacksInput{StackName: &stack}
		return updated.Wait(ctx, asked, time.Minute, func(o *cloudformation.StackUpdateCompleteWaiterOptions) {
			o.MinDelay, o.MaxDelay = 50*time.Millisecond, 200*time.Millisecond
		})
	}
}

func (a account) openTopic(ctx context.Context, resources map[string]string) error {
	topic := resources["AccessNotices"]
	client := sns.NewFromConfig(a.as)
	if _, err := client.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("email"), Endpoint: aws.String("somebody@example.com"),
	}); err != nil {
		return err
	}
	_, err := client.AddPermission(ctx, &sns.AddPermissionInput{
		TopicArn: &topic, Label: aws.String("More"),
		ActionName: []string{"Publish"}, AWSAccountId: []string{"999999999999"},
	})
	return err
}

func (a account) turnRule(ctx context.Context, resources map[string]string) error {
	name := resources["AccessNoticesRule"]
	client := eventbridge.NewFromConfig(a.as)
	if _, err := client.PutRule(ctx, &eventbridge.PutRuleInput{
		Name: &name, EventPattern: aws.String(`{"source":["aws.sts"]}`), State: eventtypes.RuleStateDisabled,
	}); err != nil {
		return err
	}
	if _, err := client.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{
		Rule: &name, Ids: []string{"AccessNotices"},
	}); err != nil {
		return err
	}
	_, err := client.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &name, Targets: []eventtypes.Target{{
		Id: aws.String("more"), Arn: aws.String("arn:aws:sqs:" + region + ":" + customer + ":elsewhere"),
	}}})
	return err
}

const (
	securityAudit = "arn:aws:iam::aws:policy/SecurityAudit"
	administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
	boundary      = "arn:aws:iam::" + customer + ":policy/Boundary"
	everything    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	opened        = `"Principal":{"AWS":"arn:aws:iam::462932234033:root"},"Action":"sts:AssumeRole"`
)

func TestEachDifferenceOfAStackIsNamed(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	if _, err := iam.NewFromConfig(a.as).CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName: aws.String("Boundary"), PolicyDocument: aws.String(everything),
	}); err != nil {
		t.Fatal(err)
	}
	bounded := map[string]string{"PermissionsBoundary": boundary, "ExternalId": externalID}
	usual := map[string]string{"TicketId": "12345", "AccessExpires": "2099-12-31T00:00:00Z"}
	given := map[string]string{"ExternalId": externalID}
	dismissed := map[string]string{
		"Access": "dismissed", "AccessExpires": "2099-12-31T00:00:00Z", "ExternalId": externalID,
	}
	told := map[string]string{"Notices": "on"}
	for _, c := range []struct {
		name   string
		given  map[string]string
		tamper tampering
		says   []string // where it differs, and what that means
		many   bool     // differences
		notes  string
	}{
		{name: "clean", given: usual},
		{name: "clean-defaults"},
		{name: "clean-dismissed", given: dismissed},
		{name: "clean-boundary", given: bounded},
		{name: "clean-notices", given: told, notes: "It tells 0 subscribers, and 0 that have not confirmed yet."},

		{name: "attached", given: usual, tamper: a.attach(supportRole, administrator), says: []string{
			"AdministratorAccess is attached to the role (" + administrator + "): DoiT can do there what it allows",
		}},
		{name: "detached", given: usual, tamper: a.detach(supportRole, securityAudit), says: []string{
			"SecurityAudit is not attached to the role: the role reads less than it should, or nothing",
		}},
		{name: "limit-detached", given: usual, tamper: a.detach(supportRole, "SupportLimits"), says: []string{
			"SupportLimits is not attached to the role: secrets, people and content in SecurityAudit are not",
		}},
		{name: "end-detached", given: dismissed, tamper: a.detach(supportRole, "AccessDismissed"), says: []string{
			"AccessDismissed is not attached to the role: a dismissal does not end everything",
		}},
		{name: "limit-gone", given: usual, tamper: func(ctx context.Context, resources map[string]string) error {
			return errors.Join(a.detach(supportRole, "ResourcePolicyLimits")(ctx, resources),
				a.remove(supportRole, "ResourcePolicyLimits")(ctx, resources))
		}, says: []string{
			"ResourcePolicyLimits is not attached to the role: policies of your own buckets, topics, keys and the like",
			"ResourcePolicyLimits  it is gone",
		}},
		{name: "limit-emptied", given: usual, many: true,
			tamper: a.rewrite("SupportLimits", `{"Version":"2012-10-17","Statement":[`+
				`{"Sid":"OtherRoles","Effect":"Deny","Resource":"*","Action":["sts:AssumeRole"]}]}`),
			says: []string{
				"SupportLimits         it, OtherRoles: Action lacks sts:SetSourceIdentity, sts:TagSession",
				"it has lost a statement: ", " more)",
				"So secrets, people and content in SecurityAudit are not all denied.",
			}},
		{name: "limit-opened", given: usual, many: true, tamper: a.rewrite("ResourcePolicyLimits", everything),
			says: []string{
				"Effect is Allow, not Deny", "Sid is gone", "NotAction is gone", "Action was added (*)",
				"it has lost a statement: ",
				"So policies of your own buckets, topics, keys and the like may let the role in.",
			}},
		{name: "end-moved", given: usual,
			tamper: a.rewrite("AccessExpired", `{"Version":"2012-10-17","Statement":[{"Sid":"Ended",`+
				`"Effect":"Deny","Action":"*","Resource":"*",`+
				`"Condition":{"DateGreaterThanEquals":{"aws:CurrentTime":"2199-01-01T00:00:00Z"}}}]}`),
			says: []string{"aws:CurrentTime (DateGreaterThanEquals) is 2199-01-01T00:00:00Z, not 2099-12-31T00:00:00Z",
				"So a session that is"}},
		{name: "inline-added", given: usual, tamper: a.inline(supportRole), says: []string{
			"the inline policy more was added to the role: DoiT can do there what it allows",
		}},
		{name: "trust-stranger", given: usual,
			tamper: a.trust(`[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},` +
				`"Action":"sts:AssumeRole"}]`),
			says: []string{
				"the trust policy: the principal is arn:aws:iam::999999999999:root, not arn:aws:iam::462932234033:root",
				"the condition sts:ExternalId (StringEquals) is gone",
				"the condition aws:PrincipalType (StringEquals) is gone",
				"the condition sts:RoleSessionName (StringLike) is gone (12345-*)",
				"the condition aws:CurrentTime (DateLessThan) is gone",
			}},
		{name: "trust-external-id", given: given,
			tamper: a.trust(`{"Effect":"Allow",` + opened + `,"Condition":{"StringEquals":{` +
				`"sts:ExternalId":"another-external-id","aws:PrincipalType":"AssumedRole"}}}`),
			says: []string{"another external ID than the stack's opens the role"}},
		{name: "trust-one-more", given: given,
			tamper: a.trust(`[{"Effect":"Allow",` + opened + `,"Condition":{"StringEquals":{` +
				`"sts:ExternalId":"` + externalID + `","aws:PrincipalType":["AssumedRole"]}}},` +
				`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole",` +
				`"Condition":{"StringEquals":{"sts:ExternalId":"` + externalID + `"}}}]`),
			says: []string{"the trust policy has one more statement", "Principal AWS (*)"}},
		{name: "sessions", given: usual, tamper: a.sessions(43200), says: []string{
			"sessions last up to 43200 seconds, not 3600",
		}},
		{name: "boundary-gone", given: usual, tamper: a.bound(supportRole, ""), says: []string{
			"its permissions boundary is none, not " + securityAudit +
				": what else is attached to the role, now or later",
		}},
		{name: "boundary-changed", given: usual, tamper: a.bound(supportRole, boundary), says: []string{
			"its permissions boundary is " + boundary + ", not " + securityAudit,
		}},
		{name: "boundary-of-function", given: bounded, tamper: a.bound(registrationRole, ""), says: []string{
			"its permissions boundary is none, not " + boundary + ": what the function can do is bounded by something",
		}},

		{name: "code", given: usual, tamper: a.code, says: []string{"the function runs other code"}},
		{name: "runtime", given: usual, tamper: a.configure(lambda.UpdateFunctionConfigurationInput{
			Runtime: lambdatypes.RuntimePython312, Handler: aws.String("index.handler"),
		}), says: []string{"Runtime is python3.12, not provided.al2023", "Handler is index.handler, not bootstrap"}},
		{name: "lost-events", given: usual, tamper: a.configure(lambda.UpdateFunctionConfigurationInput{
			DeadLetterConfig: &lambdatypes.DeadLetterConfig{
				TargetArn: aws.String("arn:aws:sqs:" + region + ":" + customer + ":elsewhere"),
			},
		}), says: []string{"each event that is lost, with the external ID, also goes to arn:aws:sqs:"}},
		{name: "environment", given: usual, tamper: a.configure(lambda.UpdateFunctionConfigurationInput{
			Environment: &lambdatypes.Environment{Variables: map[string]string{
				"REGISTRATION_ENDPOINT": "https://evil.example/", "LD_PRELOAD": "/opt/evil.so",
			}},
		}), says: []string{
			"REGISTRATION_ENDPOINT is https://evil.example/, not https://127.0.0.1",
			"the variable LD_PRELOAD was added",
		}},
		{name: "environment-gone", given: usual, tamper: a.configure(lambda.UpdateFunctionConfigurationInput{
			Environment: &lambdatypes.Environment{Variables: map[string]string{}},
		}), says: []string{"the variable REGISTRATION_ENDPOINT is gone"}},
		{name: "layer", given: usual, tamper: a.layer, says: []string{
			"the layer arn:aws:lambda:" + region + ":" + customer + ":layer:preload:1 was added",
		}},
		{name: "vpc", given: usual,
			tamper: a.configure(lambda.UpdateFunctionConfigurationInput{VpcConfig: &lambdatypes.VpcConfig{
				SubnetIds: []string{"subnet-12345678"}, SecurityGroupIds: []string{"sg-12345678"},
			}}), says: []string{"it was put into the VPC"}},
		{name: "another-role", given: usual, tamper: a.configure(lambda.UpdateFunctionConfigurationInput{
			Role: aws.String("arn:aws:iam::" + customer + ":role/admin"),
		}), says: []string{"it runs as arn:aws:iam::" + customer + ":role/admin"}},
		{name: "forwarded", given: usual, tamper: a.forward, says: []string{
			"a lost event is delivered 2 times more, for 600 seconds",
			"each event, with the external ID, also goes to arn:aws:sqs:" + region + ":" + customer + ":elsewhere",
		}},
		{name: "retries-gone", given: usual, tamper: a.noRetries, says: []string{"the rule for lost events is gone"}},
		{name: "role-widened", given: usual, tamper: a.rewrite("RegistrationLogAccess", everything), says: []string{
			"RegistrationLogAccess it: Action", "Resource is *",
		}},
		{name: "role-attached", given: usual, tamper: a.attach(registrationRole, administrator), says: []string{
			"AdministratorAccess is attached to the role (" + administrator + "): the function can do what it allows",
		}},
		{name: "function-gone", given: usual, tamper: a.noFunction, says: []string{"is gone"}},

		{name: "topic-opened", given: told, tamper: a.openTopic, says: []string{
			"its policy has one more statement", "999999999999",
		}, notes: "It tells 1 subscribers, and 0 that have not confirmed yet. Are there more than you subscribed?"},
		{name: "rule-turned", given: told, tamper: a.turnRule, says: []string{
			"its state is DISABLED, not ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS: entries are not told of",
			"its pattern is another: not every entry is told of, or something else is",
			"it also tells arn:aws:sqs:" + region + ":" + customer + ":elsewhere",
			"it does not tell the topic",
		}},

		{name: "template", given: usual,
			tamper: a.changed("template", "MaxSessionDuration: 3600", "MaxSessionDuration: 7200", usual),
			says: []string{
				"is not that of version 1.0.0: SupportRole: MaxSessionDuration is 7200, not 3600",
				"sessions last up to 7200 seconds",
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			resources := a.launch(t, c.name, c.given)
			if c.tamper != nil {
				if err := c.tamper(t.Context(), resources); err != nil {
					t.Fatal(err)
				}
			}
			status, said := a.verify(t.Context(), a.as, c.name)
			want := 0
			if len(c.says) > 0 {
				want = 1
			}
			if status != want {
				t.Errorf("exit status %d, want %d:\n%s", status, want, said)
			}
			for _, words := range append(c.says, c.notes) {
				if !strings.Contains(said, words) {
					t.Errorf("it does not say %q:\n%s", words, said)
				}
			}
			if crosses := strings.Count(said, "✗"); crosses > len(c.says) && !c.many {
				t.Errorf("%d crosses for %d differences:\n%s", crosses, len(c.says), said)
			}
			for _, secret := range []string{externalID, "another-external-id", "somebody@example.com"} {
				if strings.Contains(said, secret) {
					t.Errorf("it prints %q:\n%s", secret, said)
				}
			}
		})
	}

	t.Run("rights", func(t *testing.T) {
		t.Parallel()
		a.launch(t, "reviewed", told)
		// The emulator asks for GetFunction where AWS asks for GetFunctionEventInvokeConfig.
		const ofEmulator = "lambda:GetFunction"
		reviewer, err := a.cloud.User(t.Context(), customer, "reviewer", append(slices.Clone(rights), ofEmulator)...)
		if err != nil {
			t.Fatal(err)
		}
		if status, said := a.verify(t.Context(), a.cloud.Config(region, reviewer), "reviewed"); status != 0 {
			t.Errorf("exit status %d, want 0:\n%s", status, said)
		}
		for n, right := range rights {
			less := slices.Delete(slices.Clone(rights), n, n+1)
			if right != "lambda:GetFunctionEventInvokeConfig" {
				less = append(less, ofEmulator)
			}
			short, err := a.cloud.User(t.Context(), customer, fmt.Sprint("short", n), less...)
			if err != nil {
				t.Fatal(err)
			}
			status, said := a.verify(t.Context(), a.cloud.Config(region, short), "reviewed")
			if status != 2 || strings.Contains(said, "✗") {
				t.Errorf("without %s: exit status %d, want 2:\n%s", right, status, said)
			}
		}
	})

	t.Run("cannot look", func(t *testing.T) {
		t.Parallel()
		if status, said := a.verify(t.Context(), a.as, "nothing"); status != 2 || strings.Contains(said, "✗") {
			t.Errorf("exit status %d, want 2:\n%s", status, said)
		}
	})
}

// otherCode is a zip with a bootstrap that does nothing.
var otherCode = func() []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("bootstrap")
	if err == nil {
		_, err = f.Write([]byte("#!/bin/sh\n"))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}()
