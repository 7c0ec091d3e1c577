package policies

import (
	_ "embed" // SecurityAudit
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

// Version is the version of SecurityAudit that the limits were made for.
const Version = "v92"

// SecurityAudit-v92.json is what `aws iam get-policy-version --version-id v92
// --policy-arn arn:aws:iam::aws:policy/SecurityAudit` answers as its Document.
//
//go:embed SecurityAudit-v92.json
var securityAudit []byte

// SecurityAudit is AWS's managed policy of that name, in that version.
func SecurityAudit() (Document, error) { return Parse(securityAudit) }

// Parse reads a policy of Allow statements from its JSON, bare or as an answer
// of IAM's has it.
func Parse(text []byte) (Document, error) {
	var answer struct {
		Document
		PolicyVersion struct{ Document Document }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return Document{}, fmt.Errorf("read a policy: %w", err)
	}
	found := answer.Document
	if len(found.Statement) == 0 {
		found = answer.PolicyVersion.Document
	}
	if len(found.Statement) == 0 {
		return Document{}, errors.New("read a policy: it has no statement")
	}
	for _, statement := range found.Statement {
		if statement.Effect != "Allow" || len(statement.Action) == 0 || len(statement.Resource) == 0 {
			return Document{}, fmt.Errorf("read a policy: the statement %q is not an Allow of actions on resources",
				statement.Sid)
		}
		for _, action := range statement.Action {
			if !pattern.MatchString(action) {
				return Document{}, fmt.Errorf("read a policy: the action %q is not a service and a name", action)
			}
		}
	}
	return found, nil
}

// pattern is an action as SecurityAudit names it. What has another form could
// mean more than is compared.
var pattern = regexp.MustCompile(`\A[A-Za-z0-9-]+:[A-Za-z0-9*-]+\z`)
