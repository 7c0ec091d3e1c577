package localcloud

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// Entry is somebody's entry into a role of another account.
type Entry struct {
	Role    string // its ARN
	Session string
	Address string
	Caller  string // the account that it came from
	Time    time.Time
}

// Record is what CloudTrail writes of it in the account of the role. Unlike the
// caller's record it has neither resources nor the caller's name.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html, "cross-account"
func (e Entry) Record() map[string]any {
	return map[string]any{
		"eventVersion": "1.05",
		"userIdentity": map[string]any{
			"type": "AWSAccount", "principalId": "AROAQRSTUVWXYZEXAMPLE:jane", "accountId": e.Caller,
		},
		"eventTime":       e.Time.UTC().Format(time.RFC3339),
		"eventSource":     "sts.amazonaws.com",
		"eventName":       "AssumeRole",
		"awsRegion":       "eu-west-1",
		"sourceIPAddress": e.Address,
		"userAgent":       "aws-cli/2.31.0",
		"requestParameters": map[string]any{
			"roleArn": e.Role, "roleSessionName": e.Session, "externalId": "an-external-id",
		},
		"responseElements": map[string]any{
			"credentials": map[string]any{
				"accessKeyId": "ASIAQRSTUVWXYZEXAMPLE", "expiration": "Jul 18, 2014 4:07:39 PM",
			},
			"assumedRoleUser": map[string]any{"assumedRoleId": "AROAQRSTUVWXYZEXAMPLE:" + e.Session},
		},
		"requestID":     "4EXAMPLE-0e8d-11e4-96e4-e55c0EXAMPLE",
		"sharedEventID": "bEXAMPLE-efea-4a70-b951-19a88EXAMPLE",
		"eventID":       "dEXAMPLE-ac7f-466c-a608-4ac8dEXAMPLE",
	}
}

// A Trail hands CloudTrail's records on to EventBridge, which the emulator's
// CloudTrail does not, for one rule: the emulator takes the rule's state for
// disabled, and no events from a source of AWS's own. So the trail has a copy
// of the rule that differs in these two, and in nothing else.
type Trail struct {
	events *eventbridge.Client
	source string
}

// TrailFor makes a trail for the rule of that name.
func TrailFor(ctx context.Context, as aws.Config, rule string) (*Trail, error) {
	t := &Trail{events: eventbridge.NewFromConfig(as), source: "copy-of-" + rule}
	original, err := t.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &rule})
	if err != nil {
		return nil, fmt.Errorf("read the rule %s: %w", rule, err)
	}
	var pattern map[string]any
	if err := json.Unmarshal([]byte(aws.ToString(original.EventPattern)), &pattern); err != nil {
		return nil, fmt.Errorf("read the pattern of the rule %s: %w", rule, err)
	}
	pattern["source"] = []string{t.source}
	text, err := json.Marshal(pattern)
	if err != nil {
		return nil, fmt.Errorf("write the pattern of the rule's copy: %w", err)
	}
	if _, err := t.events.PutRule(ctx, &eventbridge.PutRuleInput{
		Name: &t.source, EventPattern: aws.String(string(text)), State: types.RuleStateEnabled,
	}); err != nil {
		return nil, fmt.Errorf("copy the rule %s: %w", rule, err)
	}
	targets, err := t.events.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &rule})
	if err != nil {
		return nil, fmt.Errorf("read the targets of the rule %s: %w", rule, err)
	}
	copied := &eventbridge.PutTargetsInput{Rule: &t.source, Targets: targets.Targets}
	if _, err := t.events.PutTargets(ctx, copied); err != nil {
		return nil, fmt.Errorf("copy the targets of the rule %s: %w", rule, err)
	}
	return t, nil
}

// Hand hands a record on.
func (t *Trail) Hand(ctx context.Context, record map[string]any) error {
	text, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("write a record: %w", err)
	}
	put, err := t.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		Source: &t.source, DetailType: aws.String("AWS API Call via CloudTrail"), Detail: aws.String(string(text)),
	}}})
	if err != nil {
		return fmt.Errorf("hand a record to EventBridge: %w", err)
	}
	if put.FailedEntryCount > 0 {
		return fmt.Errorf("hand a record to EventBridge: %s", aws.ToString(put.Entries[0].ErrorMessage))
	}
	return nil
}
