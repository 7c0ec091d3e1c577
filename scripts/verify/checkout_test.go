package main

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/commandline"
	"github.com/doitintl/aws-ro-access/scripts/internal/launch"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"verify": main})
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	commandline.Run(t)
}

func aZip(program string) code.Zip {
	return code.Zip{Bytes: []byte(program), Version: "1.0.0"}
}

func top(t *testing.T) string {
	t.Helper()
	root, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// pinned is what a commit publishes of this repository, with the pin that the
// zip gives.
func pinned(t *testing.T, zip code.Zip) edition {
	t.Helper()
	body, organization, err := template.BothPinned(zip.Pin())
	if err != nil {
		t.Fatal(err)
	}
	launched, err := launch.Of(top(t), body, organization)
	if err != nil {
		t.Fatal(err)
	}
	page, err := launch.ReadPage()
	if err != nil {
		t.Fatal(err)
	}
	if page, err = launched.PinPage(page); err != nil {
		t.Fatal(err)
	}
	return edition{name: "this commit", version: zip.Version, files: map[string][]byte{
		template.Path: body, template.OrganizationPath: organization, template.LaunchPath: page,
	}}
}

// with is the edition with another text in one of its files.
func (e edition) with(t *testing.T, path, old, changed string) edition {
	t.Helper()
	if !strings.Contains(string(e.files[path]), old) {
		t.Fatalf("%s lacks %q", path, old)
	}
	files := maps.Clone(e.files)
	files[path] = []byte(strings.Replace(string(e.files[path]), old, changed, 1))
	return edition{name: e.name, version: e.version, files: files}
}

// crosses are what differs, by name.
func crosses(said string) string {
	var names []string
	for line := range strings.Lines(said) {
		if rest, ok := strings.CutPrefix(line, "  ✗ "); ok {
			names = append(names, strings.Fields(rest)[0])
		}
	}
	return strings.Join(names, " ")
}

func TestEachDifferenceOfTheBuildIsNamed(t *testing.T) {
	t.Parallel()
	zip := aZip("code")
	here := pinned(t, zip)
	other := pinned(t, aZip("other code"))
	newer := zip
	newer.Version = "1.0.1"
	mixed := here.with(t, template.Path, "", "")
	mixed.files[template.OrganizationPath] = other.files[template.OrganizationPath]
	mixed.files[template.LaunchPath] = other.files[template.LaunchPath]
	for _, c := range []struct {
		name    string
		zip     code.Zip
		here    edition
		crosses string // what differs
	}{
		{name: "the same", zip: zip, here: here},
		{name: "other code", zip: aZip("other code"), here: here, crosses: "zip key CodeSha256 template"},
		{name: "another key", zip: zip, here: here.with(t, template.Path, "S3Key: registration/", "S3Key: elsewhere/"),
			crosses: "key template organization page"},
		{name: "another digest in the pin", zip: zip,
			here: here.with(t, template.Path, "CodeSha256: "+zip.Pin().CodeSha256,
				"CodeSha256: "+aZip("x").Pin().CodeSha256),
			crosses: "CodeSha256 template organization page"},
		{name: "another version", zip: newer, here: here, crosses: "template"},
		{name: "an organization's template and a page of another template", zip: zip, here: mixed,
			crosses: "organization page"},
		{name: "a page that opens another template", zip: zip,
			here: here.with(t, template.LaunchPath, template.Digest(here.files[template.Path]),
				template.Digest(nil)), crosses: "page"},
		{name: "a page with another script", zip: zip,
			here:    here.with(t, template.LaunchPath, "<script>", "<script>fetch('x')\n"),
			crosses: "page"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			r := &report{out: &out}
			if err := compareBuild(r, top(t), c.zip, c.here); err != nil {
				t.Fatal(err)
			}
			differ := crosses(out.String())
			if differ != c.crosses {
				t.Errorf("differ: %q, want %q:\n%s", differ, c.crosses, &out)
			}
			if status := r.conclude(); (status == 1) != (c.crosses != "") {
				t.Errorf("exit status %d:\n%s", status, &out)
			}
			if ticks := strings.Count(out.String(), "✓"); ticks+len(strings.Fields(differ)) != 6 {
				t.Errorf("%d ticks beside %q, want 6 lines:\n%s", ticks, differ, &out)
			}
		})
	}
}

func TestOnlyTagsOfTheirVersionAreEditions(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	body := pinned(t, aZip("code")).files[template.Path]
	write := func(body []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, "template"), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, template.Path), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) {
		t.Helper()
		all := append([]string{"-C", root, "-c", "user.name=T", "-c", "user.email=t@example.com"}, args...)
		if out, err := exec.Command("git", all...).CombinedOutput(); err != nil { // #nosec G204 -- this test
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	is := func(version string, want []byte) {
		t.Helper()
		all, err := editions(root)
		if err != nil {
			t.Fatal(err)
		}
		e, err := of(all, version)
		if want == nil && err != nil {
			return
		}
		if got := e.files[template.Path]; err != nil || string(got) != string(want) {
			t.Errorf("version %s has SHA-256 %s (%v), want %s", version, template.Digest(got), err,
				template.Digest(want))
		}
	}

	write(body) // no git yet, as in an unpacked archive
	is("1.0.0", body)
	is("1.0.1", nil)
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "a release")
	is("1.0.0", body)
	git("tag", "v1.0.0")
	git("tag", "v0.9.0") // of which it is not
	if all, err := editions(root); err != nil || len(all) != 2 || all[1].name != "the tag v1.0.0" {
		t.Errorf("the editions are %d (%v), want this commit and v1.0.0", len(all), err)
	}

	next := []byte(strings.ReplaceAll(string(body), "Version: 1.0.0", "Version: 1.1.0"))
	write(next)
	git("commit", "-qam", "the next")
	write([]byte("not committed"))
	is("1.0.0", body)
	is("1.1.0", next)
	is("1.2.0", nil)
	is("0.9.0", nil)
	git("tag", "v1.1.0")
	is("1.1.0~1", nil)
}

func TestTheEvaluatorRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"!Join [a, [b]]", "!Base64 a", "!ImportValue a", "!Ref Nothing", "!GetAtt Thing.Arn",
		"!GetAtt Nothing.Arn", "!Sub '${Nothing}'",
		"{ Ref: Thing }", "{ 'Fn::If': [Yes, a, b] }", "!If [Nothing, a, b]", "!If [Odd, a, b]",
		"!FindInMap [None, a, b]",
		"!Select [3, [a]]", "[!Cidr a]", "{ a: !Cidr a }",
	} {
		text := "Conditions: { Yes: !Equals [a, a], Odd: !Or [a, a] }\n" +
			"Resources:\n  Thing:\n    Type: AWS::SNS::Topic\n    Properties:\n      Value: " + value + "\n"
		node, err := parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s := &stack{template: node, physical: map[string]string{"Thing": "thing"}}
		if got, err := s.properties("Thing"); err == nil {
			t.Errorf("%s is %v", value, got)
		}
	}
}

func TestNobodyElseDrawsATick(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := &report{out: &out}
	r.compare("inline", "", []string{"the inline policy \x1b[2K\r  ✓ all\n  ✓ fine was added"})
	r.unseen(errors.New("one line\x1b[2K\r"))
	if strings.ContainsAny(out.String(), "\x1b\r") || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%q", out.String())
	}
}

func TestTheLastLineAndTheStatusSayWhatDiffers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		differs []string
		hidden  int
		want    int
		says    string
	}{
		{hidden: 0, want: 0, says: "All 3 are the same."},
		{differs: []string{"zip", "zip", "key"}, hidden: 0, want: 1, says: "3 of 6 differ: zip, key."},
		{hidden: 1, want: 2, says: "Nothing differs of what could be looked at, but not everything could."},
		{differs: []string{"zip"}, hidden: 1, want: 1,
			says: "Not everything could be looked at.\n1 of 4 differ: zip."},
	} {
		var out strings.Builder
		r := &report{out: &out, same: 3, differs: c.differs, hidden: c.hidden}
		if got := r.conclude(); got != c.want || out.String() != "\n"+c.says+"\n" {
			t.Errorf("%+v is %d: %q", c, got, &out)
		}
	}
}
