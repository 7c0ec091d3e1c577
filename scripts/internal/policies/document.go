// Package policies holds the template's policies against AWS's own data: what
// SecurityAudit grants, and what each action of AWS does to which resources.
package policies

import (
	"encoding/json"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Document is a policy, as much of it as is evaluated here.
type Document struct {
	Statement []Statement `yaml:"Statement"`
}

// Statement is one statement of a policy.
type Statement struct {
	Sid       string                    `yaml:"Sid"`
	Effect    string                    `yaml:"Effect"`
	Action    List                      `yaml:"Action"`
	NotAction List                      `yaml:"NotAction"`
	Resource  List                      `yaml:"Resource"`
	Principal any                       `yaml:"-"` // as JSON has it
	Condition map[string]map[string]any `yaml:"Condition"`
}

// List is one text or several: policies may be written either way.
type List []string

// UnmarshalJSON takes either.
func (l *List) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		*l = List{""}
		return json.Unmarshal(text, &(*l)[0])
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// UnmarshalYAML takes either.
func (l *List) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*l = List{node.Value}
		return nil
	}
	return node.Decode((*[]string)(l))
}

// Names tells whether one of the patterns means this action. Letters' case
// makes no difference in actions.
func (l List) Names(action string) bool {
	service, name, _ := strings.Cut(action, ":")
	return slices.ContainsFunc(l, func(pattern string) bool {
		of, names, _ := strings.Cut(pattern, ":")
		return strings.EqualFold(of, service) && match(strings.ToLower(names), strings.ToLower(name))
	})
}

// Covers tells whether one of the patterns means this resource.
func (l List) Covers(arn string) bool {
	return slices.ContainsFunc(l, func(pattern string) bool { return match(pattern, arn) })
}

// Names tells whether the actions of some statement mean this one.
func (d Document) Names(action string) bool {
	return slices.ContainsFunc(d.Statement, func(s Statement) bool { return s.Action.Names(action) })
}

// match has * for any text. (No policy that is read here has IAM's ?, for any character.)
func match(pattern, text string) bool {
	start, rest, wild := strings.Cut(pattern, "*")
	text, starts := strings.CutPrefix(text, start)
	if !wild || !starts {
		return starts && text == ""
	}
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, part)
		}
		_, behind, found := strings.Cut(text, part)
		if !found {
			return false
		}
		rest, text = after, behind
	}
}
