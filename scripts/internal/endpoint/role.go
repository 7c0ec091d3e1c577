package endpoint

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/doitintl/aws-ro-access/scripts/internal/wholebody"
)

const roleTimeout = 8 * time.Second

// roleVerifier tries the door that a customer opened: with the external ID
// that was registered, without one, and with others that look like it.
type roleVerifier struct {
	config aws.Config // whose credentials are those of DoiT's role
	sts    *stsClient
}

func (v *roleVerifier) verify(ctx context.Context, r registration, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := v.client(r.region)

	opens, err := try(ctx, client, r, aws.String(r.externalID))
	if err != nil {
		return fmt.Errorf("assume the role with its external ID: %w", err)
	}
	if !opens {
		return roleNotAssumable
	}
	for _, other := range others(r.externalID) {
		if opens, err = try(ctx, client, r, other.externalID); err != nil {
			return fmt.Errorf("assume the role %s: %w", other.name, err)
		}
		if opens {
			return other.refusal
		}
	}
	return nil
}

// client speaks to the STS of the stack's region, as the contract promises the
// customer, whose CloudTrail shows the calls there.
func (v *roleVerifier) client(region string) *sts.Client {
	base := "https://" + stsHosts[region]
	if v.sts.base != nil {
		base = v.sts.base.String()
	}
	return sts.NewFromConfig(v.config, func(o *sts.Options) {
		o.Region = region
		o.BaseEndpoint = &base
		o.HTTPClient = wholebody.Client{Client: v.sts.http}
		o.Retryer = aws.NopRetryer{} // the function tries again, and knows for how long
	})
}

// try tells whether the role opens. Only AccessDenied is a no: a throttled or
// broken STS says nothing about the role.
func try(ctx context.Context, client *sts.Client, r registration, externalID *string) (bool, error) {
	_, err := client.AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn:         &r.roleArn,
		RoleSessionName: aws.String(r.sessionName()),
		ExternalId:      externalID,
		DurationSeconds: aws.Int32(900), // the shortest there is; the session is thrown away
	})
	if err == nil {
		return true, nil
	}
	var refusal smithy.APIError
	switch {
	case !errors.As(err, &refusal):
		return false, withoutURL(err)
	case refusal.ErrorCode() == "AccessDenied":
		return false, nil
	}
	// A ValidationError's message has the value, so the code has to do.
	return false, fmt.Errorf("STS answered %s", refusal.ErrorCode())
}

// sessionName is what the customer reads in CloudTrail, and what the role's trust
// policy demands where a ticket is named.
func (r registration) sessionName() string {
	if r.ticketID == "" {
		return "doit-verify"
	}
	return r.ticketID + "-verify"
}

// other is a try that must not open the role.
type other struct {
	name       string
	externalID *string
	refusal    error
}

// others find the trust policy that asks for no external ID, and the two that
// compare with a wildcard: of a part of it, or of all with anything behind it.
func others(externalID string) []other {
	last := len(externalID) - 1
	changed := "x"
	if externalID[last:] == changed {
		changed = "y"
	}
	tries := []other{
		{"without an external ID", nil, roleOpensWithout},
		{"with the last character changed", aws.String(externalID[:last] + changed), roleOpensWithAnother},
	}
	if len(externalID) < longestExternalID {
		tries = append(tries, other{"with one more character", aws.String(externalID + "x"), roleOpensWithAnother})
	}
	return tries
}
