package policies

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// What the template says that the stack can never do has a test of that name:
// of the sentence up to its first colon or comma.
func TestEachPromiseOfTheTemplateHasATestOfItsName(t *testing.T) {
	t.Parallel()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	published, err := template.Read()
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, tested := range []string{"policies", "stack"} {
		files, err := filepath.Glob(filepath.Join(root, "scripts", "internal", tested, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file) // #nosec G304 -- a test of this checkout
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	promises := regexp.MustCompile(`(?m)^# - ([^:,\n]*[^:,.\n])`).FindAllStringSubmatch(string(published.Body), -1)
	if len(promises) != 7 {
		t.Errorf("the template's head makes %d promises, want 7", len(promises))
	}
	for _, promise := range promises {
		var name strings.Builder
		for word := range strings.FieldsSeq(strings.ReplaceAll(promise[1], "'", "")) {
			name.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
		if !strings.Contains(tests.String(), "func Test"+name.String()+"(") {
			t.Errorf("%q has no test named Test%s", promise[1], name.String())
		}
	}
}
