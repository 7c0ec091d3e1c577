package template_test

import (
	"bytes"
	"context"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"go.yaml.in/yaml/v3"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/runtimeapi"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

const (
	region = "eu-west-1"
	ticket = "12345"
)

// The local cloud has no stack sets, and does not notice which account of an
// organization it is: what follows plays in one.
func TestOrganizationInTheLocalCloud(t *testing.T) {
	t.Parallel()
	r := newRollout(t)
	r.anotherAccount()
	r.managementAccount()
	r.memberAccount()
}

func (r *rollout) anotherAccount() {
	r.t.Helper()
	err := r.launch("elsewhere", map[string]string{"AccountId": "999988887777"})
	if err == nil || !strings.Contains(err.Error(), "DoiT made this link for another AWS account") {
		r.t.Errorf("in another account than the link's it ends with %v", err)
	}
}

// The local cloud cannot show an update of a stack inside a stack (it forgets
// the log group's ARN), so each step makes the inner one anew or takes it away.
func (r *rollout) managementAccount() {
	r.t.Helper()
	r.create("refused", map[string]string{"TicketId": "99999"})
	if status := r.rest("refused"); status != "ROLLBACK_COMPLETE" {
		r.t.Errorf("with a ticket that is not open it comes to %s", status)
	}
	if said := strings.Join(r.events("refused"), "\n"); !strings.Contains(said, "Ticket 99999 is not open") {
		r.t.Errorf("the customer is not told what DoiT refused:\n%s", said)
	}
	if r.touched("refused", "AccountStacks") {
		r.t.Error("what DoiT refused in the management account went on to the others")
	}
	r.wantRegistrations()

	r.create("doit", map[string]string{"Access": "dismissed"})
	if status := r.rest("doit"); status != "CREATE_COMPLETE" {
		r.t.Fatalf("it comes to %s:\n%s", status, strings.Join(r.events("doit"), "\n"))
	}
	r.wantReviewedTemplate(r.inner("doit"))
	if !r.touched("doit", "AccountStacks") {
		r.t.Error("it ended without the stack set")
	}
	r.wantRegistrations("suspended")

	for _, step := range []struct {
		name    string
		changed map[string]string
		want    []string
	}{
		{name: "leave the management account out", changed: map[string]string{"ManagementAccount": "excluded"},
			want: []string{"deleted"}},
		{name: "take it in", changed: map[string]string{"ManagementAccount": "included", "Access": "approved"},
			want: []string{"active", "deleted"}},
		{name: "hand over to a delegated administrator", changed: map[string]string{"CallAs": "DELEGATED_ADMIN"},
			want: []string{"deleted", "deleted"}},
		{name: "take it back", changed: map[string]string{"CallAs": "SELF"},
			want: []string{"active", "deleted", "deleted"}},
	} {
		r.update("doit", step.changed)
		if status := r.rest("doit"); status != "UPDATE_COMPLETE" {
			r.t.Fatalf("%s: it comes to %s:\n%s", step.name, status, strings.Join(r.events("doit"), "\n"))
		}
		r.wantRegistrations(step.want...)
	}

	if _, err := r.client.DeleteStack(r.t.Context(),
		&cloudformation.DeleteStackInput{StackName: aws.String("doit")}); err != nil {
		r.t.Fatal(err)
	}
	if status := r.rest("doit"); status != "DELETE_COMPLETE" {
		r.t.Fatalf("the end comes to %s", status)
	}
	r.wantRegistrations("deleted", "deleted", "deleted")
}

// Here the test does what a stack set would, with nothing but what AccountStacks says.
func (r *rollout) memberAccount() {
	r.t.Helper()
	stackID := r.launchAsStackSet("member")
	r.wantReviewedTemplate("member")
	rows := r.wantRegistrations("active", "deleted", "deleted", "deleted")
	at := slices.IndexFunc(rows, func(row localcloud.Registration) bool { return row.StackID == stackID })
	if at < 0 {
		r.t.Fatalf("DoiT knows nothing of stack %s", stackID)
	}
	if rows[at].TicketID != ticket {
		r.t.Errorf("stack %s is registered under ticket %q", stackID, rows[at].TicketID)
	}
	// The stack's GUID: no two accounts share it.
	if rows[at].ExternalID != path.Base(stackID) {
		r.t.Errorf("stack %s has the external ID %q, not one of its own", stackID, rows[at].ExternalID)
	}
}

// rollout is a local cloud with the published template in it, and DoiT's endpoint.
type rollout struct {
	t        *testing.T
	client   *cloudformation.Client
	endpoint *localcloud.Endpoint
	reviewed []byte // doitmanagement.yaml
}

func newRollout(t *testing.T) *rollout {
	t.Helper()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	reviewed, _ := read(t, template.Path)
	organization, _ := read(t, template.OrganizationPath)
	if err := template.CheckOrganization(organization, reviewed); err != nil {
		t.Fatal(err) // the local cloud would look for another template
	}
	zip, err := code.Build(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := runtimeapi.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cloud := localcloud.StartT(t, certificate.File)
	doit, err := cloud.Session(t.Context(), "462932234033", "endpoint", "registration", "sts:AssumeRole")
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := cloud.StartEndpoint(t.Context(), doit, certificate.File, certificate.KeyFile, "-tickets", ticket)
	if err != nil {
		t.Fatal(err)
	}
	as := cloud.Root("111122223333", region)
	publish(t, as, reviewed, zip)
	return &rollout{t: t, client: cloudformation.NewFromConfig(as), endpoint: endpoint, reviewed: reviewed}
}

// publish puts the function and the account's template where the templates say
// that they are. The local cloud looks only into buckets of the account that
// launches, and takes the first part of a template's path for the bucket,
// whatever the host.
func publish(t *testing.T, as aws.Config, reviewed []byte, zip code.Zip) {
	t.Helper()
	parsed, err := template.Parse(reviewed)
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(template.URL(template.Path, reviewed))
	if err != nil {
		t.Fatal(err)
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(address.Path, "/"), "/")
	client := s3.NewFromConfig(as)
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: bytes.NewReader(reviewed),
	}); err != nil {
		t.Fatal(err)
	}
	if err := localcloud.PublishCode(t.Context(), as, parsed, zip.Bytes); err != nil {
		t.Fatal(err)
	}
}

func (r *rollout) create(stack string, set map[string]string) {
	r.t.Helper()
	if err := r.launch(stack, set); err != nil {
		r.t.Fatal(err)
	}
}

// launch launches organization.yaml with another resource, one that makes
// nothing, in place of the stack set, which the local cloud would refuse.
func (r *rollout) launch(stack string, set map[string]string) error {
	r.t.Helper()
	published, organization := read(r.t, template.OrganizationPath)
	body := strings.Replace(string(published), "Type: AWS::CloudFormation::StackSet\n",
		"Type: AWS::CloudFormation::WaitConditionHandle\n", 1)
	if body == string(published) {
		r.t.Fatalf("%s has no stack set", template.OrganizationPath)
	}
	var parameters []types.Parameter
	for name := range organization.Parameters {
		value, ok := set[name]
		if !ok {
			value = r.value(organization, name)
		}
		parameters = append(parameters, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	_, err := r.client.CreateStack(r.t.Context(), &cloudformation.CreateStackInput{
		StackName: &stack, TemplateBody: &body, Parameters: parameters,
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	})
	return err
}

func (r *rollout) update(stack string, changed map[string]string) {
	r.t.Helper()
	_, organization := read(r.t, template.OrganizationPath)
	var parameters []types.Parameter
	for name := range organization.Parameters {
		parameter := types.Parameter{ParameterKey: &name, UsePreviousValue: aws.Bool(true)}
		if value, ok := changed[name]; ok {
			parameter = types.Parameter{ParameterKey: &name, ParameterValue: &value}
		}
		parameters = append(parameters, parameter)
	}
	if _, err := r.client.UpdateStack(r.t.Context(), &cloudformation.UpdateStackInput{
		StackName: &stack, UsePreviousTemplate: aws.Bool(true), Parameters: parameters,
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	}); err != nil {
		r.t.Fatal(err)
	}
}

// launchAsStackSet makes the account's stack as AccountStacks would have it, and
// returns its ID.
func (r *rollout) launchAsStackSet(stack string) string {
	r.t.Helper()
	_, organization := read(r.t, template.OrganizationPath)
	var address string
	decode(r.t, organization, "AccountStacks", "TemplateURL", &address)
	var capabilities []types.Capability
	decode(r.t, organization, "AccountStacks", "Capabilities", &capabilities)
	var handed []struct {
		Key   string    `yaml:"ParameterKey"`
		Value yaml.Node `yaml:"ParameterValue"` // a reference to a parameter
	}
	decode(r.t, organization, "AccountStacks", "Parameters", &handed)
	var parameters []types.Parameter
	for _, p := range handed {
		parameters = append(parameters,
			types.Parameter{ParameterKey: &p.Key, ParameterValue: aws.String(r.value(organization, p.Value.Value))})
	}
	made, err := r.client.CreateStack(r.t.Context(), &cloudformation.CreateStackInput{
		StackName: &stack, TemplateURL: &address, Capabilities: capabilities, Parameters: parameters,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if status := r.rest(stack); status != "CREATE_COMPLETE" {
		r.t.Fatalf("the account's stack comes to %s:\n%s", status, strings.Join(r.events(stack), "\n"))
	}
	return aws.ToString(made.StackId)
}

// value is what a parameter of the rollout is set to, where a test does not differ.
func (r *rollout) value(organization document, name string) string {
	switch name {
	case "OrganizationalUnits":
		return "ou-ab12-11111111,ou-ab12-22222222"
	case "TicketId":
		return ticket
	case "RegistrationEndpoint":
		return r.endpoint.URL + "/v1/registrations"
	}
	return text(organization.Parameters[name]["Default"])
}

// rest waits until the stack has come to rest and tells where.
func (r *rollout) rest(stack string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	for {
		// A deleted stack is found among those that were, not by its name.
		listed, err := r.client.ListStacks(ctx, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, summary := range listed.StackSummaries {
			status := string(summary.StackStatus)
			if aws.ToString(summary.StackName) == stack && !strings.HasSuffix(status, "_IN_PROGRESS") {
				return status
			}
		}
		select {
		case <-ctx.Done():
			r.t.Fatalf("stack %s does not come to rest:\n%s", stack, strings.Join(r.events(stack), "\n"))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// events are those of the stack, newest first: the resource, its status and why.
func (r *rollout) events(stack string) (events []string) {
	r.t.Helper()
	pages := cloudformation.NewDescribeStackEventsPaginator(r.client,
		&cloudformation.DescribeStackEventsInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range page.StackEvents {
			events = append(events,
				strings.Join([]string{aws.ToString(e.LogicalResourceId), string(e.ResourceStatus),
					aws.ToString(e.ResourceStatusReason)}, " "))
		}
	}
	return events
}

// touched tells whether CloudFormation ever began with a resource of the stack.
func (r *rollout) touched(stack, resource string) bool {
	r.t.Helper()
	return slices.ContainsFunc(r.events(stack),
		func(event string) bool { return strings.HasPrefix(event, resource+" ") })
}

// inner is the management account's stack inside the rollout's.
func (r *rollout) inner(stack string) string {
	r.t.Helper()
	described, err := r.client.DescribeStackResource(r.t.Context(), &cloudformation.DescribeStackResourceInput{
		StackName: &stack, LogicalResourceId: aws.String("ManagementAccountStack"),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return aws.ToString(described.StackResourceDetail.PhysicalResourceId)
}

// wantReviewedTemplate compares what a stack is of with what is committed.
func (r *rollout) wantReviewedTemplate(stack string) {
	r.t.Helper()
	launched, err := r.client.GetTemplate(r.t.Context(), &cloudformation.GetTemplateInput{StackName: &stack})
	if err != nil {
		r.t.Fatal(err)
	}
	if aws.ToString(launched.TemplateBody) != string(r.reviewed) {
		r.t.Errorf("stack %s is of another template than the reviewed one", stack)
	}
}

// wantRegistrations compares the states of all that DoiT knows, in the
// alphabet's order, and returns them.
func (r *rollout) wantRegistrations(want ...string) []localcloud.Registration {
	r.t.Helper()
	rows, err := r.endpoint.Registrations(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	var got []string
	for _, row := range rows {
		got = append(got, row.Status)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		r.t.Fatalf("DoiT's registrations are %v, not %v", got, want)
	}
	return rows
}
