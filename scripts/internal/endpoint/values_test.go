package endpoint

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/values"
)

func TestTheEndpointTakesTheTablesGoodValuesAlone(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-verify-role=false", "-per-account", "0"})
	for _, member := range values.Read(t).Members {
		t.Run(member.Name, func(t *testing.T) {
			answer := func(value string) answer {
				return r.send(t, r.newCall(somebody, "Create", map[string]any{member.Name: value}))
			}
			for _, value := range member.Good {
				// That it does not fit the other members, or its proof, is another question.
				if a := answer(value); a.problem.Type == invalidRegistration.Type {
					t.Errorf("%s %.200q is answered %v", member.Name, value, a)
				}
			}
			for _, value := range append(member.Bad, "", strings.Repeat("a", 6400)) {
				if a := answer(value); a.problem.Type != invalidRegistration.Type {
					t.Errorf("%s %.200q is answered %v, want %s", member.Name, value, a, invalidRegistration.name())
				}
			}
		})
	}
}

func TestTheEndpointKnowsTheTablesMembersAlone(t *testing.T) {
	t.Parallel()
	var names []string
	for _, member := range values.Read(t).Members {
		names = append(names, member.Name)
		if members[member.Name] == nil {
			t.Errorf("%s has the member %s, which the endpoint refuses", values.Path, member.Name)
		}
	}
	for name := range maps.Keys(members) {
		if !slices.Contains(names, name) {
			t.Errorf("the endpoint takes the member %s, of which %s has no values", name, values.Path)
		}
	}
}

func TestTheEndpointKnowsTheTablesPartitionsAlone(t *testing.T) {
	t.Parallel()
	table := values.Read(t)
	in := func(r *running, partition, region string) *call {
		c := r.newCall(somebody, "Create", map[string]any{
			"region":  region,
			"stackId": "arn:" + partition + ":cloudformation:" + region + ":" + customer + ":stack/a/b",
			"roleArn": "arn:" + partition + ":iam::" + customer + ":role/doit/y",
		})
		c.region = region
		return c
	}
	for _, p := range table.Partitions {
		identity := strings.Replace(identityOf(customer, "doit-RegistrationRole"), "arn:aws:", "arn:"+p.Name+":", 1)
		r, sts := startScripted(t, scripted{identify: says(200, identity)}, []string{"-verify-role=false"})
		r.expect(t, in(r, p.Name, p.Region), nil)
		if len(sts.hosts) != 1 || sts.hosts[0] != p.STS {
			t.Errorf("in %s, STS is called as %v, want %s", p.Name, sts.hosts, p.STS)
		}
	}
	r, _ := startScripted(t, scripted{}, []string{"-verify-role=false"})
	for _, name := range table.NoPartitions {
		if a := r.send(t, in(r, name, home)); a.problem.Type != invalidRegistration.Type {
			t.Errorf("a stack and a role of the partition %q are answered %v", name, a)
		}
	}
}
