package contract

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
	"github.com/doitintl/aws-ro-access/scripts/internal/values"
)

// with is the golden body with one value in the place of its own.
func with(t *testing.T, g golden, changes map[string]string) []byte {
	t.Helper()
	var members map[string]string
	if err := json.Unmarshal([]byte(g.Body), &members); err != nil {
		t.Fatal(err)
	}
	maps.Copy(members, changes)
	return marshal(t, members)
}

func TestTheContractTakesTheTablesGoodValuesAlone(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	for _, member := range values.Read(t).Members {
		t.Run(member.Name, func(t *testing.T) {
			t.Parallel()
			for _, value := range member.Good {
				body := with(t, g, map[string]string{member.Name: value})
				if err := Request(headerFor(g.URL, body), body); err != nil {
					t.Errorf("%s %.200q is refused: %v", member.Name, value, err)
				}
			}
			for _, value := range append(member.Bad, "", strings.Repeat("a", 6400)) {
				body := with(t, g, map[string]string{member.Name: value})
				err := Request(headerFor(g.URL, body), body)
				if err == nil || !strings.Contains(err.Error(), member.Name) {
					t.Errorf("%s %.200q should be refused by its name, and not as %v", member.Name, value, err)
				}
			}
		})
	}
}

func TestTheContractKnowsTheTablesPartitionsAlone(t *testing.T) {
	t.Parallel()
	g, table := readGolden(t), values.Read(t)
	in := func(partition, region string) []byte {
		return with(t, g, map[string]string{
			"region":  region,
			"stackId": "arn:" + partition + ":cloudformation:" + region + ":111122223333:stack/a/b",
			"roleArn": "arn:" + partition + ":iam::111122223333:role/x",
		})
	}
	for _, p := range table.Partitions {
		proof := strings.Replace(g.URL, "sts.eu-west-1.amazonaws.com", p.STS, 1)
		proof = strings.ReplaceAll(proof, "eu-west-1", p.Region)
		body := in(p.Name, p.Region)
		if err := Request(headerFor(proof, body), body); err != nil {
			t.Errorf("the partition %s: %v", p.Name, err)
		}
	}
	for _, name := range table.NoPartitions {
		body := in(name, "eu-west-1")
		err := Request(headerFor(g.URL, body), body)
		for _, member := range []string{"stackId", "roleArn"} {
			if err == nil || !strings.Contains(err.Error(), member) {
				t.Errorf("a %s of the partition %q should be refused, and not as %v", member, name, err)
			}
		}
	}
}

// Whoever adds a member to the wire finds out here what else it needs.
func TestTheTableTheContractAndTheTemplateHaveTheSameMembers(t *testing.T) {
	t.Parallel()
	table := values.Read(t)
	properties := []string{"ServiceToken", "ServiceTimeout", "Endpoint"} // which are not sent
	var members []string
	for _, member := range table.Members {
		members = append(members, member.Name)
		if member.Property != "" {
			properties = append(properties, member.Property)
		}
	}
	same(t, "member", members, keys(schema(t).Properties), "the contract's schema Registration")

	text, err := repo.ReadFile(template.Path)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Resources struct {
			Registration struct {
				Properties map[string]any `yaml:"Properties"`
			} `yaml:"Registration"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	same(t, "property", properties, keys(document.Resources.Registration.Properties), "the template's Registration")
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func same(t *testing.T, what string, table, others []string, where string) {
	t.Helper()
	for _, name := range others {
		if !slices.Contains(table, name) {
			t.Errorf("%s has a %s %s, of which %s has no values", where, what, name, values.Path)
		}
	}
	for _, name := range table {
		if !slices.Contains(others, name) {
			t.Errorf("%s has values of the %s %s, which %s lacks", values.Path, what, name, where)
		}
	}
}

func schema(t *testing.T) *openapi3.Schema {
	t.Helper()
	return post(t).RequestBody.Value.Content["application/json"].Schema.Value
}

// A rule of which the table tries no limit could be loosened unseen.
func TestTheTableTriesEachLimit(t *testing.T) {
	t.Parallel()
	properties := schema(t).Properties
	for _, member := range values.Read(t).Members {
		rule := properties[member.Name]
		if rule == nil {
			continue // the test above says so
		}
		want := func(list []string, test func(string) bool, missing string, a ...any) {
			if !slices.ContainsFunc(list, test) {
				t.Errorf("%s: %s has no "+missing, append([]any{member.Name, values.Path}, a...)...)
			}
		}
		most, least := rule.Value.MaxLength, rule.Value.MinLength
		if most == nil && rule.Value.Enum == nil && rule.Value.Format != "date-time" {
			t.Errorf("%s: the contract has no maxLength", member.Name)
		}
		if most != nil {
			want(member.Good, ofLength(*most), "good value of %d characters, the most that the contract takes", *most)
			want(member.Bad, ofLength(*most+1), "bad value of %d characters, one too many for the contract", *most+1)
		}
		if least > 1 {
			want(member.Good, ofLength(least), "good value of %d characters, the fewest that the contract takes", least)
			want(member.Bad, ofLength(least-1), "bad value of %d characters, one too few for the contract", least-1)
		}
		if member.Name == "requestId" {
			continue // CloudFormation's own word, of any characters
		}
		want(member.Bad, endsTheLine, "bad value with a line break at its end")
		want(member.Bad, hasSpace, "bad value with a space")
		want(member.Bad, isBeyondASCII, "bad value with a letter beyond ASCII")
	}
}

func ofLength(n uint64) func(string) bool {
	return func(value string) bool { return uint64(utf8.RuneCountInString(value)) == n }
}

func endsTheLine(value string) bool   { return strings.HasSuffix(value, "\n") }
func hasSpace(value string) bool      { return strings.Contains(value, " ") }
func isBeyondASCII(value string) bool { return utf8.RuneCountInString(value) < len(value) }
