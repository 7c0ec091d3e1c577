package launch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
	"github.com/doitintl/aws-ro-access/scripts/internal/venv"
)

const account = "111122223333"

// run runs commands as somebody would who pasted them into a shell, with the
// AWS CLI, whose AWS is at the URL.
func run(t *testing.T, commands, url string) (printed, said string, err error) {
	t.Helper()
	python, err := venv.Install(t.Context(), "awscli", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := "#!/bin/sh\nexec " + python + ` -m awscli "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(script), 0o700); err != nil { // #nosec G306 -- to be run
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-c", commands) // #nosec G204 -- our own
	shell.Env = []string{
		"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "AWS_ENDPOINT_URL=" + url,
		"AWS_ACCESS_KEY_ID=" + account, "AWS_SECRET_ACCESS_KEY=local", "AWS_DEFAULT_REGION=us-east-1", "AWS_MAX_ATTEMPTS=1",
	}
	var stdout, stderr bytes.Buffer
	shell.Stdout, shell.Stderr = &stdout, &stderr
	err = shell.Run()
	return stdout.String(), stderr.String(), err
}

// The commands are run as they are printed: the stack is there when they end,
// DoiT knows of it, and what it made is printed.
func TestTheCommandsLaunchTheStack(t *testing.T) {
	t.Parallel()
	const region = "eu-west-1"
	cloud, endpoint := launchable(t, region)
	p := published(t)
	r := Request{Region: region, Ticket: "12345", Account: account, Expires: NoExpiry, ExternalID: "a,b=c:d@e/f-g_h.i+j"}
	l, err := p.Launch(r, now)
	if err != nil {
		t.Fatal(err)
	}

	other := r
	other.Account = "999988887777"
	wrongAccount, err := p.Launch(other, now)
	if err != nil {
		t.Fatal(err)
	}
	_, said, err := run(t, wrongAccount.CLI(), cloud.URL)
	if err == nil || !strings.Contains(said, "DoiT made this link for another AWS account") {
		t.Errorf("in another account the commands end with %v, and say %s", err, said)
	}
	client := cloudformation.NewFromConfig(cloud.Root(account, region))
	if stacks, err := client.DescribeStacks(t.Context(), nil); err != nil || len(stacks.Stacks) > 0 {
		t.Errorf("in another account there is a stack all the same: %v, %v", stacks, err)
	}

	printed, said, err := run(t, l.CLI(), cloud.URL)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if !strings.Contains(printed, "RoleArn") || !strings.Contains(printed, "arn:aws:iam::"+account+":role/doit/") {
		t.Errorf("what was made is not printed:\n%s", printed)
	}
	rows, err := endpoint.Registrations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || rows[0].TicketID != r.Ticket || rows[0].ExternalID != r.ExternalID || rows[0].Status != "active" {
		t.Errorf("DoiT knows of %+v", rows)
	}
}

// launchable is a local cloud with the published template in it, which reports
// to the reference endpoint there: a printed launch names no endpoint.
func launchable(t *testing.T, region string) (*localcloud.Cloud, *localcloud.Endpoint) {
	t.Helper()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := runtimeapi.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	zip, err := code.Build(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	cloud := localcloud.StartT(t, certificate.File)
	p := published(t)
	doit, err := cloud.Session(t.Context(), p.Account.DoiT["aws"].Account, "endpoint", "registration", "sts:AssumeRole")
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := cloud.StartEndpoint(t.Context(), doit, certificate.File, certificate.KeyFile, "-tickets", "12345")
	if err != nil {
		t.Fatal(err)
	}
	as := cloud.Root(account, region)
	if err := localcloud.PublishCode(t.Context(), as, p.Account, zip.Bytes); err != nil {
		t.Fatal(err)
	}
	reporting := strings.Replace(string(p.Account.Body), p.Account.Parameters["RegistrationEndpoint"].Default, endpoint.URL+"/v1/registrations", 1)
	address, err := url.Parse(template.URL(template.Path, p.Account.Body))
	if err != nil {
		t.Fatal(err)
	}
	// The local cloud takes the first part of the path for the bucket, whatever the host.
	bucket, key, _ := strings.Cut(strings.TrimPrefix(address.Path, "/"), "/")
	client := s3.NewFromConfig(as)
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket:                    &bucket,
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(region)},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: strings.NewReader(reporting),
	}); err != nil {
		t.Fatal(err)
	}
	return cloud, endpoint
}

// The local cloud has no organizations, so here a server tells what the AWS CLI sends.
func TestTheCommandsOfAnOrganization(t *testing.T) {
	t.Parallel()
	l, err := published(t).Launch(usual(func(r *Request) { r.Organization, r.Notices, r.Expires = true, true, NoExpiry }), now)
	if err != nil {
		t.Fatal(err)
	}
	chosen := `units='ou-ab12-11111111\,ou-ab12-22222222' &&`
	for _, c := range []struct{ name, commands, units string }{
		{"every account", l.CLI(), "r-ab12"},
		{"chosen units", strings.Replace(l.CLI(), "units=$(aws organizations list-roots --query 'Roots[0].Id' --output text) &&", chosen, 1),
			"ou-ab12-11111111,ou-ab12-22222222"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.name == "chosen units" && (c.commands == l.CLI() || !strings.Contains(l.CLI(), strings.TrimSuffix(chosen, " &&"))) {
				t.Fatalf("the commands do not say how to choose units:\n%s", l.CLI())
			}
			created := make(chan url.Values, 1)
			server := httptest.NewServer(organization(t, created))
			t.Cleanup(server.Close)
			_, said, err := run(t, c.commands, server.URL)
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() == 0 || !strings.Contains(said, "Seen enough") {
				t.Fatalf("the commands went on after a failure: %v\n%s", err, said)
			}
			got := <-created
			want := map[string]string{"OrganizationalUnits": c.units, "TicketId": "12345", "Notices": "on"}
			for n := 1; got.Has(fmt.Sprintf("Parameters.member.%d.ParameterKey", n)); n++ {
				name, value := got.Get(fmt.Sprintf("Parameters.member.%d.ParameterKey", n)), got.Get(fmt.Sprintf("Parameters.member.%d.ParameterValue", n))
				if want[name] != value {
					t.Errorf("%s is %q, want %q", name, value, want[name])
				}
				delete(want, name)
			}
			if len(want) > 0 {
				t.Errorf("not set: %v", want)
			}
			if got.Get("TemplateURL") != l.TemplateURL || got.Get("StackName") != l.Stack ||
				got.Get("Capabilities.member.1") != "CAPABILITY_NAMED_IAM" || got.Get("Capabilities.member.2") != "CAPABILITY_AUTO_EXPAND" {
				t.Errorf("the AWS CLI sends %v", got)
			}
		})
	}
}

// organization has one root, and refuses the stack once it has seen it.
func organization(t *testing.T, created chan<- url.Values) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListRoots") {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			_, _ = io.WriteString(w, `{"Roots":[{"Id":"r-ab12"}]}`) // the CLI would say so
			return
		}
		form, err := url.ParseQuery(string(body))
		if err != nil || form.Get("Action") != "CreateStack" {
			t.Errorf("the AWS CLI sends %s", body)
		}
		created <- form
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `<ErrorResponse><Error><Code>Enough</Code><Message>Seen enough</Message></Error></ErrorResponse>`)
	})
}

// Terraform's own parser reads the resource, and finds the launch in it.
func TestTheResourceIsTerraforms(t *testing.T) {
	t.Parallel()
	p := published(t)
	for _, r := range []Request{
		usual(func(r *Request) { r.Account, r.Notices = account, true }),
		usual(func(r *Request) { r.ExternalID = "a,b=c:d@e/f-g_h.i+j" }),
		{Region: "us-east-1", Ticket: NoTicket, Expires: NoExpiry},
	} {
		l, err := p.Launch(r, now)
		if err != nil {
			t.Fatal(err)
		}
		text, err := l.Terraform()
		if err != nil {
			t.Fatal(err)
		}
		if formatted := string(hclwrite.Format([]byte(text))); formatted != text {
			t.Errorf("it is not as terraform fmt writes it:\n%s", text)
		}
		file, diagnostics := hclparse.NewParser().ParseHCL([]byte(text), "main.tf")
		if diagnostics.HasErrors() {
			t.Fatalf("%v\n%s", diagnostics, text)
		}
		blocks := file.Body.(*hclsyntax.Body).Blocks
		if len(blocks) != 2 || blocks[0].Type != "resource" || !slices.Equal(blocks[0].Labels, []string{"aws_cloudformation_stack", "doit_support"}) ||
			blocks[1].Type != "output" {
			t.Fatalf("the blocks are not a stack and its outputs:\n%s", text)
		}
		set := map[string]string{"region": l.Region, "name": l.Stack, "template_url": l.TemplateURL}
		parameters := map[string]string{}
		for _, parameter := range l.Parameters {
			parameters[parameter.Name] = parameter.Value
		}
		for name, attribute := range blocks[0].Body.Attributes {
			value, diagnostics := attribute.Expr.Value(nil)
			if diagnostics.HasErrors() {
				t.Fatal(diagnostics)
			}
			switch name {
			case "capabilities":
				if value.LengthInt() != 1 || value.AsValueSlice()[0].AsString() != "CAPABILITY_IAM" {
					t.Errorf("the capabilities are %#v", value)
				}
			case "parameters":
				for parameter, value := range value.AsValueMap() {
					if parameters[parameter] != value.AsString() {
						t.Errorf("%s is %q, want %q", parameter, value.AsString(), parameters[parameter])
					}
					delete(parameters, parameter)
				}
			default:
				if set[name] != value.AsString() {
					t.Errorf("%s is %q, want %q", name, value.AsString(), set[name])
				}
				delete(set, name)
			}
		}
		if len(set) > 0 || len(parameters) > 0 {
			t.Errorf("not set: %v, %v\n%s", set, parameters, text)
		}
		outputs, ok := blocks[1].Body.Attributes["value"].Expr.(*hclsyntax.ScopeTraversalExpr)
		if !ok || outputs.Traversal.RootName() != blocks[0].Labels[0] {
			t.Errorf("the output is not the stack's:\n%s", text)
		}
	}
	if text, err := (Launch{Organization: true}).Terraform(); err == nil {
		t.Errorf("an organization is launched in one account: %s", text)
	}
}
