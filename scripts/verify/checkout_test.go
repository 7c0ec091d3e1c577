package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

func aZip(program string) code.Zip {
	return code.Zip{Bytes: []byte(program), Version: "1.0.0"}
}

// committed are both templates, with the pin that the zip gives.
func committed(t *testing.T, zip code.Zip) (body, organization []byte) {
	t.Helper()
	body, organization, _, err := template.BothPinned(zip.Pin())
	if err != nil {
		t.Fatal(err)
	}
	return body, organization
}

func TestBuild(t *testing.T) {
	t.Parallel()
	zip := aZip("code")
	body, organization := committed(t, zip)
	other, _ := committed(t, aZip("other code"))
	edited := func(old, new string) []byte {
		if !strings.Contains(string(body), old) {
			t.Fatalf("the template lacks %q", old)
		}
		return []byte(strings.Replace(string(body), old, new, 1))
	}
	newer := zip
	newer.Version = "1.0.1"
	for _, c := range []struct {
		name               string
		zip                code.Zip
		body, organization []byte
		crosses            string // what differs
	}{
		{"the same", zip, body, organization, ""},
		{"other code", aZip("other code"), body, organization, "zip key CodeSha256 template"},
		{"another key", zip, edited("S3Key: registration/", "S3Key: elsewhere/"), organization, "key template organization"},
		{"another digest in the pin", zip, edited("CodeSha256: "+zip.Pin().CodeSha256, "CodeSha256: "+aZip("x").Pin().CodeSha256), organization, "CodeSha256 template organization"},
		{"another version", newer, body, organization, "template"},
		{"an organization's template of another template", aZip("other code"), other, organization, "organization"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			r := &report{out: &out}
			if err := compareBuild(r, c.zip, c.body, c.organization); err != nil {
				t.Fatal(err)
			}
			var crosses []string
			for line := range strings.Lines(out.String()) {
				if rest, ok := strings.CutPrefix(line, "  ✗ "); ok {
					crosses = append(crosses, strings.Fields(rest)[0])
				}
			}
			if got := strings.Join(crosses, " "); got != c.crosses {
				t.Errorf("differ: %q, want %q:\n%s", got, c.crosses, &out)
			}
			if status := r.conclude(); (status == 1) != (c.crosses != "") {
				t.Errorf("exit status %d:\n%s", status, &out)
			}
			if ticks := strings.Count(out.String(), "✓"); ticks+len(crosses) != 5 {
				t.Errorf("%d ticks and %d crosses, want 5:\n%s", ticks, len(crosses), &out)
			}
		})
	}
}

func TestReleased(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	body, _ := committed(t, aZip("code"))
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
		cmd := exec.Command("git", append([]string{"-C", root, "-c", "user.name=T", "-c", "user.email=t@example.com"}, args...)...) // #nosec G204 -- this test
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	is := func(version string, want []byte) {
		t.Helper()
		got, err := released(root, version)
		if want == nil && err != nil {
			return
		}
		if err != nil || string(got) != string(want) {
			t.Errorf("version %s has SHA-256 %s (%v), want %s", version, template.Digest(got), err, template.Digest(want))
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

	next := []byte(strings.ReplaceAll(string(body), "Version: 1.0.0", "Version: 1.1.0"))
	write(next)
	git("commit", "-qam", "the next")
	write([]byte("not committed"))
	is("1.0.0", body)
	is("1.1.0", next)
	is("1.2.0", nil)
	git("tag", "v1.1.0")
	if _, err := released(root, "1.1.0~1"); err == nil {
		t.Error("a commit before the tag is a version")
	}
}

func TestTheEvaluatorRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"!Join [a, [b]]", "!Base64 a", "!ImportValue a", "!Ref Nothing", "!GetAtt Thing.Arn", "!GetAtt Nothing.Arn", "!Sub '${Nothing}'",
		"{ Ref: Thing }", "{ 'Fn::If': [Yes, a, b] }", "!If [Nothing, a, b]", "!If [Odd, a, b]", "!FindInMap [None, a, b]",
		"!Select [3, [a]]", "[!Cidr a]", "{ a: !Cidr a }", "*a",
	} {
		text := "Anchors: &a x\nConditions: { Yes: !Equals [a, a], Odd: !Or [a, a] }\nResources:\n  Thing:\n    Type: AWS::SNS::Topic\n    Properties:\n      Value: " + value + "\n"
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
	if strings.ContainsAny(strings.TrimSuffix(out.String(), "\n"), "\x1b\r\n") {
		t.Errorf("%q", out.String())
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ same, differ, hidden, want int }{{3, 0, 0, 0}, {3, 1, 0, 1}, {3, 0, 1, 2}, {3, 1, 1, 1}} {
		r := &report{out: new(strings.Builder), same: c.same, differ: c.differ, hidden: c.hidden}
		if got := r.conclude(); got != c.want {
			t.Errorf("%+v is %d", c, got)
		}
	}
}
