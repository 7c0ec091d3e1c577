package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

const review = "# A review\n\n| `NOT_HERE` | of no template |\n\n" +
	"### doitmanagement.yaml\n\n| finding | where |\n| --- | --- |\n" +
	"| `CKV_AWS_1` `LAMBDA_RULE` `lambda_rule_check` | here, not `THERE` |\n\n" +
	"### release.yaml\n\n| `CKV_AWS_1` | there |\n\n## Another\n\n| `CKV_AWS_2` | of no template |\n"

func TestAnswersAreTheRulesOfATemplatesTables(t *testing.T) {
	t.Parallel()
	want := findings{
		{"doitmanagement.yaml", "CKV_AWS_1"}: true, {"doitmanagement.yaml", "LAMBDA_RULE"}: true,
		{"doitmanagement.yaml", "lambda_rule_check"}: true, {"release.yaml", "CKV_AWS_1"}: true,
	}
	got := answers(review)
	for f := range want {
		if !got[f] {
			t.Errorf("%+v is not answered", f)
		}
	}
	if len(got) != len(want) {
		t.Errorf("answered are %v, want %v", got, want)
	}
}

// Each scanner looks at the answers to its own rules only: one that could not
// run leaves no answer stale.
func TestWhatIsNotAnsweredAndWhatIsFoundNoMore(t *testing.T) {
	t.Parallel()
	all := scanners("", "")
	for _, c := range []struct {
		scanner     scanner
		found       findings
		open, stale []finding
	}{
		{
			scanner: all[0],
			found:   findings{{"doitmanagement.yaml", "CKV_AWS_1"}: true, {"release.yaml", "CKV_AWS_1"}: true},
		},
		{
			scanner: all[0], found: findings{{"release.yaml", "CKV_AWS_1"}: true, {"release.yaml", "CKV_AWS_9"}: true},
			open: []finding{{"release.yaml", "CKV_AWS_9"}}, stale: []finding{{"doitmanagement.yaml", "CKV_AWS_1"}},
		},
		{scanner: all[1], found: findings{}, stale: []finding{{"doitmanagement.yaml", "lambda_rule_check"}}},
		{scanner: all[2], found: findings{{"doitmanagement.yaml", "LAMBDA_RULE"}: true}},
	} {
		open, stale := compare(c.found, answers(review), c.scanner.named)
		if !slices.Equal(open, c.open) || !slices.Equal(stale, c.stale) {
			t.Errorf("%s finds %v: open %v, stale %v; want %v, %v",
				c.scanner.name, c.found, open, stale, c.open, c.stale)
		}
	}
}

// The review that is published has the form that is read here, and answers to
// each of the scanners.
func TestTheReviewAnswersEachScanner(t *testing.T) {
	t.Parallel()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "template", "REVIEW.md")) // #nosec G304 -- a file of this checkout
	if err != nil {
		t.Fatal(err)
	}
	for f := range answers(string(text)) {
		owners := 0
		for _, s := range scanners(root, "") {
			if s.named(f.rule) {
				owners++
			}
		}
		if owners != 1 {
			t.Errorf("%d scanners could name %s, want one", owners, f.rule)
		}
	}
	if len(answers(string(text))) < 20 {
		t.Errorf("REVIEW.md answers %d findings", len(answers(string(text))))
	}
}
