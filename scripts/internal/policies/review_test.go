package policies

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// What REVIEW.md says is shown is granted, and what it says is denied is both
// granted by SecurityAudit and denied by the limits.
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
		if !found || len(named) < 10 {
			t.Errorf("%q names %d actions", heading, len(named))
		}
		for _, match := range named {
			a, known := reference[strings.ToLower(match[1])]
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
