// Package regions tells which regions AWS has, in which partition, and in which
// of them the function's code can lie.
package regions

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Partitions maps each region to its partition.
type Partitions map[string]string

// Read reads AWS's own list, which the SDK carries to resolve endpoints and
// does not export. It comes from the source of the SDK's version in
// scripts/go.mod, whose digest go.sum pins, and not from the function's, whose
// zip a newer list would change.
func Read(root string) (Partitions, error) {
	all, _, err := read(root)
	return all, err
}

// Names are the places that AWS names its regions after, like Europe (Ireland).
func Names(root string) (map[string]string, error) {
	_, names, err := read(root)
	return names, err
}

func read(root string) (Partitions, map[string]string, error) {
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2")
	list.Dir = filepath.Join(root, "scripts")
	list.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	dir, err := list.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("find the AWS SDK's source: %w", saying(err))
	}
	path := filepath.Join(strings.TrimSpace(string(dir)), "internal", "endpoints", "awsrulesfn", "partitions.json")
	text, err := os.ReadFile(path) // #nosec G304 -- a file of a pinned module
	if err != nil {
		return nil, nil, fmt.Errorf("read the AWS SDK's list of regions: %w", err)
	}
	var doc struct {
		Partitions []struct {
			ID      string `json:"id"`
			Regions map[string]struct {
				Description string `json:"description"`
			} `json:"regions"`
		} `json:"partitions"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, nil, fmt.Errorf("read the AWS SDK's list of regions: %s: %w", path, err)
	}
	all, names := Partitions{}, map[string]string{}
	for _, partition := range doc.Partitions {
		for region, place := range partition.Regions {
			if strings.HasSuffix(region, "-global") {
				continue // where IAM and its like are signed for, and no place
			}
			all[region] = partition.ID
			names[region] = place.Description
		}
	}
	if all["us-east-1"] != "aws" {
		return nil, nil, fmt.Errorf("%s does not know us-east-1: the AWS SDK has changed its form", path)
	}
	return all, names, nil
}

// Of lists a partition's regions.
func (p Partitions) Of(partition string) []string {
	var names []string
	for region, of := range p {
		if of == partition {
			names = append(names, region)
		}
	}
	slices.Sort(names)
	return names
}

// NotOffered are the regions in which S3 has no account regional namespace,
// in which the code's buckets are. The role is global: a customer there launches
// the template elsewhere.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/gpbucketnamespaces.html
var NotOffered = []string{"me-central-1", "me-south-1"}

// Offered lists a partition's regions in which the template can be launched.
func (p Partitions) Offered(partition string) []string {
	return slices.DeleteFunc(p.Of(partition), func(region string) bool { return slices.Contains(NotOffered, region) })
}

// saying adds what a program wrote before it failed.
func saying(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}
