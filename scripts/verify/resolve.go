package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// stack is what CloudFormation resolves a template with.
type stack struct {
	id, name                   string
	partition, region, account string
	parameters                 map[string]string
	physical                   map[string]string // resource names, by logical ID
	template                   *yaml.Node
}

// absent is what AWS::NoValue leaves of a property: nothing.
type absent struct{}

func parse(body []byte) (*yaml.Node, error) {
	var doc, more yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(body))
	switch err := documents.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("read the template: it is empty")
	case err != nil:
		return nil, fmt.Errorf("read the template: %w", err)
	}
	if err := documents.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("read the template: behind it there is another document")
	}
	if err := unambiguous(&doc); err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	return doc.Content[0], nil
}

// unambiguous refuses what readers of YAML understand in different ways.
func unambiguous(node *yaml.Node) error {
	if node.Kind == yaml.AliasNode {
		return fmt.Errorf("line %d repeats *%s, which no template of DoiT's does", node.Line, node.Value)
	}
	if node.Kind == yaml.MappingNode {
		names := keys(node)
		for n, name := range names {
			if slices.Contains(names[:n], name) {
				return fmt.Errorf("line %d says %s a second time", node.Content[2*n].Line, name)
			}
		}
	}
	for _, inner := range node.Content {
		if err := unambiguous(inner); err != nil {
			return err
		}
	}
	return nil
}

// properties are what the template makes of a resource for this stack.
func (s *stack) properties(logicalID string) (map[string]any, error) {
	node := at(s.template, "Resources", logicalID, "Properties")
	if node == nil {
		return nil, fmt.Errorf("the template has no resource %s", logicalID)
	}
	value, err := s.resolve(node)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", logicalID, err)
	}
	properties, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("resolve %s: its properties are no mapping", logicalID)
	}
	return properties, nil
}

// resources are the logical IDs of a type, as far as this stack has them.
func (s *stack) resources(kind string) ([]string, error) {
	var names []string
	all := at(s.template, "Resources")
	for i := 0; all != nil && i+1 < len(all.Content); i += 2 {
		if of := at(all.Content[i+1], "Type"); of == nil || of.Value != kind {
			continue
		}
		if condition := at(all.Content[i+1], "Condition"); condition != nil {
			met, err := s.holds(condition.Value)
			if err != nil {
				return nil, err
			}
			if !met {
				continue
			}
		}
		names = append(names, all.Content[i].Value)
	}
	return names, nil
}

func at(node *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		if node == nil || node.Kind != yaml.MappingNode {
			return nil
		}
		var found *yaml.Node
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				found = node.Content[i+1]
			}
		}
		node = found
	}
	return node
}

// resolve turns a node into a string, a []any or a map[string]any. It knows the
// functions that the template uses, in the form in which it uses them, and
// fails on every other.
func (s *stack) resolve(node *yaml.Node) (any, error) {
	if strings.HasPrefix(node.Tag, "!") && !strings.HasPrefix(node.Tag, "!!") {
		return s.call(node)
	}
	switch node.Kind {
	case yaml.ScalarNode:
		return node.Value, nil
	case yaml.SequenceNode:
		return s.list(node)
	case yaml.MappingNode:
		return s.mapping(node)
	case yaml.DocumentNode, yaml.AliasNode:
	}
	return nil, fmt.Errorf("line %d: this kind of YAML is not known here", node.Line)
}

func (s *stack) list(node *yaml.Node) (any, error) {
	list := []any{}
	for _, item := range node.Content {
		value, err := s.resolve(item)
		if err != nil {
			return nil, err
		}
		if value != (absent{}) {
			list = append(list, value)
		}
	}
	return list, nil
}

func (s *stack) mapping(node *yaml.Node) (any, error) {
	mapping := map[string]any{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i].Value
		condition := key == "Condition" && len(node.Content) == 2 && node.Content[i+1].Kind == yaml.ScalarNode
		if key == "Ref" || condition || strings.HasPrefix(key, "Fn::") {
			return nil, fmt.Errorf("line %d: the long form %s is not known here", node.Line, key)
		}
		value, err := s.resolve(node.Content[i+1])
		if err != nil {
			return nil, err
		}
		if value != (absent{}) {
			mapping[key] = value
		}
	}
	return mapping, nil
}

func (s *stack) call(node *yaml.Node) (any, error) {
	value, err := func() (any, error) {
		switch node.Tag {
		case "!Ref":
			return s.ref(node.Value)
		case "!GetAtt":
			return s.attribute(node.Value)
		case "!Sub":
			return s.substitute(node)
		case "!If":
			return s.either(node)
		case "!FindInMap":
			return s.find(node)
		case "!Select":
			return s.pick(node)
		case "!Split":
			return s.split(node)
		}
		return nil, errors.New("this function is not known here")
	}()
	if err != nil {
		return nil, fmt.Errorf("line %d: %s: %w", node.Line, node.Tag, err)
	}
	return value, nil
}

func (s *stack) ref(name string) (any, error) {
	switch name {
	case "AWS::NoValue":
		return absent{}, nil
	case "AWS::StackId":
		return s.id, nil
	case "AWS::StackName":
		return s.name, nil
	case "AWS::Partition":
		return s.partition, nil
	case "AWS::Region":
		return s.region, nil
	case "AWS::AccountId":
		return s.account, nil
	}
	if at(s.template, "Parameters", name) != nil {
		value, ok := s.parameters[name]
		if !ok {
			return nil, fmt.Errorf("the stack has no parameter %s", name)
		}
		return value, nil
	}
	if physical, ok := s.physical[name]; ok {
		return physical, nil
	}
	return nil, fmt.Errorf("the stack has no resource %s", name)
}

// attribute is an ARN, made as the service makes it from what a resource is
// called.
func (s *stack) attribute(name string) (any, error) {
	logicalID, attribute, _ := strings.Cut(name, ".")
	node := at(s.template, "Resources", logicalID, "Type")
	physical, ok := s.physical[logicalID]
	if node == nil || !ok {
		return nil, fmt.Errorf("the stack has no resource %s", logicalID)
	}
	if attribute == "Arn" {
		switch node.Value {
		case "AWS::IAM::Role":
			path, err := s.resolve(at(s.template, "Resources", logicalID, "Properties", "Path"))
			return fmt.Sprintf("arn:%s:iam::%s:role%v%s", s.partition, s.account, path, physical), err
		case "AWS::Events::Rule":
			return fmt.Sprintf("arn:%s:events:%s:%s:rule/%s", s.partition, s.region, s.account, physical), nil
		case "AWS::Logs::LogGroup":
			return fmt.Sprintf("arn:%s:logs:%s:%s:log-group:%s:*", s.partition, s.region, s.account, physical), nil
		}
	}
	return nil, fmt.Errorf("the attribute %s of %s is not known here", attribute, node.Value)
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

func (s *stack) substitute(node *yaml.Node) (any, error) {
	text, own := node, map[string]any{}
	if node.Kind == yaml.SequenceNode {
		if len(node.Content) != 2 {
			return nil, errors.New("needs a text and its values")
		}
		values, err := s.resolve(node.Content[1])
		if err != nil {
			return nil, err
		}
		mapping, ok := values.(map[string]any)
		if !ok {
			return nil, errors.New("needs a text and its values")
		}
		text, own = node.Content[0], mapping
	}
	var failed error
	result := placeholder.ReplaceAllStringFunc(text.Value, func(match string) string {
		name := match[2 : len(match)-1]
		value, err := any(nil), error(nil)
		switch given, ok := own[name]; {
		case ok:
			value = given
		case strings.HasPrefix(name, "!"):
			value = "${" + name[1:] + "}"
		case strings.Contains(name, ".") && !strings.HasPrefix(name, "AWS::"):
			value, err = s.attribute(name)
		default:
			value, err = s.ref(name)
		}
		word, ok := value.(string)
		if err == nil && !ok {
			err = fmt.Errorf("%s is no text", match)
		}
		failed = errors.Join(failed, err)
		return word
	})
	return result, failed
}

func (s *stack) either(node *yaml.Node) (any, error) {
	if node.Kind != yaml.SequenceNode || len(node.Content) != 3 {
		return nil, errors.New("needs a condition and two values")
	}
	met, err := s.holds(node.Content[0].Value)
	if err != nil {
		return nil, err
	}
	if met {
		return s.resolve(node.Content[1])
	}
	return s.resolve(node.Content[2])
}

func (s *stack) holds(condition string) (bool, error) {
	node := at(s.template, "Conditions", condition)
	if node == nil {
		return false, fmt.Errorf("the template has no condition %s", condition)
	}
	return s.truth(node)
}

func (s *stack) truth(node *yaml.Node) (bool, error) {
	switch {
	case node.Tag == "!Equals" && len(node.Content) == 2:
		left, err := s.resolve(node.Content[0])
		if err != nil {
			return false, err
		}
		right, err := s.resolve(node.Content[1])
		if err != nil {
			return false, err
		}
		a, aText := left.(string)
		b, bText := right.(string)
		if !aText || !bText {
			return false, fmt.Errorf("line %d: !Equals compares texts", node.Line)
		}
		return a == b, nil
	case node.Tag == "!Not" && len(node.Content) == 1:
		met, err := s.truth(node.Content[0])
		return !met, err
	}
	return false, fmt.Errorf("line %d: the condition %s is not known here", node.Line, node.Tag)
}

func (s *stack) find(node *yaml.Node) (any, error) {
	path := []string{"Mappings"}
	for _, item := range node.Content {
		key, err := s.resolve(item)
		if err != nil {
			return nil, err
		}
		path = append(path, fmt.Sprint(key))
	}
	value := at(s.template, path...)
	if value == nil || value.Kind != yaml.ScalarNode {
		return nil, fmt.Errorf("nothing is at %s", strings.Join(path, " "))
	}
	return value.Value, nil
}

func (s *stack) pick(node *yaml.Node) (any, error) {
	if len(node.Content) != 2 {
		return nil, errors.New("needs a place and a list")
	}
	var place int
	if err := node.Content[0].Decode(&place); err != nil {
		return nil, err
	}
	value, err := s.resolve(node.Content[1])
	if err != nil {
		return nil, err
	}
	list, ok := value.([]any)
	if !ok || place < 0 || place >= len(list) {
		return nil, fmt.Errorf("there is no place %d", place)
	}
	return list[place], nil
}

func (s *stack) split(node *yaml.Node) (any, error) {
	if len(node.Content) != 2 {
		return nil, errors.New("needs a separator and a text")
	}
	value, err := s.resolve(node.Content[1])
	if err != nil {
		return nil, err
	}
	text, ok := value.(string)
	if !ok {
		return nil, errors.New("splits texts")
	}
	var list []any
	for part := range strings.SplitSeq(text, node.Content[0].Value) {
		list = append(list, part)
	}
	return list, nil
}
