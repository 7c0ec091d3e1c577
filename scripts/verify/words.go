package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// bodyDiffers says in words how a template differs from another: a parameter, a
// policy, the pin. Where only words for people or the layout differ, it names
// the first line.
func bodyDiffers(got, want []byte) []string {
	got, want = bytes.TrimRight(got, " \r\n"), bytes.TrimRight(want, " \r\n")
	if bytes.Equal(got, want) {
		return nil
	}
	if bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
		return []string{"its lines end in CR LF: it was downloaded or saved as text"}
	}
	has, err := parse(got)
	if err != nil {
		return []string{err.Error(), firstLine(got, want)}
	}
	wants, err := parse(want)
	if err != nil { // the page
		return []string{firstLine(got, want)}
	}
	differences := nodesDiffer(nil, has, wants)
	if len(differences) == 0 {
		return []string{"only comments or the layout: " + firstLine(got, want)}
	}
	const most = 40
	if more := len(differences) - most; more > 0 {
		differences = append(differences[:most], fmt.Sprintf("and %d differences more", more))
	}
	return differences
}

func firstLine(got, want []byte) string {
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	n := 0
	for n < len(gotLines) && n < len(wantLines) && gotLines[n] == wantLines[n] {
		n++
	}
	at := func(lines []string) string {
		if n >= len(lines) {
			return "the end"
		}
		return fmt.Sprintf("%q", cut(strings.TrimSpace(lines[n])))
	}
	return fmt.Sprintf("line %d is %s, not %s", n+1, at(gotLines), at(wantLines))
}

// nodesDiffer walks both templates at once. Either node can be missing.
func nodesDiffer(path []string, got, want *yaml.Node) []string {
	switch {
	case want == nil:
		return []string{place(path) + " was added:" + value(got)}
	case got == nil:
		return []string{place(path) + " is gone:" + value(want)}
	}
	sameTag := got.Tag == want.Tag || plain(got) && plain(want)
	if got.Kind != want.Kind || !sameTag {
		return []string{fmt.Sprintf("%s is%s, not%s", place(path), value(got), value(want))}
	}
	switch want.Kind {
	case yaml.MappingNode:
		return mappingsDiffer(path, got, want)
	case yaml.SequenceNode:
		return sequencesDiffer(path, got, want)
	case yaml.ScalarNode:
		if got.Value != want.Value {
			return []string{fmt.Sprintf("%s is%s, not%s", place(path), value(got), value(want))}
		}
		// CloudFormation takes off, without quotes, for false.
		if written := inQuotes(got); written != inQuotes(want) {
			return []string{fmt.Sprintf("%s is%s %s quotes", place(path), value(got),
				map[bool]string{true: "in", false: "without"}[written])}
		}
	case yaml.DocumentNode, yaml.AliasNode: // no template has one
	}
	return nil
}

// plain tells whether the tag says only how a value is written, and calls nothing.
func plain(node *yaml.Node) bool { return strings.HasPrefix(node.Tag, "!!") }

func inQuotes(node *yaml.Node) bool {
	return node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
}

func mappingsDiffer(path []string, got, want *yaml.Node) []string {
	var differences []string
	all := keys(want)
	for _, key := range keys(got) {
		if !slices.Contains(all, key) {
			all = append(all, key)
		}
	}
	for _, key := range all {
		differences = append(differences, nodesDiffer(append(slices.Clone(path), key), at(got, key), at(want, key))...)
	}
	return differences
}

func keys(node *yaml.Node) []string {
	var names []string
	for i := 0; i+1 < len(node.Content); i += 2 {
		names = append(names, node.Content[i].Value)
	}
	return names
}

// sequencesDiffer compares lists of words as sets, and others item by item:
// those of statements by their Sid. What is only in another order is said so,
// since the order of a function's arguments is all that they are.
func sequencesDiffer(path []string, got, want *yaml.Node) []string {
	has, wants := words(got), words(want)
	if has != nil && wants != nil && !slices.Equal(has, wants) {
		return listDiffers(place(path), has, wants)
	}
	if differences := itemsDiffer(path, got, want); len(differences) > 0 {
		return differences
	}
	for n, item := range want.Content {
		if len(nodesDiffer(nil, got.Content[n], item)) > 0 {
			return []string{place(path) + " has its items in another order"}
		}
	}
	return nil
}

func itemsDiffer(path []string, got, want *yaml.Node) []string {
	rest := slices.Clone(got.Content)
	missing := map[int]*yaml.Node{} // by place
	for n, item := range want.Content {
		same := func(other *yaml.Node) bool { return len(nodesDiffer(nil, other, item)) == 0 }
		if i := slices.IndexFunc(rest, same); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		} else {
			missing[n] = item
		}
	}
	var differences []string
	for _, n := range slices.Sorted(maps.Keys(missing)) {
		item := missing[n]
		var counterpart *yaml.Node
		if i := slices.IndexFunc(rest, func(other *yaml.Node) bool { return sid(other) == sid(item) }); i >= 0 {
			counterpart = rest[i]
			rest = slices.Delete(rest, i, i+1)
		}
		differences = append(differences, nodesDiffer(append(slices.Clone(path), label(item, n)), counterpart, item)...)
	}
	for n, item := range rest {
		here := append(slices.Clone(path), label(item, len(want.Content)+n))
		differences = append(differences, nodesDiffer(here, item, nil)...)
	}
	return differences
}

// words are a list's items, where each is one word.
func words(list *yaml.Node) []string {
	all := []string{}
	for _, item := range list.Content {
		if item.Kind != yaml.ScalarNode {
			return nil
		}
		all = append(all, strings.TrimSpace(tag(item)+" "+item.Value))
	}
	slices.Sort(all)
	return all
}

func sid(item *yaml.Node) string {
	for _, name := range []string{"Sid", "ParameterKey", "Id"} {
		if node := at(item, name); node != nil {
			return node.Value
		}
	}
	return ""
}

func label(item *yaml.Node, n int) string {
	if name := sid(item); name != "" {
		return name
	}
	return fmt.Sprint(n + 1)
}

// place is a path in words.
func place(path []string) string {
	switch {
	case len(path) == 2 && path[0] == "Parameters":
		return "the parameter " + path[1]
	case len(path) > 2 && path[0] == "Parameters":
		return "the parameter " + path[1] + ": " + strings.Join(path[2:], " ")
	case len(path) == 2 && path[0] == "Resources":
		return "the resource " + path[1]
	case len(path) > 3 && path[0] == "Resources" && path[2] == "Properties":
		return path[1] + ": " + strings.Join(path[3:], " ")
	}
	return strings.Join(path, " ")
}

// value is a node in a few words, with a space before them.
func value(node *yaml.Node) string {
	switch node.Kind {
	case yaml.ScalarNode:
		return tag(node) + " " + cut(node.Value)
	case yaml.MappingNode:
		if kind := at(node, "Type"); kind != nil {
			return " " + kind.Value
		}
		return tag(node) + " {" + cut(strings.Join(keys(node), ", ")) + "}"
	case yaml.SequenceNode:
		return fmt.Sprintf("%s a list of %d", tag(node), len(node.Content))
	case yaml.DocumentNode, yaml.AliasNode:
	}
	return tag(node)
}

// tag is the function that a node calls, with a space before it.
func tag(node *yaml.Node) string {
	if plain(node) || node.Tag == "" {
		return ""
	}
	return " " + node.Tag
}

func cut(text string) string {
	const most = 120
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
