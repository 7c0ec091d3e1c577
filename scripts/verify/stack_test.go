package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

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
	return account{cloud, cloud.Root(customer, region), published, doit.URL + "/v1/registrations"}
}

func (a account) parameters(given map[string]string) []types.Parameter {
	list := []types.Parameter{{ParameterKey: aws.String("RegistrationEndpoint"), ParameterValue: &a.endpoint}}
	for name, value := range given {
		list = append(list, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	return list
}

// launch creates a stack and returns its resources' names.
func (a account) launch(t *testing.T, name string, given map[string]string) map[string]string {
	t.Helper()
	client := cloudformation.NewFromConfig(a.as)
	if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: aws.String(string(a.template.Body)), Parameters: a.parameters(given),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	}); err != nil {
		t.Fatal(err)
	}
	err := cloudformation.NewStackCreateCompleteWaiter(client, quickly).Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: &name}, time.Minute)
	if err != nil {
		t.Fatalf("launch %s: %v", name, err)
	}
	s, err := readStack(t.Context(), client, name)
	if err != nil {
		t.Fatal(err)
	}
	return s.physical
}

func quickly(o *cloudformation.StackCreateCompleteWaiterOptions) {
	o.MinDelay, o.MaxDelay = 50*time.Millisecond, 200*time.Millisecond
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

func TestStack(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	roles := iam.NewFromConfig(a.as)
	functions := lambda.NewFromConfig(a.as)
	if _, err := roles.CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName: aws.String("Boundary"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`),
	}); err != nil {
		t.Fatal(err)
	}

	boundary := "arn:aws:iam::" + customer + ":policy/Boundary"
	bounded := map[string]string{"PermissionsBoundary": boundary, "ExternalId": externalID}
	bind := func(ctx context.Context, role string) error {
		_, err := roles.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &role, PermissionsBoundary: &boundary})
		return err
	}
	usual := map[string]string{"TicketId": "12345", "AccessExpires": "2099-12-31T00:00:00Z"}
	trust := func(statement string) func(context.Context, map[string]string) error {
		return func(ctx context.Context, resources map[string]string) error {
			_, err := roles.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
				RoleName: aws.String(resources[supportRole]), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":` + statement + `}`),
			})
			return err
		}
	}
	attach := func(role, policy string) func(context.Context, map[string]string) error {
		return func(ctx context.Context, resources map[string]string) error {
			_, err := roles.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String(resources[role]), PolicyArn: &policy})
			return err
		}
	}
	inline := func(role, policy, document string) func(context.Context, map[string]string) error {
		return func(ctx context.Context, resources map[string]string) error {
			_, err := roles.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String(resources[role]), PolicyName: &policy, PolicyDocument: &document})
			return err
		}
	}
	configure := func(change lambda.UpdateFunctionConfigurationInput) func(context.Context, map[string]string) error {
		return func(ctx context.Context, resources map[string]string) error {
			change.FunctionName = aws.String(resources[registrationFunction])
			_, err := functions.UpdateFunctionConfiguration(ctx, &change)
			return err
		}
	}

	const (
		everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
		opened     = `"Principal":{"AWS":"arn:aws:iam::462932234033:root"},"Action":"sts:AssumeRole"`
	)
	for _, c := range []struct {
		name   string
		given  map[string]string
		tamper func(context.Context, map[string]string) error
		says   []string // where it differs
	}{
		{name: "clean", given: usual},
		{name: "clean-defaults"},
		{name: "clean-dismissed", given: map[string]string{"Access": "dismissed", "AccessExpires": "2099-12-31T00:00:00Z", "ExternalId": externalID}},
		// The emulator's CloudFormation leaves the boundary away, so the test sets it.
		{name: "clean-boundary", given: bounded, tamper: func(ctx context.Context, resources map[string]string) error {
			return errors.Join(bind(ctx, resources[supportRole]), bind(ctx, resources[registrationRole]))
		}},

		{"attached", usual, attach(supportRole, "arn:aws:iam::aws:policy/AdministratorAccess"), []string{"AdministratorAccess is attached to the role"}},
		{"detached", usual, func(ctx context.Context, resources map[string]string) error {
			_, err := roles.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: aws.String(resources[supportRole]), PolicyArn: aws.String("arn:aws:iam::aws:policy/SecurityAudit")})
			return err
		}, []string{"SecurityAudit is not attached to the role"}},
		{"denials-gone", usual, func(ctx context.Context, resources map[string]string) error {
			_, err := roles.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String(resources[supportRole]), PolicyName: aws.String("never-secrets-nor-data")})
			return err
		}, []string{"the inline denials are gone"}},
		{"denials-emptied", usual, inline(supportRole, "never-secrets-nor-data", `{"Version":"2012-10-17","Statement":[{"Sid":"DataThatResourcePoliciesCouldOpen","Effect":"Deny","Resource":"*","Action":["kms:Decrypt"]}]}`),
			[]string{"DataThatResourcePoliciesCouldOpen: Action lacks", "s3:GetObject", "has lost a statement", "SecretsAndDataInSecurityAudit"}},
		{"inline-added", usual, inline(supportRole, "more", everything), []string{"the inline policy more was added to the role"}},
		{"trust-stranger", usual, trust(`[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"sts:AssumeRole"}]`),
			[]string{
				"the trust policy: the principal is arn:aws:iam::999999999999:root, not arn:aws:iam::462932234033:root",
				"the condition sts:ExternalId (StringEquals) is gone", "the condition aws:PrincipalType (StringEquals) is gone",
				"the condition sts:RoleSessionName (StringLike) is gone (12345-*)", "the condition aws:CurrentTime (DateLessThan) is gone",
			}},
		{"trust-external-id", map[string]string{"ExternalId": externalID},
			trust(`{"Effect":"Allow",` + opened + `,"Condition":{"StringEquals":{"sts:ExternalId":"another-external-id","aws:PrincipalType":"AssumedRole"}}}`),
			[]string{"another external ID than the stack's opens the role"}},
		{"trust-one-more", map[string]string{"ExternalId": externalID}, trust(`[{"Effect":"Allow",` + opened + `,"Condition":{"StringEquals":{"sts:ExternalId":"` + externalID +
			`","aws:PrincipalType":["AssumedRole"]}}},{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"` + externalID + `"}}}]`),
			[]string{"the trust policy has one more statement", "Principal AWS (*)"}},
		{"sessions", usual, func(ctx context.Context, resources map[string]string) error {
			_, err := roles.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: aws.String(resources[supportRole]), MaxSessionDuration: aws.Int32(43200)})
			return err
		}, []string{"sessions last up to 43200 seconds, not 3600"}},
		{"boundary-gone", bounded, func(ctx context.Context, resources map[string]string) error {
			return bind(ctx, resources[registrationRole])
		}, []string{"its permissions boundary is none, not " + boundary}},

		{"code", usual, func(ctx context.Context, resources map[string]string) error {
			_, err := functions.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: aws.String(resources[registrationFunction]), ZipFile: otherCode})
			return err
		}, []string{"the function runs other code"}},
		{"runtime", usual, configure(lambda.UpdateFunctionConfigurationInput{Runtime: lambdatypes.RuntimePython312, Handler: aws.String("index.handler")}),
			[]string{"Runtime is python3.12, not provided.al2023", "Handler is index.handler, not bootstrap"}},
		{"environment", usual, configure(lambda.UpdateFunctionConfigurationInput{Environment: &lambdatypes.Environment{Variables: map[string]string{
			"REGISTRATION_ENDPOINT": "https://evil.example/", "LD_PRELOAD": "/opt/evil.so",
		}}}), []string{"REGISTRATION_ENDPOINT is https://evil.example/, not https://127.0.0.1", "the variable LD_PRELOAD was added"}},
		{"environment-gone", usual, configure(lambda.UpdateFunctionConfigurationInput{Environment: &lambdatypes.Environment{Variables: map[string]string{}}}),
			[]string{"the variable REGISTRATION_ENDPOINT is gone"}},
		{"layer", usual, func(ctx context.Context, resources map[string]string) error {
			layer, err := functions.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{
				LayerName: aws.String("preload"), Content: &lambdatypes.LayerVersionContentInput{ZipFile: otherCode},
			})
			if err != nil {
				return err
			}
			return configure(lambda.UpdateFunctionConfigurationInput{Layers: []string{aws.ToString(layer.LayerVersionArn)}})(ctx, resources)
		}, []string{"the layer arn:aws:lambda:" + region + ":" + customer + ":layer:preload:1 was added"}},
		{"vpc", usual, configure(lambda.UpdateFunctionConfigurationInput{VpcConfig: &lambdatypes.VpcConfig{
			SubnetIds: []string{"subnet-12345678"}, SecurityGroupIds: []string{"sg-12345678"},
		}}), []string{"it was put into the VPC"}},
		{"another-role", usual, configure(lambda.UpdateFunctionConfigurationInput{Role: aws.String("arn:aws:iam::" + customer + ":role/admin")}),
			[]string{"it runs as arn:aws:iam::" + customer + ":role/admin"}},
		{"role-widened", usual, inline(registrationRole, "write-own-log", everything), []string{"the inline policy write-own-log: Action", "Resource is *"}},
		{"role-attached", usual, attach(registrationRole, "arn:aws:iam::aws:policy/AdministratorAccess"), []string{"AdministratorAccess is attached to the role"}},
		{"function-gone", usual, func(ctx context.Context, resources map[string]string) error {
			_, err := functions.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String(resources[registrationFunction])})
			return err
		}, []string{"is gone"}},
		{"template", usual, func(ctx context.Context, resources map[string]string) error {
			changed := strings.Replace(string(a.template.Body), "MaxSessionDuration: 3600", "MaxSessionDuration: 7200", 1)
			_, err := cloudformation.NewFromConfig(a.as).UpdateStack(ctx, &cloudformation.UpdateStackInput{
				StackName: aws.String("template"), TemplateBody: &changed, Parameters: a.parameters(usual), Capabilities: []types.Capability{types.CapabilityCapabilityIam},
			})
			if err != nil {
				return err
			}
			return cloudformation.NewStackUpdateCompleteWaiter(cloudformation.NewFromConfig(a.as), func(o *cloudformation.StackUpdateCompleteWaiterOptions) {
				o.MinDelay, o.MaxDelay = 50*time.Millisecond, 200*time.Millisecond
			}).Wait(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("template")}, time.Minute)
		}, []string{`the stack's template is not that of version`, `"MaxSessionDuration: 7200", not "MaxSessionDuration: 3600"`, "sessions last up to 7200 seconds"}},
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
			for _, words := range c.says {
				if !strings.Contains(said, words) {
					t.Errorf("it does not say %q:\n%s", words, said)
				}
			}
			if crosses := strings.Count(said, "✗"); crosses > len(c.says) {
				t.Errorf("%d crosses for %d differences:\n%s", crosses, len(c.says), said)
			}
			for _, secret := range []string{externalID, "another-external-id"} {
				if strings.Contains(said, secret) {
					t.Errorf("it prints the external ID:\n%s", said)
				}
			}
		})
	}

	// All that a reviewer's credentials need.
	t.Run("rights", func(t *testing.T) {
		t.Parallel()
		a.launch(t, "reviewed", usual)
		reviewer, err := a.cloud.User(t.Context(), customer, "reviewer",
			"cloudformation:DescribeStacks", "cloudformation:DescribeStackResources", "cloudformation:GetTemplate", "lambda:GetFunctionConfiguration",
			"iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:GetRolePolicy")
		if err != nil {
			t.Fatal(err)
		}
		if status, said := a.verify(t.Context(), a.cloud.Config(region, reviewer), "reviewed"); status != 0 {
			t.Errorf("exit status %d, want 0:\n%s", status, said)
		}
	})

	t.Run("cannot look", func(t *testing.T) {
		t.Parallel()
		a.launch(t, "hidden", usual)
		blind, err := a.cloud.User(t.Context(), customer, "blind", "cloudformation:*", "lambda:*")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name, stack string
			as          aws.Config
		}{
			{"no such stack", "nothing", a.as},
			{"no right to read roles", "hidden", a.cloud.Config(region, blind)},
		} {
			if status, said := a.verify(t.Context(), c.as, c.stack); status != 2 || strings.Contains(said, "✗") {
				t.Errorf("%s: exit status %d, want 2:\n%s", c.name, status, said)
			}
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
