package endpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// registration is the body of a request. Absent members are empty, except that
// an absent access is approved.
type registration struct {
	requestType, requestID     string
	stackID, accountID, region string
	roleArn, externalID        string
	ticketID                   string
	access, accessExpires      string
	templateVersion            string
	issuedAt                   time.Time // zero: it does not say
}

// dated tells whether the function knew when CloudFormation issued the event.
func (r registration) dated() bool { return !r.issuedAt.IsZero() }

const aRegion = `[a-z]{2,}(-[a-z]+)+-[0-9]+`

var (
	regionForm = regexp.MustCompile(`^` + aRegion + `$`)
	anArn      = `arn:(` + strings.Join(partitionNames(), "|") + `):`
	// From the year 2020 on: nothing of this is older.
	aTime = regexp.MustCompile(
		`^(20[2-9][0-9]|2[1-9][0-9]{2}|[3-9][0-9]{3})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`)
)

// members are the names that a body may have, and what their values look like:
// the function's own rules for the properties, see the contract.
var members = map[string]*regexp.Regexp{
	"requestType": regexp.MustCompile(`^(Create|Update|Delete)$`),
	"requestId":   regexp.MustCompile(`(?s)^.{1,128}$`),
	"stackId": regexp.MustCompile(`^` + anArn + `cloudformation:` + aRegion +
		`:[0-9]{12}:stack/[A-Za-z0-9-]+/[A-Za-z0-9-]+$`),
	"accountId":       regexp.MustCompile(`^[0-9]{12}$`),
	"region":          regionForm,
	"roleArn":         regexp.MustCompile(`^` + anArn + `iam::[0-9]{12}:role/([!-~]+/)?[A-Za-z0-9_+=,.@-]{1,64}$`),
	"externalId":      regexp.MustCompile(`^[A-Za-z0-9_+=,.@:/-]{2,}$`),
	"ticketId":        regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`),
	"access":          regexp.MustCompile(`^(approved|dismissed)$`),
	"accessExpires":   aTime,
	"templateVersion": regexp.MustCompile(`^[A-Za-z0-9.-]{1,32}$`),
	"issuedAt":        aTime,
}

const longestExternalID = 1224 // IAM's

// longest are limits that regexp would count too dearly, in bytes.
var longest = map[string]int{
	"stackId":    1024,
	"region":     32,
	"roleArn":    1024, // it becomes the PhysicalResourceId, whose limit is 1 KB
	"externalId": longestExternalID,
}

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
		if most := longest[name]; most > 0 && len(value) > most {
			return registration{}, fmt.Errorf("member %s is too long", name)
		}
	}
	r := registration{
		requestType: values["requestType"], requestID: values["requestId"],
		stackID: values["stackId"], accountID: values["accountId"], region: values["region"],
		roleArn: values["roleArn"], externalID: values["externalId"], ticketID: values["ticketId"],
		access: values["access"], accessExpires: values["accessExpires"],
		templateVersion: values["templateVersion"],
	}
	if r.access == "" {
		r.access = "approved"
	}
	if _, err := utcTime(r.accessExpires); err != nil {
		return registration{}, errors.New("member accessExpires is no time")
	}
	if r.issuedAt, err = utcTime(values["issuedAt"]); err != nil {
		return registration{}, errors.New("member issuedAt is no time")
	}
	return r, nil
}

// flatObject reads one JSON object that has only strings, of known names, each
// at most once. encoding/json alone would take doubled, unknown and null members
// and repair invalid UTF-8, so that two readers could see two different bodies.
func flatObject(body []byte) (map[string]string, error) {
	if !utf8.Valid(body) || !json.Valid(body) || hasHalfCharacter(body) {
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

// hasHalfCharacter tells whether valid JSON has an escape of half a UTF-16
// character, which encoding/json would replace.
func hasHalfCharacter(text []byte) bool {
	escaped := func(at int) rune { // the code of an escape that begins there
		if at+6 > len(text) || text[at] != '\\' || text[at+1] != 'u' {
			return 0
		}
		code, err := strconv.ParseUint(string(text[at+2:at+6]), 16, 16)
		if err != nil {
			return 0
		}
		return rune(code)
	}
	for at := 0; at < len(text); at++ {
		if text[at] != '\\' {
			continue
		}
		if code := escaped(at); utf16.IsSurrogate(code) {
			if utf16.DecodeRune(code, escaped(at+6)) == utf8.RuneError {
				return true
			}
			at += 6
		}
		at++ // what is escaped, which may be another backslash
	}
	return false
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
