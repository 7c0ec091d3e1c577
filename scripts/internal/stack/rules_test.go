package stack

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// written is the template as it is written, functions and all.
type written struct {
	Transform  yaml.Node            `yaml:"Transform"`
	Parameters map[string]parameter `yaml:"Parameters"`
	Resources  map[string]resource  `yaml:"Resources"`
	Outputs    yaml.Node            `yaml:"Outputs"`
}

type parameter struct {
	Description string  `yaml:"Description"`
	Default     *string `yaml:"Default"`
}

type resource struct {
	Type                string               `yaml:"Type"`
	DependsOn           list                 `yaml:"DependsOn"`
	DeletionPolicy      string               `yaml:"DeletionPolicy"`
	UpdateReplacePolicy string               `yaml:"UpdateReplacePolicy"`
	Properties          map[string]yaml.Node `yaml:"Properties"`
}

func readWritten(t *testing.T) (w written) {
	t.Helper()
	found(t)
	if err := yaml.Unmarshal(published.Body, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

// A renamed logical ID is another resource: an update of a customer's stack
// would replace the role, and with it every session and record of it.
func TestLogicalIDsAreNeverRenamed(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"SupportRole":                 "AWS::IAM::Role",
		"SupportLimits":               "AWS::IAM::ManagedPolicy",
		"ResourcePolicyLimits":        "AWS::IAM::ManagedPolicy",
		"AccessDismissed":             "AWS::IAM::ManagedPolicy",
		"AccessExpired":               "AWS::IAM::ManagedPolicy",
		"Registration":                "Custom::Registration",
		"RegistrationFunction":        "AWS::Lambda::Function",
		"RegistrationFunctionVersion": "AWS::Lambda::Version",
		"RegistrationRetries":         "AWS::Lambda::EventInvokeConfig",
		"RegistrationRole":            "AWS::IAM::Role",
		"RegistrationLogAccess":       "AWS::IAM::ManagedPolicy",
		"RegistrationLogs":            "AWS::Logs::LogGroup",
		"AccessNotices":               "AWS::SNS::Topic",
		"AccessNoticesRule":           "AWS::Events::Rule",
		"AccessNoticesPolicy":         "AWS::SNS::TopicPolicy",
	}
	got := map[string]string{}
	for id, resource := range readWritten(t).Resources {
		got[id] = resource.Type
	}
	if !maps.Equal(got, want) {
		t.Errorf("the resources are\n\t%v, want\n\t%v", got, want)
	}
}

func TestNothingStaysBehind(t *testing.T) {
	t.Parallel()
	for id, resource := range readWritten(t).Resources {
		for _, policy := range []string{resource.DeletionPolicy, resource.UpdateReplacePolicy} {
			if policy != "" && policy != "Delete" {
				t.Errorf("%s has the policy %s", id, policy)
			}
		}
	}
}

// What is uploaded is what is deployed: nothing is expanded on the way, and no
// code stands in the template.
func TestNoMacrosNoNestedStacksNoInlineCode(t *testing.T) {
	t.Parallel()
	w := readWritten(t)
	if !w.Transform.IsZero() {
		t.Error("the template has a transform")
	}
	for _, word := range []string{
		"Fn::Transform", "!Transform", "AWS::Include", "ZipFile", "AWS::CloudFormation::Stack",
	} {
		if strings.Contains(string(published.Body), word) {
			t.Errorf("the template has %s", word)
		}
	}
	// CreateStack takes no more than this in a request, and a reviewer's tools do not either.
	if size := len(published.Body); size > 51_200 {
		t.Errorf("the template has %d bytes, more than 51200", size)
	}
}

// CAPABILITY_IAM is enough while AWS chooses the names.
func TestNoNamesOfOurs(t *testing.T) {
	t.Parallel()
	for id, resource := range readWritten(t).Resources {
		for _, name := range []string{"RoleName", "LogGroupName", "ManagedPolicyName"} {
			if _, named := resource.Properties[name]; named {
				t.Errorf("%s has a %s", id, name)
			}
		}
		if _, named := resource.Properties["FunctionName"]; named && resource.Type == "AWS::Lambda::Function" {
			t.Errorf("%s has a FunctionName", id)
		}
	}
}

// A quick-create link has one page and one tick: whatever can be set has a default.
func TestEveryParameterHasADefaultAndAnExplanation(t *testing.T) {
	t.Parallel()
	for name, parameter := range readWritten(t).Parameters {
		if parameter.Default == nil || parameter.Description == "" {
			t.Errorf("%s lacks a default or a description", name)
		}
	}
}

// Registration may answer without Data, or not at all on a rolled back update:
// nothing may read it.
func TestNothingReadsRegistration(t *testing.T) {
	t.Parallel()
	w := readWritten(t)
	for id, resource := range w.Resources {
		for _, read := range references(resource) {
			if read == "Registration" {
				t.Errorf("%s reads Registration", id)
			}
		}
	}
	for _, read := range referencesIn(&w.Outputs) {
		if read == "Registration" {
			t.Error("an output reads Registration")
		}
	}
}

// CloudFormation deletes a resource before what it refers to. So everything
// that the function needs must be reached from Registration, or it could be
// gone when the function is told of the delete.
func TestTheFunctionOutlivesRegistration(t *testing.T) {
	t.Parallel()
	w := readWritten(t)
	reached, queue := map[string]bool{}, []string{"Registration"}
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		for _, next := range references(w.Resources[id]) {
			if _, isResource := w.Resources[next]; isResource && !reached[next] {
				reached[next] = true
				queue = append(queue, next)
			}
		}
	}
	for id := range w.Resources {
		// Notices are the customer's own; the function knows nothing of them.
		if id != "Registration" && !reached[id] && !strings.HasPrefix(id, "AccessNotices") {
			t.Errorf("%s is not reached from Registration, so it may be deleted first", id)
		}
	}
}

// A second version of the same code is refused by Lambda; anything but these
// two properties would ask for one.
func TestTheVersionIsOnlyThePin(t *testing.T) {
	t.Parallel()
	got := slices.Sorted(maps.Keys(readWritten(t).Resources["RegistrationFunctionVersion"].Properties))
	if want := []string{"CodeSha256", "FunctionName"}; !slices.Equal(got, want) {
		t.Errorf("its properties are %q, want %q", got, want)
	}
}

// Which properties it has, contract's table of values says.
func TestWhatRegistrationIsGiven(t *testing.T) {
	t.Parallel()
	registration := readWritten(t).Resources["Registration"]
	if timeout := registration.Properties["ServiceTimeout"]; timeout.Value != "630" {
		t.Errorf("CloudFormation waits %q s, want 630", timeout.Value)
	}
	token := registration.Properties["ServiceToken"]
	if token.Tag != "!GetAtt" || token.Value != "RegistrationFunction.Arn" {
		t.Errorf("the ServiceToken is %s %q, want the function's ARN, which never changes", token.Tag, token.Value)
	}
}

// The emulator's CloudFormation drops a role's boundary, so that it is set is read here.
func TestBothRolesTakeTheBoundary(t *testing.T) {
	t.Parallel()
	for id, otherwise := range map[string][]string{
		"SupportRole":      {"!Sub", "arn:${AWS::Partition}:iam::aws:policy/SecurityAudit"},
		"RegistrationRole": {"!Ref", "AWS::NoValue"},
	} {
		boundary := readWritten(t).Resources[id].Properties["PermissionsBoundary"]
		var got []string
		for _, part := range boundary.Content {
			got = append(got, part.Tag, part.Value)
		}
		want := append([]string{"!!str", "HasBoundary", "!Ref", "PermissionsBoundary"}, otherwise...)
		if boundary.Tag != "!If" || !slices.Equal(got, want) {
			t.Errorf("the boundary of %s is %s %q, want !If %q", id, boundary.Tag, got, want)
		}
	}
}

func TestNoAllowHasAWildcard(t *testing.T) {
	t.Parallel()
	w, allows := readWritten(t), 0
	for id, resource := range w.Resources {
		for _, property := range resource.Properties {
			for _, statement := range mappings(&property) {
				effect := member(statement, "Effect")
				if effect == nil || effect.Value == "Deny" {
					continue
				}
				allows++
				for _, name := range []string{"Action", "Resource", "Principal"} {
					value := member(statement, name)
					if value != nil && strings.Contains(strings.Join(scalars(value), " "), "*") {
						t.Errorf("%s allows with a wildcard in %s", id, name)
					}
					if member(statement, "Not"+name) != nil {
						t.Errorf("%s allows everything but something", id)
					}
				}
			}
		}
	}
	if allows != 4 {
		t.Errorf("%d statements allow something, want 4: two trusts, the function's log, the notices' topic", allows)
	}
}

// The template works in every partition in which DoiT has an account.
func TestARNsAreWrittenByPartition(t *testing.T) {
	t.Parallel()
	_, resources, _ := strings.Cut(string(published.Body), "\nResources:")
	if literal := regexp.MustCompile(`arn:aws[a-z-]*:\S*`).FindString(resources); literal != "" {
		t.Errorf("%s is of one partition only", literal)
	}
}

// references are the names that a resource refers to, those it waits for too.
func references(r resource) (names []string) {
	for _, property := range r.Properties {
		names = append(names, referencesIn(&property)...)
	}
	return append(names, r.DependsOn...)
}

var substitution = regexp.MustCompile(`\$\{([A-Za-z0-9:]+)`)

func referencesIn(node *yaml.Node) (names []string) {
	switch node.Tag {
	case "!Ref":
		names = append(names, node.Value)
	case "!GetAtt":
		name, _, _ := strings.Cut(node.Value, ".")
		names = append(names, name)
	}
	if node.Kind == yaml.ScalarNode {
		for _, match := range substitution.FindAllStringSubmatch(node.Value, -1) {
			names = append(names, match[1])
		}
	}
	for _, inner := range node.Content {
		names = append(names, referencesIn(inner)...)
	}
	return names
}

func mappings(node *yaml.Node) (all []*yaml.Node) {
	if node.Kind == yaml.MappingNode {
		all = append(all, node)
	}
	for _, inner := range node.Content {
		all = append(all, mappings(inner)...)
	}
	return all
}

func member(mapping *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func scalars(node *yaml.Node) (all []string) {
	if node.Kind == yaml.ScalarNode {
		return []string{node.Value}
	}
	for _, inner := range node.Content {
		all = append(all, scalars(inner)...)
	}
	return all
}
