package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// stack is what a stack's ID says of where it is.
type stack struct {
	partition, region, account, name string
}

// stsSuffixes are the partitions in which the function can prove its account,
// with the domain of their regional STS endpoints.
// https://docs.aws.amazon.com/general/latest/gr/sts.html
var stsSuffixes = map[string]string{
	"aws":        "amazonaws.com",
	"aws-us-gov": "amazonaws.com",
	"aws-cn":     "amazonaws.com.cn",
	"aws-eusc":   "amazonaws.eu",
}

// parseStackID reads arn:PARTITION:cloudformation:REGION:ACCOUNT:stack/NAME/GUID.
func parseStackID(id string) (stack, error) {
	arn := strings.SplitN(id, ":", 6)
	if len(arn) < 6 || arn[0] != "arn" || arn[2] != "cloudformation" || !consists(arn[3], 1, 32, lower+digits+"-") || !isAccount(arn[4]) {
		return stack{}, errors.New("StackId is not the ARN of a stack")
	}
	resource := strings.Split(arn[5], "/")
	if len(resource) != 3 || resource[0] != "stack" || resource[1] == "" || resource[2] == "" {
		return stack{}, errors.New("StackId is not the ARN of a stack")
	}
	if stsSuffixes[arn[1]] == "" {
		return stack{}, fmt.Errorf("StackId is of partition %.40q, which this function does not know", arn[1])
	}
	return stack{partition: arn[1], region: arn[3], account: arn[4], name: resource[1]}, nil
}

// checkRoleArn tells what keeps arn from being an IAM role of the stack. The
// role's ARN becomes the physical resource ID, which may have 1 KB.
func (s stack) checkRoleArn(arn string) error {
	part := strings.SplitN(arn, ":", 6)
	switch {
	case len(arn) > 1024 || strings.ContainsFunc(arn, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("RoleArn must be at most 1024 printable ASCII characters")
	case len(part) < 6 || part[0] != "arn" || part[2] != "iam" || part[3] != "" || !isAccount(part[4]) ||
		!strings.HasPrefix(part[5], "role/") || strings.HasSuffix(part[5], "/"):
		return fmt.Errorf("RoleArn %.200q is not the ARN of an IAM role", arn)
	case part[1] != s.partition:
		return fmt.Errorf("RoleArn belongs to partition %q, the stack to partition %q", part[1], s.partition)
	case part[4] != s.account:
		return fmt.Errorf("RoleArn belongs to account %s, the stack to account %s", part[4], s.account)
	}
	return nil
}

// check fills in the members of a registration that are valid properties of
// the stack, and returns what is wrong with the others. Where the stack's ID
// is no good, no role is.
func (r *registration) check(p properties, s stack, stackErr error) error {
	wrong := []error{stackErr}
	take := func(member *string, name string, required bool, check func(string) error) {
		value, ok := p[name].(string)
		switch {
		case !ok && p[name] != nil:
			wrong = append(wrong, fmt.Errorf("%s must be text", name))
		case value != "":
			if err := check(value); err != nil {
				wrong = append(wrong, err)
				return
			}
			*member = value
		case required:
			wrong = append(wrong, fmt.Errorf("%s is missing", name))
		}
	}
	if stackErr == nil {
		take(&r.RoleArn, "RoleArn", true, s.checkRoleArn)
	}
	take(&r.ExternalID, "ExternalId", true, func(v string) error {
		if !consists(v, 2, 1224, lower+upper+digits+"_+=,.@:/-") {
			return errors.New("ExternalId must be 2 to 1224 letters, digits and characters of _ + = , . @ : / -")
		}
		return nil
	})
	take(&r.TicketID, "TicketId", false, func(v string) error {
		if !consists(v, 1, 32, lower+upper+digits+"-") {
			return fmt.Errorf("TicketId %.40q must be 1 to 32 letters, digits and hyphens", v)
		}
		return nil
	})
	take(&r.Access, "Access", false, func(v string) error {
		if v != approved && v != dismissed {
			return fmt.Errorf("Access %.40q must be %s or %s", v, approved, dismissed)
		}
		return nil
	})
	take(&r.AccessExpires, "AccessExpires", false, func(v string) error {
		// Formatting back refuses what time.Parse takes beyond its layout: fractions, and hours of one digit.
		if t, err := time.Parse(utcTime, v); err != nil || t.Format(utcTime) != v {
			return fmt.Errorf("AccessExpires %.40q must be a UTC time like 2026-12-31T00:00:00Z", v)
		}
		return nil
	})
	take(&r.TemplateVersion, "TemplateVersion", false, func(v string) error {
		if !consists(v, 1, 32, lower+upper+digits+".-") {
			return fmt.Errorf("TemplateVersion %.40q must be 1 to 32 letters, digits, dots and hyphens", v)
		}
		return nil
	})
	return errors.Join(wrong...)
}

const (
	approved  = "approved"
	dismissed = "dismissed"
	utcTime   = "2006-01-02T15:04:05Z"

	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// consists tells whether s has from shortest to longest characters, all of set.
// Regular expressions would cost a tenth of the start and 100 KB of the zip.
func consists(s string, shortest, longest int, set string) bool {
	return len(s) >= shortest && len(s) <= longest && strings.Trim(s, set) == ""
}

func isAccount(s string) bool { return consists(s, 12, 12, digits) }
