package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// statement is a policy's statement, flat: what stands under each path, like
// "Principal AWS" or "Condition StringEquals sts:ExternalId", sorted. Whether
// one value is in a list or alone, and the order, mean nothing to IAM.
type statement map[string][]string

// statements are those of a policy's document.
func statements(document any) ([]statement, error) {
	policy, ok := document.(map[string]any)
	if !ok {
		return nil, errors.New("a policy is no object")
	}
	list, ok := policy["Statement"].([]any)
	if !ok {
		list = []any{policy["Statement"]}
	}
	var all []statement
	for _, item := range list {
		s := statement{}
		s.flatten("", item)
		for _, values := range s {
			slices.Sort(values)
		}
		all = append(all, s)
	}
	return all, nil
}

func (s statement) flatten(path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			s.flatten(strings.TrimPrefix(path+" "+key, " "), inner)
		}
	case []any:
		for _, inner := range value {
			s.flatten(path, inner)
		}
	default:
		s[path] = append(s[path], fmt.Sprint(value))
	}
}

// decoded is a document as IAM returns it.
func decoded(document string) (any, error) {
	text, err := url.PathUnescape(document)
	if err != nil {
		return nil, fmt.Errorf("a policy is not encoded as IAM's are: %w", err)
	}
	var policy any
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return nil, fmt.Errorf("a policy is no JSON: %w", err)
	}
	return policy, nil
}

// policyDiffers says in words how a policy differs from the template's.
func policyDiffers(name string, got, want any) ([]string, error) {
	has, err := statements(got)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	wants, err := statements(want)
	if err != nil {
		return nil, fmt.Errorf("%s of the template: %w", name, err)
	}
	has, wants = unmatched(has, wants), unmatched(wants, has)
	var differences []string
	for len(has) > 0 && len(wants) > 0 {
		n := counterpart(has[0], wants)
		for _, difference := range has[0].differs(wants[n]) {
			differences = append(differences, name+wants[n].title()+": "+difference)
		}
		has, wants = has[1:], slices.Delete(wants, n, n+1)
	}
	for _, more := range has {
		differences = append(differences, fmt.Sprintf("%s has one more statement: %s", name, more))
	}
	for _, gone := range wants {
		differences = append(differences, fmt.Sprintf("%s has lost a statement: %s", name, gone))
	}
	return differences, nil
}

// unmatched are those of a that have no equal in b. To say one twice changes
// nothing.
func unmatched(a, b []statement) []statement {
	return slices.DeleteFunc(slices.Clone(a), func(s statement) bool {
		return slices.ContainsFunc(b, func(other statement) bool { return maps.EqualFunc(s, other, slices.Equal) })
	})
}

// counterpart is the place of the statement with the same Sid, or the first.
func counterpart(s statement, among []statement) int {
	return max(0, slices.IndexFunc(among, func(other statement) bool { return slices.Equal(s["Sid"], other["Sid"]) }))
}

func (s statement) differs(want statement) []string {
	var differences []string
	paths := maps.Clone(s)
	maps.Copy(paths, want)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		got, wanted := s[path], want[path]
		switch {
		case slices.Equal(got, wanted):
		case strings.EqualFold(path, "Condition StringEquals sts:ExternalId") && len(got) > 0 && len(wanted) > 0:
			differences = append(differences, "another external ID than the stack's opens the role") // never printed
		case len(got) == 0:
			differences = append(differences, fmt.Sprintf("%s is gone%s", called(path), quoted(path, wanted)))
		case len(wanted) == 0:
			differences = append(differences, fmt.Sprintf("%s was added%s", called(path), quoted(path, got)))
		default:
			differences = append(differences, listDiffers(called(path), got, wanted)...)
		}
	}
	return differences
}

func listDiffers(name string, got, wanted []string) []string {
	more := slices.DeleteFunc(slices.Clone(got), func(v string) bool { return slices.Contains(wanted, v) })
	gone := slices.DeleteFunc(slices.Clone(wanted), func(v string) bool { return slices.Contains(got, v) })
	switch {
	case len(got) == 1 && len(wanted) == 1:
		return []string{fmt.Sprintf("%s is %s, not %s", name, got[0], wanted[0])}
	case len(gone) == 0:
		return []string{fmt.Sprintf("%s also has %s", name, some(more))}
	case len(more) == 0:
		return []string{fmt.Sprintf("%s lacks %s", name, some(gone))}
	}
	return []string{fmt.Sprintf("%s has %s, and lacks %s", name, some(more), some(gone))}
}

// some are the first of many, for reading.
func some(values []string) string {
	const most = 8
	if len(values) <= most+1 {
		return strings.Join(values, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(values[:most], ", "), len(values)-most)
}

// called is a path in words.
func called(path string) string {
	words := strings.Fields(path)
	switch {
	case len(words) == 3 && words[0] == "Condition":
		return "the condition " + words[2] + " (" + words[1] + ")"
	case words[0] == "Principal":
		return "the principal"
	}
	return path
}

// quoted are a path's values for a sentence's end. External IDs are not printed.
func quoted(path string, values []string) string {
	if strings.Contains(strings.ToLower(path), "externalid") {
		return ""
	}
	return " (" + some(values) + ")"
}

func (s statement) title() string {
	if sid := s["Sid"]; len(sid) == 1 {
		return ", " + sid[0]
	}
	return ""
}

func (s statement) String() string {
	var parts []string
	for _, path := range slices.Sorted(maps.Keys(s)) {
		parts = append(parts, path+quoted(path, s[path]))
	}
	return strings.Join(parts, ", ")
}
