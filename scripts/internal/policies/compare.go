package policies

import (
	"slices"
	"strings"
)

// Change is what two versions of a policy differ in, by name.
type Change struct {
	New, Gone []Action
	// Resources are what the newer version grants something on and the older
	// does not, apart from everything.
	Resources []string
}

// Compare tells which actions one version of a policy grants and the other does
// not: those that AWS's reference knows, and those that only the policy names.
func Compare(reference Reference, older, newer Document) (change Change) {
	for _, a := range reference {
		switch before, after := older.Names(a.Name), newer.Names(a.Name); {
		case after && !before:
			change.New = append(change.New, a)
		case before && !after:
			change.Gone = append(change.Gone, a)
		}
	}
	unnamed := func(d, other Document) (all []Action) {
		for _, name := range reference.unknown(d) {
			if !other.Names(name) {
				service, _, _ := strings.Cut(name, ":")
				all = append(all, Action{Name: name, Title: service, Level: "level unknown"})
			}
		}
		return all
	}
	change.New = append(change.New, unnamed(newer, older)...)
	change.Gone = append(change.Gone, unnamed(older, newer)...)
	for _, statement := range newer.Statement {
		for _, arn := range statement.Resource {
			had := func(s Statement) bool { return slices.Contains(s.Resource, arn) }
			if !slices.ContainsFunc(older.Statement, had) {
				change.Resources = append(change.Resources, arn)
			}
		}
	}
	byName := func(a, b Action) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(change.New, byName)
	slices.SortFunc(change.Gone, byName)
	return change
}

// unknown are the actions and patterns that a policy names, and that mean
// nothing that the reference knows: they are newer than it, or older.
func (r Reference) unknown(d Document) (names []string) {
	for _, statement := range d.Statement {
		for _, action := range statement.Action {
			if _, known := r[strings.ToLower(action)]; known {
				continue
			}
			if !strings.Contains(action, "*") || !r.means(action) {
				names = append(names, action)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// means tells whether the pattern means an action that the reference knows.
func (r Reference) means(pattern string) bool {
	for name := range r {
		if (List{pattern}).Names(name) {
			return true
		}
	}
	return false
}
