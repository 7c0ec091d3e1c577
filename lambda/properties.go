package main

import (
	"errors"
	"slices"
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
	a, err := arn.Parse(id)
	path, isStack := strings.CutPrefix(a.Resource, "stack/")
	name, guid, _ := strings.Cut(path, "/")
	isName := consists(1, 1024, letters+digits+"-")
	known := stsSuffixes[a.Partition] != "" && isRegion(a.Region)
	owned := a.Service == "cloudformation" && consists(12, 12, digits)(a.AccountID)
	named := isStack && isName(name) && isName(guid)
	if ours := known && owned && named; err != nil || !ours || len(id) > 1024 {
		// Which is not shown: its last part is the default external ID.
		return stack{}, errors.New("StackId must be the ARN of a stack, " +
			"in one of the partitions aws, aws-us-gov, aws-cn and aws-eusc")
	}
	return stack{partition: a.Partition, region: a.Region, account: a.AccountID, name: name}, nil
}

// isRegion knows the form of a region's name, like us-gov-west-1. Which there are, the endpoint knows.
func isRegion(name string) bool {
	words := strings.Split(name, "-")
	last := len(words) - 1
	sized := len(name) <= 32 && last >= 2 && len(words[0]) > 1
	worded := !slices.Contains(words, "") && consists(1, 30, lower)(strings.Join(words[:last], ""))
	return sized && worded && consists(1, 30, digits)(words[last])
}

// hasRole tells whether arn is an IAM role of the stack's account. It becomes the physical resource ID, which may have
// 1 KB. https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
func (s stack) hasRole(arn string) bool {
	resource, isRole := strings.CutPrefix(arn, "arn:"+s.partition+":iam::"+s.account+":role/")
	name := resource[strings.LastIndexByte(resource, '/')+1:]
	path := strings.TrimSuffix(resource, name)
	isPath := path != "/" && !strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' })
	isName := consists(1, 64, letters+digits+"_+=,.@-")(name)
	inAccount := s.account != "" && isRole && len(arn) <= 1024
	return inAccount && isPath && isName
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

// wanted are the properties that make up the registration. An AccessExpires that has passed before anybody could come
// in is not valid: a launch that looks well and lets nobody in would say so nowhere.
func (r *registration) wanted(ev event) []property {
	after, which := time.Date(2019, 12, 31, 23, 59, 59, 0, time.UTC), "from 2020 on"
	if ev.opensAccess() && ev.came.After(after) {
		after, which = ev.came, "that has not passed"
	}
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
		name: "AccessExpires", member: &r.AccessExpires, valid: isUTCTime(after),
		must: "be a UTC time " + which + ", spelled like 2026-12-31T00:00:00Z",
	}, {
		name: "TemplateVersion", member: &r.TemplateVersion, valid: consists(1, 32, letters+digits+".-"),
		must: "have 1 to 32 letters, digits, dots and hyphens",
	}}
}

// check takes over the properties that are valid, and tells what is wrong with the others.
func (r *registration) check(ev event) error {
	var wrong []string
	for _, p := range r.wanted(ev) {
		value := ev.given.text(p.name)
		switch {
		case ev.given.absent(p.name):
			if p.required {
				wrong = append(wrong, p.name+" is missing")
			}
		case p.valid(value):
			*p.member = value
		case p.secret || value == "":
			wrong = append(wrong, p.name+" must be text, and "+p.must)
		default:
			wrong = append(wrong, p.name+` "`+ev.withheld.tellable(value, 200)+`" must `+p.must)
		}
	}
	if wrong == nil {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

// isUTCTime checks for a later time in one spelling. time.Parse alone takes fractions, and hours of one digit.
func isUTCTime(after time.Time) func(string) bool {
	return func(text string) bool {
		at, err := time.Parse(utcTime, text)
		return err == nil && at.Format(utcTime) == text && at.After(after)
	}
}

// consists checks for a text of least to most characters, all of set. Regular expressions would cost a tenth of the
// start, and 100 KB of the zip.
func consists(least, most int, set string) func(string) bool {
	return func(s string) bool { return len(s) >= least && len(s) <= most && strings.Trim(s, set) == "" }
}
