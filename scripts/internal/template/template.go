// Package template reads the published template, template/doitmanagement.yaml:
// its pin, its mapping and its parameters.
package template

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// Path is the published template, from the top of the repository.
const Path = "template/doitmanagement.yaml"

// Template is what the programs of this module need to know of the template.
type Template struct {
	Body       []byte                 // as published
	Parameters map[string]Parameter   // by name
	DoiT       map[string]DoiTAccount // by partition
	Pin        Pin
}

// Parameter is a parameter's declaration.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
type Parameter struct {
	Type                  string   `yaml:"Type"`
	Default               string   `yaml:"Default"`
	AllowedPattern        string   `yaml:"AllowedPattern"`
	AllowedValues         []string `yaml:"AllowedValues"`
	MaxLength             int      `yaml:"MaxLength"`
	MinValue              *float64 `yaml:"MinValue"`
	ConstraintDescription string   `yaml:"ConstraintDescription"`
}

// DoiTAccount is DoiT's side of one partition.
type DoiTAccount struct {
	Account    string `yaml:"Account"`
	CodeBucket string `yaml:"CodeBucket"` // the name's first part
}

// Bucket is where the function's code lies for a region: a bucket in the
// account regional namespace, whose name nobody else can ever take.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/gpbucketnamespaces.html
func (d DoiTAccount) Bucket(region string) string {
	return d.CodeBucket + "-" + d.Account + "-" + region + "-an"
}

// Pin is what ties the template to one zip.
type Pin struct {
	Key        string // of the zip in the code's bucket
	CodeSha256 string // base64 of the zip's SHA-256, as Lambda writes it
	Version    string // lambda/VERSION
}

// Read reads the template of the repository.
func Read() (Template, error) {
	root, err := repo.Root()
	if err != nil {
		return Template{}, err
	}
	body, err := os.ReadFile(filepath.Join(root, Path)) // #nosec G304 -- the repository's own file
	if err != nil {
		return Template{}, err
	}
	return Parse(body)
}

// Parse reads a template's text.
func Parse(body []byte) (Template, error) {
	type resource struct {
		Properties struct {
			TemplateVersion string `yaml:"TemplateVersion"`
			CodeSha256      string `yaml:"CodeSha256"`
			Code            struct {
				S3Key string `yaml:"S3Key"`
			} `yaml:"Code"`
		} `yaml:"Properties"`
	}
	var doc struct {
		Parameters map[string]Parameter              `yaml:"Parameters"`
		Mappings   map[string]map[string]DoiTAccount `yaml:"Mappings"`
		Resources  map[string]resource               `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(body, &doc); err != nil {
		return Template{}, fmt.Errorf("%s: %w", Path, err)
	}
	return Template{
		Body:       body,
		Parameters: doc.Parameters,
		DoiT:       doc.Mappings["DoiT"],
		Pin: Pin{
			Key:        doc.Resources["RegistrationFunction"].Properties.Code.S3Key,
			CodeSha256: doc.Resources["RegistrationFunctionVersion"].Properties.CodeSha256,
			Version:    doc.Resources["Registration"].Properties.TemplateVersion,
		},
	}, nil
}

// Check tells what CloudFormation would refuse about a parameter's value.
func (t Template) Check(name, value string) error {
	p, ok := t.Parameters[name]
	if !ok {
		return fmt.Errorf("the template has no parameter %s", name)
	}
	refuse := func() error {
		return fmt.Errorf("%s %q %s", name, value, p.ConstraintDescription)
	}
	if p.MaxLength > 0 && len(value) > p.MaxLength {
		return refuse()
	}
	if p.AllowedValues != nil && !slices.Contains(p.AllowedValues, value) {
		return refuse()
	}
	if p.AllowedPattern != "" {
		// CloudFormation matches the whole value, with Java's syntax; the template's patterns mean the same in Go's.
		pattern, err := regexp.Compile(`\A(?:` + p.AllowedPattern + `)\z`)
		if err != nil {
			return fmt.Errorf("AllowedPattern of %s: %w", name, err)
		}
		if slices.ContainsFunc(p.values(value), func(one string) bool { return !pattern.MatchString(one) }) {
			return refuse()
		}
	}
	if p.Type == "Number" {
		number, err := strconv.ParseFloat(value, 64)
		tooSmall := p.MinValue != nil && number < *p.MinValue
		if err != nil || !numeral.MatchString(value) || tooSmall {
			return refuse()
		}
	}
	return nil
}

var numeral = regexp.MustCompile(`\A-?[0-9]+(\.[0-9]+)?\z`)

// values are those of a list, which CloudFormation trims and checks one by one.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
func (p Parameter) values(text string) []string {
	if p.Type != "CommaDelimitedList" {
		return []string{text}
	}
	all := strings.Split(text, ",")
	for n, one := range all {
		all[n] = strings.TrimSpace(one)
	}
	return all
}

// Pinned returns the template's text with another pin in it.
func (t Template) Pinned(pin Pin) ([]byte, error) {
	text := string(t.Body)
	for _, r := range []struct {
		line  string // what stands before the value
		value string
		times int
	}{
		{line: `        S3Key: `, value: pin.Key, times: 1},
		{line: `      CodeSha256: `, value: pin.CodeSha256, times: 1},
		{line: `      TemplateVersion: `, value: pin.Version, times: 1},
		{line: `  TemplateVersion:\n    Description: .*\n    Value: `, value: pin.Version, times: 1},
	} {
		pattern := regexp.MustCompile(`(?m)^(` + r.line + `).*$`)
		if n := len(pattern.FindAllString(text, -1)); n != r.times {
			return nil, fmt.Errorf("%s has %d lines like %q, not %d", Path, n, strings.TrimSpace(r.line), r.times)
		}
		text = pattern.ReplaceAllString(text, "${1}"+strings.ReplaceAll(r.value, "$", "$$"))
	}
	got, err := Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	if got.Pin != pin {
		return nil, errors.New(Path + ": the pin could not be written")
	}
	return []byte(text), nil
}
