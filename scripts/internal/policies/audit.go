package policies

import (
	_ "embed" // SecurityAudit
	"encoding/json"
	"fmt"
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

// Parse reads a policy's JSON, bare or as an answer of IAM's has it.
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
		return Document{}, fmt.Errorf("read a policy: it has no statement")
	}
	return found, nil
}
