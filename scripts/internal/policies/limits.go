package policies

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// Limits are the template's two policies that take from SecurityAudit.
type Limits struct {
	Support        Document // SupportLimits
	ResourcePolicy Document // ResourcePolicyLimits
}

// ReadLimits reads them from the published template.
func ReadLimits(published template.Template) (Limits, error) {
	var written struct {
		Resources map[string]struct {
			Properties struct {
				PolicyDocument yaml.Node `yaml:"PolicyDocument"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(published.Body, &written); err != nil {
		return Limits{}, fmt.Errorf("%s: %w", template.Path, err)
	}
	var limits Limits
	for id, document := range map[string]*Document{
		"SupportLimits": &limits.Support, "ResourcePolicyLimits": &limits.ResourcePolicy,
	} {
		node := written.Resources[id].Properties.PolicyDocument
		if err := node.Decode(document); err != nil {
			return Limits{}, fmt.Errorf("%s: %s: %w", template.Path, id, err)
		}
		if len(document.Statement) == 0 {
			return Limits{}, fmt.Errorf("%s: %s has no statement", template.Path, id)
		}
	}
	return limits, nil
}

// Denial is the policy by which no session can do this action on any resource
// of it, or nothing.
func (l Limits) Denial(a Action) string {
	if l.Support.Names(a.Name) {
		return "SupportLimits"
	}
	open := func(arn string) bool { return !l.DeniedOn(a.Name, arn) }
	if len(a.Resources) == 0 || slices.ContainsFunc(a.Resources, open) {
		return ""
	}
	return "ResourcePolicyLimits"
}

// DeniedOn tells whether ResourcePolicyLimits denies the action on the resource.
func (l Limits) DeniedOn(action, arn string) bool {
	for _, statement := range l.ResourcePolicy.Statement {
		if statement.Resource.Covers(arn) && !statement.NotAction.Names(action) {
			return true
		}
	}
	return false
}
