package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

const (
	dismissed = "dismissed"
	utcTime   = "2006-01-02T15:04:05Z"
	digits    = "0123456789"
	lower     = "abcdefghijklmnopqrstuvwxyz"
	letters   = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// stack is what a stack's ID says of where it is.
type stack struct{ partition, region, account, name string }

// stsSuffixes are the domains of STS's regional endpoints, by partition.
// https://docs.aws.amazon.com/general/latest/gr/sts.html
var stsSuffixes = map[string]string{
	"aws":        "amazonaws.com",
	"aws-us-gov": "amazonaws.com",
	"aws-cn":     "amazonaws.com.cn",
	"aws-eusc":   "amazonaws.eu",
}

// parseStackID reads arn:PARTITION:cloudformation:REGION:ACCOUNT:stack/NAME/GUID.
func parseStackID(id string) (stack, error) {
	// Which is not shown: its last part is the default external ID.
	wrong := errors.New("StackId must be the ARN of a stack, " +
		"in one of the partitions aws, aws-us-gov, aws-cn and aws-eusc")
	a, err := arn.Parse(id)
	if err != nil || a.Service != "cloudformation" || stsSuffixes[a.Partition] == "" {
		return stack{}, wrong
	}
	if !consists(1, 32, lower+digits+"-")(a.Region) || !consists(12, 12, digits)(a.AccountID) {
		return stack{}, wrong
	}
	parts := strings.Split(a.Resource, "/")
	if len(parts) != 3 || parts[0] != "stack" || parts[1] == "" || parts[2] == "" {
		return stack{}, wrong
	}
	return stack{partition: a.Partition, region: a.Region, account: a.AccountID, name: parts[1]}, nil
}

// hasRole tells whether arn is an IAM role of the stack's account. It becomes the physical resource ID, which may have
// 1 KB.
func (s stack) hasRole(arn string) bool {
	path, isRole := strings.CutPrefix(arn, "arn:"+s.partition+":iam::"+s.account+":role/")
	named := path != "" && !strings.HasSuffix(path, "/")
	printable := !strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' })
	return s.account != "" && isRole && named && printable && len(arn) <= 1024
}

// property is one of ResourceProperties, and the member of the registration that takes its value.
type property struct {
	name     string
	member   *string
	required bool
	secret   bool // its value is never shown
	valid    func(string) bool
	must     string // for the customer, behind the name
}

func (r *registration) properties() []property {
	return []property{{
		name: "RoleArn", member: &r.RoleArn, required: true, valid: r.stack.hasRole,
		must: "be the ARN, of at most 1024 printable ASCII characters, of an IAM role of the stack's account " +
			r.stack.account + " in partition " + r.stack.partition,
	}, {
		name: "ExternalId", member: &r.ExternalID, required: true, secret: true,
		valid: consists(2, 1224, letters+digits+"_+=,.@:/-"),
		must:  "have 2 to 1224 letters, digits and characters of _ + = , . @ : / -",
	}, {
		name: "TicketId", member: &r.TicketID, valid: consists(1, 32, letters+digits+"-"),
		must: "have 1 to 32 letters, digits and hyphens",
	}, {
		name: "Access", member: &r.Access, valid: func(v string) bool { return v == "approved" || v == dismissed },
		must: "be approved or dismissed",
	}, {
		name: "AccessExpires", member: &r.AccessExpires, valid: isUTCTime,
		must: "be a UTC time like 2026-12-31T00:00:00Z",
	}, {
		name: "TemplateVersion", member: &r.TemplateVersion, valid: consists(1, 32, letters+digits+".-"),
		must: "have 1 to 32 letters, digits, dots and hyphens",
	}}
}

// check takes over the properties that are valid, and tells what is wrong with the others.
func (r *registration) check(given properties) error {
	var wrong []error
	for _, p := range r.properties() {
		value := given.text(p.name)
		switch {
		case given.absent(p.name):
			if p.required {
				wrong = append(wrong, fmt.Errorf("%s is missing", p.name))
			}
		case p.valid(value):
			*p.member = value
		case p.secret || value == "":
			wrong = append(wrong, fmt.Errorf("%s must be text, and %s", p.name, p.must))
		default:
			wrong = append(wrong, fmt.Errorf("%s %.200q must %s", p.name, value, p.must))
		}
	}
	return errors.Join(wrong...)
}

// isUTCTime knows one spelling. time.Parse alone takes fractions, and hours of one digit.
func isUTCTime(text string) bool {
	at, err := time.Parse(utcTime, text)
	return err == nil && at.Format(utcTime) == text
}

// consists checks for a text of least to most characters, all of set. Regular expressions would cost a tenth of the
// start, and 100 KB of the zip.
func consists(least, most int, set string) func(string) bool {
	return func(s string) bool { return len(s) >= least && len(s) <= most && strings.Trim(s, set) == "" }
}
