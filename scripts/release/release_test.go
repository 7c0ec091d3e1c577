package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/doitintl/aws-ro-access/scripts/internal/code"
	"github.com/doitintl/aws-ro-access/scripts/internal/commandline"
	"github.com/doitintl/aws-ro-access/scripts/internal/launch"
	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
	"github.com/doitintl/aws-ro-access/scripts/internal/template"
)

// checkout copies what a release is made from to another folder. Its templates
// name what is built there, whatever state they are in here.
func checkout(t *testing.T, root string) {
	t.Helper()
	here, err := repo.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lambda", "template", "scripts/release", "scripts/internal"} {
		if err := os.CopyFS(filepath.Join(root, name), os.DirFS(filepath.Join(here, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "LICENSE", "scripts/go.mod", "scripts/go.sum"} {
		write(t, filepath.Join(root, name), read(t, filepath.Join(here, name)))
	}
	zip, err := code.Build(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	published, err := template.Parse(read(t, filepath.Join(root, template.Path)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := published.Pinned(zip.Pin())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, template.Path), body)
	organization, err := template.PinOrganization(read(t, filepath.Join(root, template.OrganizationPath)), body)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, template.OrganizationPath), organization)
	launched, err := launch.Of(root, body, organization)
	if err != nil {
		t.Fatal(err)
	}
	page, err := launched.PinPage(read(t, filepath.Join(root, template.LaunchPath)))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, template.LaunchPath), page)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path) // #nosec G304 -- this test
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"release": main})
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	commandline.Run(t)
}

func TestAReleaseIsTheSameWhereverItIsMade(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), filepath.Join(t.TempDir(), "a path of another length")
	var made []map[string][]byte
	for _, root := range []string{first, second} {
		checkout(t, root)
		files, err := release(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, files)
	}
	if !maps.EqualFunc(made[0], made[1], bytes.Equal) {
		for name, text := range made[0] {
			if !bytes.Equal(text, made[1][name]) {
				t.Errorf("%s has other bytes when it is made again", name)
			}
		}
	}

	files := made[0]
	names := slices.Sorted(maps.Keys(files))
	want := []string{
		"CHANGES.md", "LICENCES.txt", "SHA256SUMS", "doitmanagement.yaml", "launch.html", "organization.yaml",
		"registration.cdx.json", "registration.openapi.yaml", "registration.zip",
	}
	if !slices.Equal(names, want) {
		t.Errorf("a release is %q, want %q", names, want)
	}
	for line := range strings.Lines(string(files[sums])) {
		digest, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if sum := sha256.Sum256(files[name]); hex.EncodeToString(sum[:]) != digest {
			t.Errorf("%s: %s is not its SHA-256", name, digest)
		}
	}
	if n := strings.Count(string(files[sums]), "\n"); n != len(files)-1 {
		t.Errorf("%d digests for %d files", n, len(files)-1)
	}
	for name, text := range files {
		if bytes.Contains(text, []byte(first)) || bytes.Contains(text, []byte(os.TempDir())) {
			t.Errorf("%s says where it was made", name)
		}
	}

	// The bill and the licences are of exactly the modules that the program says it has.
	program, err := code.Unpack(files["registration.zip"])
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	wanted := []string{"std " + info.GoVersion}
	for _, module := range info.Deps {
		wanted = append(wanted, module.Path+" "+module.Version)
		if !strings.Contains(string(files["LICENCES.txt"]), "\n"+module.Path+" "+module.Version+": LICENSE") {
			t.Errorf("the licence of %s %s is missing", module.Path, module.Version)
		}
	}
	var bill struct {
		SerialNumber string `json:"serialNumber"`
		Metadata     struct {
			Timestamp string `json:"timestamp"`
			Component struct {
				Ref     string `json:"bom-ref"`
				Name    string `json:"name"`
				Version string `json:"version"`
			} `json:"component"`
		} `json:"metadata"`
		Components []struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Ref     string `json:"bom-ref"`
			Hashes  []struct {
				Content string `json:"content"`
			} `json:"hashes"`
		} `json:"components"`
		Dependencies []struct {
			Ref string   `json:"ref"`
			On  []string `json:"dependsOn"`
		} `json:"dependencies"`
	}
	if err := json.Unmarshal(files["registration.cdx.json"], &bill); err != nil {
		t.Fatal(err)
	}
	var listed, refs []string
	for _, component := range bill.Components {
		listed = append(listed, component.Name+" "+component.Version)
		refs = append(refs, component.Ref)
		for _, module := range info.Deps {
			if module.Path != component.Name {
				continue
			}
			digest, err := base64.StdEncoding.DecodeString(module.Sum[len("h1:"):])
			if err != nil || len(component.Hashes) != 1 || component.Hashes[0].Content != hex.EncodeToString(digest) {
				t.Errorf("%s has the digests %v, want go.sum's %s", component.Name, component.Hashes, module.Sum)
			}
		}
	}
	slices.Sort(wanted)
	slices.Sort(listed)
	if !slices.Equal(listed, wanted) {
		t.Errorf("the bill lists %q, the program has %q", listed, wanted)
	}
	version := strings.TrimSpace(string(read(t, filepath.Join(first, "lambda", "VERSION"))))
	if c := bill.Metadata.Component; c.Name != "github.com/doitintl/aws-ro-access" || c.Version != "v"+version ||
		bill.SerialNumber+bill.Metadata.Timestamp != "" {
		t.Errorf("the bill is of %+v, serial number %q, time %q", c, bill.SerialNumber, bill.Metadata.Timestamp)
	}
	if d := bill.Dependencies; len(d) != 1 || d[0].Ref != bill.Metadata.Component.Ref || !slices.Equal(d[0].On, refs) {
		t.Errorf("the bill says that %+v depend on each other, want the program on all of %q", d, refs)
	}
	for _, want := range []string{
		"github.com/doitintl/aws-ro-access: LICENSE",
		"the standard library of " + info.GoVersion + ": LICENSE",
	} {
		if !strings.Contains(string(files["LICENCES.txt"]), "\n"+want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	if !strings.HasPrefix(string(files["CHANGES.md"]), "## "+version+"\n") {
		t.Errorf("the changes begin with %.40q", files["CHANGES.md"])
	}
}

func TestTheChangesOfAReleaseAreItsVersions(t *testing.T) {
	t.Parallel()
	log := "# Changes\n\n## 1.1.0\n\nnew\n\n## 1.0.0\n\n- old\n\n### More\n\nolder\n\n## 0.9.0\n\nfirst\n"
	for version, want := range map[string]string{
		"1.1.0": "## 1.1.0\n\nnew\n",
		"1.0.0": "## 1.0.0\n\n- old\n\n### More\n\nolder\n",
		"0.9.0": "## 0.9.0\n\nfirst\n",
		"1.0":   "",
	} {
		got, err := section([]byte(log), version)
		if string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v; want %q", version, got, err, want)
		}
	}
}
