package endpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// registration is the body of a request. Absent members are empty, except that
// an absent access is approved.
type registration struct {
	requestType, requestID       string
	stackID, accountID, region   string
	roleArn, externalID          string
	ticketID                     string
	access, accessExpires        string
	templateVersion, rawIssuedAt string
	issuedAt                     time.Time
}

// members are the names that a body may have, and what their values look like:
// the function's own rules for the properties, see the contract.
var members = map[string]*regexp.Regexp{
	"requestType":     regexp.MustCompile(`^(Create|Update|Delete)$`),
	"requestId":       regexp.MustCompile(`(?s)^.+$`),
	"stackId":         regexp.MustCompile(`^arn:(aws|aws-us-gov|aws-cn|aws-eusc):cloudformation:[a-z0-9-]{1,32}:[0-9]{12}:stack/[!-.0-~]+/[!-.0-~]+$`),
	"accountId":       regexp.MustCompile(`^[0-9]{12}$`),
	"region":          regexp.MustCompile(`^[a-z0-9-]{1,32}$`),
	"roleArn":         regexp.MustCompile(`^arn:(aws|aws-us-gov|aws-cn|aws-eusc):iam::[0-9]{12}:role/[!-~]*[!-.0-~]$`),
	"externalId":      regexp.MustCompile(`^[A-Za-z0-9_+=,.@:/-]{2,}$`),
	"ticketId":        regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`),
	"access":          regexp.MustCompile(`^(approved|dismissed)$`),
	"accessExpires":   regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`),
	"templateVersion": regexp.MustCompile(`^[A-Za-z0-9.-]{1,32}$`),
	"issuedAt":        regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`),
}

const (
	longestRoleArn    = 1024 // it becomes the PhysicalResourceId, whose limit is 1 KB
	longestExternalID = 1224 // IAM's
)

// decode reads a body as strictly as the contract is written.
func decode(body []byte) (registration, error) {
	values, err := flatObject(body)
	if err != nil {
		return registration{}, err
	}
	required := []string{"requestType", "requestId", "stackId", "accountId", "region", "roleArn"}
	if values["requestType"] != "Delete" {
		required = append(required, "externalId")
	}
	for _, name := range required {
		if _, present := values[name]; !present {
			return registration{}, fmt.Errorf("member %s is missing", name)
		}
	}
	for name, value := range values {
		if !members[name].MatchString(value) {
			return registration{}, fmt.Errorf("member %s is not well-formed", name)
		}
	}
	r := registration{
		requestType: values["requestType"], requestID: values["requestId"],
		stackID: values["stackId"], accountID: values["accountId"], region: values["region"],
		roleArn: values["roleArn"], externalID: values["externalId"], ticketID: values["ticketId"],
		access: values["access"], accessExpires: values["accessExpires"],
		templateVersion: values["templateVersion"], rawIssuedAt: values["issuedAt"],
	}
	if r.access == "" {
		r.access = "approved"
	}
	if len(r.roleArn) > longestRoleArn {
		return registration{}, errors.New("member roleArn is too long")
	}
	if len(r.externalID) > longestExternalID {
		return registration{}, errors.New("member externalId is too long")
	}
	if _, err := utcTime(r.accessExpires); err != nil {
		return registration{}, errors.New("member accessExpires is no time")
	}
	if r.issuedAt, err = utcTime(r.rawIssuedAt); err != nil {
		return registration{}, errors.New("member issuedAt is no time")
	}
	return r, nil
}

// flatObject reads one JSON object that has only strings, of known names, each
// at most once. encoding/json alone would take doubled, unknown and null members
// and repair invalid UTF-8, so that two readers could see two different bodies.
func flatObject(body []byte) (map[string]string, error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, errors.New("the body is not one JSON value in UTF-8")
	}
	tokens := json.NewDecoder(bytes.NewReader(body))
	if opening, err := tokens.Token(); err != nil || opening != json.Delim('{') {
		return nil, errors.New("the body is not a JSON object")
	}
	values := map[string]string{}
	for tokens.More() {
		key, err := tokens.Token()
		if err != nil {
			return nil, errors.New("the body is not a JSON object")
		}
		name := key.(string) // json.Valid has seen that an object's keys are strings
		if members[name] == nil {
			return nil, errors.New("the body has an unknown member")
		}
		if _, doubled := values[name]; doubled {
			return nil, fmt.Errorf("member %s is doubled", name)
		}
		value, err := tokens.Token()
		text, isString := value.(string)
		if err != nil && err != io.EOF || !isString {
			return nil, fmt.Errorf("member %s is not a string", name)
		}
		values[name] = text
	}
	return values, nil
}

// utcTime reads the one spelling of a time that the contract knows; time.Parse
// alone would take fractions of a second. The empty string is no time at all.
func utcTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, err
	}
	return t.UTC(), nil
}

// stack is the stack's name. Its ID stays out of logs: the last part of it is the
// external ID where the customer set none.
func (r registration) stack() string {
	_, path, _ := strings.Cut(r.stackID, ":stack/")
	name, _, _ := strings.Cut(path, "/")
	return name
}

// roleName is the role's name, without the path that stands before it in the ARN.
func (r registration) roleName() string {
	return r.roleArn[strings.LastIndexByte(r.roleArn, '/')+1:]
}
