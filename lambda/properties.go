package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// stack is what a stack's ID says of where it is.
type stack struct{ partition, region, account, name string }

// stsSuffixes are the domains of STS's regional endpoints, by partition.
// https://docs.aws.amazon.com/general/latest/gr/sts.html
var stsSuffixes = map[string]string{
	"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu",
}

const (
	dismissed = "dismissed"
	utcTime   = "2006-01-02T15:04:05Z"
	digits    = "0123456789"
	lower     = "abcdefghijklmnopqrstuvwxyz"
	letters   = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// consists checks for a text of least to most characters, all of set. Regular expressions would cost a tenth of the
// start, and 100 KB of the zip.
func consists(least, most int, set string) func(string) bool {
	return func(s string) bool { return len(s) >= least && len(s) <= most && strings.Trim(s, set) == "" }
}

// parseStackID reads arn:PARTITION:cloudformation:REGION:ACCOUNT:stack/NAME/GUID.
func parseStackID(id string) (stack, error) {
	arn := append(strings.SplitN(id, ":", 6), make([]string, 6)...)
	resource := append(strings.Split(arn[5], "/"), "", "")
	if arn[0] != "arn" || stsSuffixes[arn[1]] == "" || arn[2] != "cloudformation" || !consists(1, 32, lower+digits+"-")(arn[3]) ||
		!consists(12, 12, digits)(arn[4]) || len(resource) != 5 || resource[0] != "stack" || resource[1] == "" || resource[2] == "" {
		// Which is not shown: its last part is the default external ID.
		return stack{}, errors.New("StackId must be the ARN of a stack, in one of the partitions aws, aws-us-gov, aws-cn and aws-eusc")
	}
	return stack{partition: arn[1], region: arn[3], account: arn[4], name: resource[1]}, nil
}

// hasRole tells whether arn is an IAM role of the stack's account. It becomes the physical resource ID, which may have
// 1 KB.
func (s stack) hasRole(arn string) bool {
	name, isRole := strings.CutPrefix(arn, "arn:"+s.partition+":iam::"+s.account+":role/")
	return s.account != "" && isRole && len(arn) <= 1024 && name != "" && !strings.HasSuffix(name, "/") &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
}

// check takes over the properties that are valid, and tells what is wrong with the others.
func (r *registration) check(given properties) error {
	var wrong []error
	for _, p := range []struct {
		member     *string
		name, must string
		required   bool
		valid      func(string) bool
	}{
		{&r.RoleArn, "RoleArn", "be the ARN, of at most 1024 printable ASCII characters, of an IAM role of the stack's account " +
			r.stack.account + " in partition " + r.stack.partition, true, r.stack.hasRole},
		{&r.ExternalID, "ExternalId", "have 2 to 1224 letters, digits and characters of _ + = , . @ : / -",
			true, consists(2, 1224, letters+digits+"_+=,.@:/-")},
		{&r.TicketID, "TicketId", "have 1 to 32 letters, digits and hyphens", false, consists(1, 32, letters+digits+"-")},
		{&r.Access, "Access", "be approved or dismissed", false, func(v string) bool { return v == "approved" || v == dismissed }},
		{&r.AccessExpires, "AccessExpires", "be a UTC time like 2026-12-31T00:00:00Z", false, func(v string) bool {
			at, err := time.Parse(utcTime, v) // which takes fractions, and hours of one digit
			return err == nil && at.Format(utcTime) == v
		}},
		{&r.TemplateVersion, "TemplateVersion", "have 1 to 32 letters, digits, dots and hyphens", false, consists(1, 32, letters+digits+".-")},
	} {
		value, absent := given.text(p.name), slices.Contains([]string{"", "null", `""`}, string(given[p.name]))
		switch {
		case absent && p.required:
			wrong = append(wrong, fmt.Errorf("%s is missing", p.name))
		case value != "" && p.valid(value):
			*p.member = value
		case value != "" && p.name != "ExternalId":
			wrong = append(wrong, fmt.Errorf("%s %.200q must %s", p.name, value, p.must))
		case !absent:
			wrong = append(wrong, fmt.Errorf("%s must be text, and %s", p.name, p.must))
		}
	}
	return errors.Join(wrong...)
}
