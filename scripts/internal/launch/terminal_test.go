package launch

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/doitintl/aws-ro-access/scripts/internal/awscli"
	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const (
	account = "111122223333"
	oddID   = "a,b=c:d@e/f-g_h.i+j" // an external ID of every character that can be
)

// run runs commands with the AWS CLI, whose AWS is at the URL.
func run(t *testing.T, commands, url string) (printed, said string, err error) {
	t.Helper()
	return awscli.Run(t, commands, "AWS_ENDPOINT_URL="+url, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID="+account, "AWS_SECRET_ACCESS_KEY=local")
}

// The commands are run as they are printed: the stack is there when they end,
// DoiT knows of it, and what it made is printed.
func TestTheCommandsLaunchTheStack(t *testing.T) {
	t.Parallel()
	const region = "eu-west-1"
	cloud, endpoint := launchable(t, region)
	p := published(t)
	r := Request{Region: region, Ticket: "12345", Account: account, Expires: NoExpiry, ExternalID: oddID}
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
	if len(rows) != 1 || rows[0].TicketID != r.Ticket || rows[0].ExternalID != oddID {
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
	away := p.Account.Parameters["RegistrationEndpoint"].Default
	reporting := strings.Replace(string(p.Account.Body), away, endpoint.URL+"/v1/registrations", 1)
	address, err := url.Parse(template.URL(template.Path, p.Account.Body))
	if err != nil {
		t.Fatal(err)
	}
	// The local cloud takes the first part of the path for the bucket, whatever the host.
	bucket, key, _ := strings.Cut(strings.TrimPrefix(address.Path, "/"), "/")
	client := s3.NewFromConfig(as)
	there := &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(region)}
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &bucket, CreateBucketConfiguration: there,
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
	r := Request{Region: "us-east-1", Ticket: "12345", Expires: NoExpiry, Notices: true, Organization: true}
	l, err := published(t).Launch(r, now)
	if err != nil {
		t.Fatal(err)
	}
	// The first line, a comment, says how to choose units; the second asks for the root.
	comment, rest, _ := strings.Cut(l.CLI(), "\n")
	_, rest, _ = strings.Cut(rest, "\n")
	_, choice, _ := strings.Cut(comment, "For some: ")
	for _, c := range []struct{ name, commands, units string }{
		{name: "every account", commands: l.CLI(), units: "r-ab12"},
		{name: "chosen units", commands: choice + " &&\n" + rest, units: "ou-ab12-11111111,ou-ab12-22222222"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			created := make(chan url.Values, 1)
			server := httptest.NewServer(organization(t, created))
			t.Cleanup(server.Close)
			_, said, err := run(t, c.commands, server.URL)
			if err == nil || !strings.Contains(said, "Seen enough") {
				t.Fatalf("the commands went on after a failure: %v\n%s", err, said)
			}
			got := <-created
			want := url.Values{
				"Action":                             {"CreateStack"},
				"Version":                            {"2010-05-15"},
				"StackName":                          {l.Stack},
				"TemplateURL":                        {l.TemplateURL},
				"Capabilities.member.1":              {"CAPABILITY_NAMED_IAM"},
				"Capabilities.member.2":              {"CAPABILITY_AUTO_EXPAND"},
				"Parameters.member.1.ParameterKey":   {"OrganizationalUnits"},
				"Parameters.member.1.ParameterValue": {c.units},
				"Parameters.member.2.ParameterKey":   {"TicketId"},
				"Parameters.member.2.ParameterValue": {"12345"},
				"Parameters.member.3.ParameterKey":   {"Notices"},
				"Parameters.member.3.ParameterValue": {"on"},
			}
			if got.Encode() != want.Encode() {
				t.Errorf("the AWS CLI sends\n%v\nwant\n%v", got, want)
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
		const refusal = "<ErrorResponse><Error><Code>No</Code><Message>Seen enough</Message></Error></ErrorResponse>"
		_, _ = io.WriteString(w, refusal)
	})
}

// Terraform's own parser reads the resource, and finds the launch in it.
func TestTheResourceIsTerraforms(t *testing.T) {
	t.Parallel()
	p := published(t)
	for _, r := range []Request{
		usual(func(r *Request) { r.Account, r.Notices = account, true }),
		usual(func(r *Request) { r.ExternalID = oddID }),
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
		want := map[string]cty.Value{
			"region":       cty.StringVal(l.Region),
			"name":         cty.StringVal(l.Stack),
			"template_url": cty.StringVal(l.TemplateURL),
			"capabilities": cty.TupleVal([]cty.Value{cty.StringVal("CAPABILITY_IAM")}),
		}
		parameters := map[string]cty.Value{}
		for _, parameter := range l.Parameters {
			parameters[parameter.Name] = cty.StringVal(parameter.Value)
		}
		if len(parameters) > 0 {
			want["parameters"] = cty.ObjectVal(parameters)
		}
		wantResource(t, text, want)
	}
	if text, err := (Launch{Organization: true}).Terraform(); err == nil {
		t.Errorf("an organization is launched in one account: %s", text)
	}
}

// wantResource fails unless the text is a stack with these attributes, and its outputs.
func wantResource(t *testing.T, text string, want map[string]cty.Value) {
	t.Helper()
	file, diagnostics := hclparse.NewParser().ParseHCL([]byte(text), "main.tf")
	if diagnostics.HasErrors() {
		t.Fatalf("%v\n%s", diagnostics, text)
	}
	blocks := file.Body.(*hclsyntax.Body).Blocks
	if len(blocks) != 2 || blocks[0].Type != "resource" || blocks[1].Type != "output" {
		t.Fatalf("it is no resource with an output:\n%s", text)
	}
	if name := blocks[0].Labels; !slices.Equal(name, []string{"aws_cloudformation_stack", "doit_support"}) {
		t.Errorf("the resource is %q", name)
	}
	got := map[string]cty.Value{}
	for name, attribute := range blocks[0].Body.Attributes {
		value, diagnostics := attribute.Expr.Value(nil)
		if diagnostics.HasErrors() {
			t.Fatal(diagnostics)
		}
		got[name] = value
	}
	if !maps.EqualFunc(got, want, cty.Value.RawEquals) {
		t.Errorf("the resource has\n%#v\nwant\n%#v", got, want)
	}
	outputs, ok := blocks[1].Body.Attributes["value"].Expr.(*hclsyntax.ScopeTraversalExpr)
	if !ok || outputs.Traversal.RootName() != blocks[0].Labels[0] {
		t.Errorf("the output is not the stack's:\n%s", text)
	}
}
