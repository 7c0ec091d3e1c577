package template

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/repo"
)

// OrganizationPath is the template that rolls the published one out over an
// AWS Organization, from the top of the repository.
const OrganizationPath = "template/organization.yaml"

// LaunchPath is the page behind the short link, from the top of the repository.
const LaunchPath = "template/launch.html"

// Bucket is where CloudFormation reads the published templates. It is in
// us-east-1, whose buckets alone answer under a name without a region.
const Bucket = "doit-aws-ops-prod-templates"

// Digest is the lower-case hex SHA-256 of a published text.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// LatestKey is the key in Bucket under which the newest text of a template is
// found: for reading, since its bytes change.
func LatestKey(path string) string { return filepath.Base(path) }

// VersionKey is the key under which a template's version stays.
func VersionKey(path, version string) string { return stem(path) + "/" + version + filepath.Ext(path) }

// OwnKey is the key that is made from a template's own bytes. Links name it, so
// that nobody can swap the template between its review and its launch.
func OwnKey(path string, body []byte) string {
	return stem(path) + "/" + Digest(body) + filepath.Ext(path)
}

// URL is where a launch reads the template, or a browser the page: under its own digest.
func URL(path string, body []byte) string {
	return "https://" + Bucket + ".s3.amazonaws.com/" + OwnKey(path, body)
}

func stem(path string) string { return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) }

// ReadOrganization reads the organization's template of the repository.
func ReadOrganization() (Template, error) {
	root, err := repo.Root()
	if err != nil {
		return Template{}, err
	}
	body, err := os.ReadFile(filepath.Join(root, OrganizationPath)) // #nosec G304 -- the repository's own file
	if err != nil {
		return Template{}, err
	}
	return Parse(body)
}
