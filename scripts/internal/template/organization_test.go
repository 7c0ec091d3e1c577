package template_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/doitintl/aws-ro-access/scripts/internal/awscli"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// document is a template as it is written, functions and all.
type document struct {
	Metadata struct {
		Interface struct {
			ParameterGroups []struct {
				Parameters []string `yaml:"Parameters"`
			} `yaml:"ParameterGroups"`
		} `yaml:"AWS::CloudFormation::Interface"`
	} `yaml:"Metadata"`
	Parameters map[string]map[string]any `yaml:"Parameters"`
	Conditions map[string]yaml.Node      `yaml:"Conditions"`
	Outputs    map[string]struct {
		Value yaml.Node `yaml:"Value"`
	} `yaml:"Outputs"`
	Resources map[string]struct {
		Type       string               `yaml:"Type"`
		Condition  string               `yaml:"Condition"`
		Properties map[string]yaml.Node `yaml:"Properties"`
	} `yaml:"Resources"`
}

func read(t *testing.T, path string) (body []byte, parsed document) {
	t.Helper()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	body, err = os.ReadFile(filepath.Join(root, path)) // #nosec G304 -- the repository's own file
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(body, &parsed); err != nil {
		t.Fatal(err)
	}
	return body, parsed
}

func TestOrganizationTakesWhatTheAccountTemplateTakes(t *testing.T) {
	t.Parallel()
	_, account := read(t, template.Path)
	_, organization := read(t, template.OrganizationPath)
	for name, want := range account.Parameters {
		got := organization.Parameters[name]
		// Only its words may differ: there they speak of one account, here of many.
		delete(want, "Description")
		delete(got, "Description")
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is declared as\n\t%v\nin %s, and as\n\t%v\nin %s", name, got, template.OrganizationPath,
				want, template.Path)
		}
	}
}

func TestOrganizationHandsOnExactlyThoseParameters(t *testing.T) {
	t.Parallel()
	_, account := read(t, template.Path)
	_, organization := read(t, template.OrganizationPath)
	// AccountId is for the launch of this stack: handed on, it would be refused in every other account.
	delete(account.Parameters, "AccountId")
	want := slices.Sorted(maps.Keys(account.Parameters))

	var set []struct {
		Key   string    `yaml:"ParameterKey"`
		Value yaml.Node `yaml:"ParameterValue"`
	}
	decode(t, organization, "AccountStacks", "Parameters", &set)
	handed := map[string]yaml.Node{}
	for _, p := range set {
		handed[p.Key] = p.Value
	}
	var nested map[string]yaml.Node
	decode(t, organization, "ManagementAccountStack", "Parameters", &nested)

	for where, parameters := range map[string]map[string]yaml.Node{
		"the stack set": handed, "the nested stack": nested,
	} {
		if got := slices.Sorted(maps.Keys(parameters)); !slices.Equal(got, want) {
			t.Errorf("%s gets %v, not %v", where, got, want)
		}
		for name, value := range parameters {
			if value.Tag != "!Ref" || value.Value != name {
				t.Errorf("%s gets %s %s as its %s", where, value.Tag, value.Value, name)
			}
		}
	}
}

func TestOrganizationShowsEachParameterOnce(t *testing.T) {
	t.Parallel()
	_, organization := read(t, template.OrganizationPath)
	var shown []string
	for _, group := range organization.Metadata.Interface.ParameterGroups {
		shown = append(shown, group.Parameters...)
	}
	slices.Sort(shown)
	if want := slices.Sorted(maps.Keys(organization.Parameters)); !slices.Equal(shown, want) {
		t.Errorf("the launch page shows %v, the parameters are %v", shown, want)
	}
}

// What a reader of the template relies on, each with what would happen otherwise.
func TestOrganizationRollsOut(t *testing.T) {
	t.Parallel()
	_, organization := read(t, template.OrganizationPath)
	for _, c := range []struct{ property, want, otherwise string }{
		{property: "PermissionModel", want: "SERVICE_MANAGED",
			otherwise: "somebody would have to make a role in each account"},
		{property: "CallAs", want: "!Ref CallAs", otherwise: "a delegated administrator could not launch it"},
		{property: "AutoDeployment", want: "{Enabled: true, RetainStacksOnAccountRemoval: false}",
			otherwise: "accounts that leave would keep the access"},
		{property: "ManagedExecution", want: "{Active: true}",
			otherwise: "a dismissal could fail because an account is joining"},
		{property: "Capabilities", want: "[CAPABILITY_IAM]", otherwise: "no account's stack could make its roles"},
		{property: "OperationPreferences", want: "{FailureTolerancePercentage: 100, " +
			"ConcurrencyMode: SOFT_FAILURE_TOLERANCE, MaxConcurrentCount: 500}",
			otherwise: "failing accounts would stop, or slow down, the others"},
		{property: "StackInstancesGroup",
			want: "[{DeploymentTargets: {OrganizationalUnitIds: !Ref OrganizationalUnits, " +
				"Accounts: !If [Excludes, !Ref ExcludedAccounts, !Ref AWS::NoValue], " +
				"AccountFilterType: !If [Excludes, DIFFERENCE, !Ref AWS::NoValue]}, Regions: [!Ref AWS::Region]}]",
			otherwise: "it would go elsewhere than the customer chose"},
	} {
		property := organization.Resources["AccountStacks"].Properties[c.property]
		if got := flow(t, &property); got != c.want {
			t.Errorf("AccountStacks.%s is %s, not %s: %s", c.property, got, c.want, c.otherwise)
		}
	}
	// A list with an empty value among others counts as one: StackSets refuses it, and leaves no account in unseen.
	excludes := organization.Conditions["Excludes"]
	if got := flow(t, &excludes); got != "!Not [!Equals [!Join [, !Ref ExcludedAccounts], ]]" {
		t.Errorf("Excludes is %s", got)
	}
	for name, kind := range map[string]string{
		"AccountStacks":          "AWS::CloudFormation::StackSet",
		"ManagementAccountStack": "AWS::CloudFormation::Stack",
	} {
		if got := organization.Resources[name].Type; got != kind {
			t.Errorf("%s is of type %q, not %s", name, got, kind)
		}
	}
	if n := len(organization.Resources); n != 2 {
		t.Errorf("it has %d resources, not 2", n)
	}
}

// CloudFormation matches each value of a list, whole.
func TestTheListsOfAnOrganization(t *testing.T) {
	t.Parallel()
	_, organization := read(t, template.OrganizationPath)
	for parameter, values := range map[string]map[string]bool{
		"OrganizationalUnits": {
			"ou-ab12-11111111": true,
			"r-ab12":           true,
			"ou-0a1b2c3d4e5f-0123456789abcdefghijklmnopqrstuv": true,
			"":                  false,
			"*":                 false,
			"o-exampleorgid":    false, // the organization's own ID, which StackSets does not take
			"111122223333":      false,
			"ou-ab12":           false,
			"OU-AB12-11111111":  false,
			"ou-ab12-11111111 ": false,
		},
		"ExcludedAccounts": {
			"":                 true, // the default
			"111122223333":     true,
			"11112222333":      false,
			"1111222233334":    false,
			" 111122223333":    false,
			"ou-ab12-11111111": false,
		},
	} {
		pattern, err := regexp.Compile(text(organization.Parameters[parameter]["AllowedPattern"]))
		if err != nil {
			t.Fatal(err)
		}
		for value, want := range values {
			if got := pattern.MatchString(value); got != want {
				t.Errorf("%s %q is accepted: %t, want %t", parameter, value, got, want)
			}
		}
	}
}

// instances are the pages on which AWS lists a stack set's accounts.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackInstances.html
var instances = []string{
	instance("111111111111", "CURRENT", "SUCCEEDED", "") +
		instance("222222222222", "OUTDATED", "FAILED", "Ticket 99999 is not open for this account") +
		instance("333333333333", "OUTDATED", "RUNNING", ""),
	instance("444444444444", "INOPERABLE", "INOPERABLE", "Stack could not be deleted") +
		instance("555555555555", "INOPERABLE", "RUNNING", "") +
		instance("666666666666", "OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT", ""),
}

func instance(account, status, detailed, reason string) string {
	return "<member><Account>" + account + "</Account><Status>" + status +
		"</Status><StackInstanceStatus><DetailedStatus>" +
		detailed + "</DetailedStatus></StackInstanceStatus><StatusReason>" + reason + "</StatusReason></member>"
}

// The output FailedAccounts is run as it stands, with the AWS CLI, by one who
// asks what answers as AWS does.
func TestFailedAccounts(t *testing.T) {
	t.Parallel()
	_, organization := read(t, template.OrganizationPath)
	output := organization.Outputs["FailedAccounts"].Value
	if output.Tag != "!Sub" {
		t.Fatalf("FailedAccounts is %s", output.Tag)
	}
	command := strings.NewReplacer("${AWS::Region}", region, "${CallAs}", "DELEGATED_ADMIN", "${AWS::StackName}",
		"doit").
		Replace(output.Value)
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		asked := []string{r.Form.Get("Action"), r.Form.Get("StackSetName"), r.Form.Get("CallAs")}
		if !slices.Equal(asked, []string{"ListStackInstances", "doit", "DELEGATED_ADMIN"}) {
			t.Errorf("it asks for %v", r.Form)
		}
		page, next := instances[0], "<NextToken>more</NextToken>"
		if r.Form.Get("NextToken") == "more" {
			page, next = instances[1], ""
		}
		_, err := fmt.Fprintf(w,
			`<ListStackInstancesResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">`+
				`<ListStackInstancesResult><Summaries>%s</Summaries>%s</ListStackInstancesResult>`+
				`</ListStackInstancesResponse>`,
			page, next)
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(aws.Close)
	printed, said, err := awscli.Run(t, command,
		"AWS_ENDPOINT_URL="+aws.URL, "AWS_ACCESS_KEY_ID=111122223333", "AWS_SECRET_ACCESS_KEY=local")
	if err != nil {
		t.Fatalf("%s\n%v: %s", command, err, said)
	}
	want := "222222222222\tFAILED\tTicket 99999 is not open for this account\n" +
		"444444444444\tINOPERABLE\tStack could not be deleted\n" +
		"555555555555\tRUNNING\t\n"
	if printed != want {
		t.Errorf("%s\nprints\n%s\nwant\n%s", command, printed, want)
	}
}

func TestOrganizationIsPinned(t *testing.T) {
	t.Parallel()
	account, _ := read(t, template.Path)
	organization, _ := read(t, template.OrganizationPath)
	if err := template.CheckOrganization(organization, account); err != nil {
		t.Fatal(err)
	}

	changed := append(slices.Clone(account), '\n')
	err := template.CheckOrganization(organization, changed)
	if err == nil || !strings.Contains(err.Error(), template.Digest(changed)) {
		t.Errorf("with another account template the check says %v, want an error with its digest", err)
	}
	pinned, err := template.PinOrganization(organization, changed)
	if err != nil {
		t.Fatal(err)
	}
	if err := template.CheckOrganization(pinned, changed); err != nil {
		t.Error(err)
	}
	back, err := template.PinOrganization(pinned, account)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back, organization) {
		t.Error("pinning changes more than the addresses")
	}

	address := []byte(template.URL(template.Path, account))
	for name, body := range map[string][]byte{
		"one address": bytes.Replace(organization, address, nil, 1),
		"none":        nil,
		"three":       slices.Concat(organization, []byte("# "), address, []byte("\n")),
		"no digest":   bytes.Replace(organization, []byte(template.Digest(account)), []byte("latest"), 1),
	} {
		if _, err := template.PinOrganization(body, account); err == nil {
			t.Errorf("%s: it was pinned", name)
		}
		if err := template.CheckOrganization(body, account); err == nil {
			t.Errorf("%s: the check finds nothing", name)
		}
	}
}

func decode(t *testing.T, d document, resource, property string, into any) {
	t.Helper()
	node := d.Resources[resource].Properties[property]
	if err := node.Decode(into); err != nil {
		t.Fatalf("%s.%s: %v", resource, property, err)
	}
}

// text is a scalar as CloudFormation sees it, a number too.
func text(scalar any) string { return fmt.Sprint(scalar) }

// flow is a piece of a template on one line, its functions kept.
func flow(t *testing.T, node *yaml.Node) string {
	t.Helper()
	tag := ""
	if strings.HasPrefix(node.Tag, "!") && !strings.HasPrefix(node.Tag, "!!") {
		tag = node.Tag + " "
	}
	var parts []string
	switch node.Kind {
	case yaml.ScalarNode:
		return tag + node.Value
	case yaml.MappingNode:
		for i := 0; i < len(node.Content); i += 2 {
			parts = append(parts, node.Content[i].Value+": "+flow(t, node.Content[i+1]))
		}
		return tag + "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		for _, item := range node.Content {
			parts = append(parts, flow(t, item))
		}
		return tag + "[" + strings.Join(parts, ", ") + "]"
	}
	t.Fatalf("line %d is neither a value, a map nor a list", node.Line)
	return ""
}
