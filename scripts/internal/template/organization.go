package template

import (
	"bytes"
	"fmt"
	"regexp"
)

// launched is the address of the account's template, under its digest.
var launched = regexp.MustCompile(`https://[a-z0-9.-]+/doitmanagement/[0-9a-f]{64}\.yaml\b`)

// PinOrganization returns the organization's template with the address of the
// account's template that is given, in both places that launch it: the stack
// set and the management account's nested stack.
func PinOrganization(organizationBody, doitmanagementBody []byte) ([]byte, error) {
	if n := len(launched.FindAll(organizationBody, -1)); n != 2 {
		return nil, fmt.Errorf("%s has %d addresses of %s under a digest, not 2", OrganizationPath, n, Path)
	}
	return launched.ReplaceAllLiteral(organizationBody, []byte(URL(Path, doitmanagementBody))), nil
}

// BothPinned returns the repository's two templates with the pin in them.
func BothPinned(pin Pin) (body, organization []byte, err error) {
	current, err := Read()
	if err != nil {
		return nil, nil, err
	}
	rollout, err := ReadOrganization()
	if err != nil {
		return nil, nil, err
	}
	if body, err = current.Pinned(pin); err != nil {
		return nil, nil, err
	}
	if organization, err = PinOrganization(rollout.Body, body); err != nil {
		return nil, nil, err
	}
	return body, organization, nil
}

// CheckOrganization fails unless the organization's template launches exactly
// the account's template that is given.
func CheckOrganization(organizationBody, doitmanagementBody []byte) error {
	pinned, err := PinOrganization(organizationBody, doitmanagementBody)
	if err != nil {
		return err
	}
	if !bytes.Equal(pinned, organizationBody) {
		return fmt.Errorf("%s does not launch %s as it stands, whose SHA-256 is %s: run make build and commit both",
			OrganizationPath, Path, Digest(doitmanagementBody))
	}
	return nil
}
