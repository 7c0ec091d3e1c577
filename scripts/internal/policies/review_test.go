package policies

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// What REVIEW.md says is shown is granted, and what it says is denied is both
// granted by SecurityAudit and denied by the limits. All that SupportLimits
// denies is named there, so that nothing leaves the template unnoticed.
func TestWhatTheReviewSaysIsShownOrDenied(t *testing.T) {
	t.Parallel()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	review, err := os.ReadFile(filepath.Join(root, "template", "REVIEW.md")) // #nosec G304 -- a file of this checkout
	if err != nil {
		t.Fatal(err)
	}
	action := regexp.MustCompile("`([a-z0-9-]+:[A-Z][A-Za-z0-9]+)`")
	for heading, shown := range map[string]bool{
		"\n## What is still shown\n": true, "\n## What is denied, and has to be asked for\n": false,
	} {
		_, section, found := strings.Cut(string(review), heading)
		section, _, _ = strings.Cut(section, "\n## ")
		named := action.FindAllStringSubmatch(section, -1)
		if !shown {
			wantAllDenials(t, named)
		}
		if !found || len(named) < 10 {
			t.Errorf("%q names %d actions", heading, len(named))
		}
		for _, match := range named {
			a, known := reference[strings.ToLower(match[1])]
			if newer := reference.unknown(audit); !known && slices.Contains(newer, match[1]) {
				a, known = Action{Name: match[1]}, true
			}
			switch {
			case !known:
				t.Errorf("%s: AWS has no such action", match[1])
			case !audit.Names(a.Name):
				t.Errorf("%s: SecurityAudit does not grant it", a.Name)
			case shown != (limits.Denial(a) == ""):
				t.Errorf("%s: denied by %q, and the review says that it is shown: %t", a.Name, limits.Denial(a), shown)
			}
		}
	}
}

func wantAllDenials(t *testing.T, named [][]string) {
	t.Helper()
	for _, statement := range limits.Support.Statement {
		if strings.HasPrefix(statement.Sid, "Other") {
			continue // not of SecurityAudit
		}
		for _, pattern := range statement.Action {
			if !slices.ContainsFunc(named, func(match []string) bool { return (List{pattern}).Names(match[1]) }) {
				t.Errorf("%s: the review names nothing of %s", statement.Sid, pattern)
			}
		}
	}
}
