package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	topictypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// compareNotices looks at what tells of each entry. A stack with Notices off has
// none of it.
func compareNotices(ctx context.Context, r *report, as aws.Config, s *stack) error {
	topics, err := s.resources("AWS::SNS::Topic")
	if err != nil || len(topics) == 0 {
		return err
	}
	r.title("AccessNotices, the topic that tells of each entry")
	return errors.Join(compareTopic(ctx, r, sns.NewFromConfig(as), s),
		compareRule(ctx, r, eventbridge.NewFromConfig(as), s))
}

func compareTopic(ctx context.Context, r *report, client *sns.Client, s *stack) error {
	want, err := s.properties("AccessNoticesPolicy")
	if err != nil {
		return err
	}
	topic := s.physical["AccessNotices"]
	got, err := client.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &topic})
	if _, ok := errors.AsType[*topictypes.NotFoundException](err); ok || topic == "" {
		r.compare("topic", "", []string{"it is gone: nobody is told when DoiT enters"})
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the topic AccessNotices: %w", err)
	}
	document, err := decoded(got.Attributes["Policy"])
	if err != nil {
		return fmt.Errorf("read the topic AccessNotices: %w", err)
	}
	differences, err := policyDiffers("its policy", document, want["PolicyDocument"])
	if err != nil {
		return err
	}
	r.compare("topic", "AccessNoticesRule alone may write to it", differences)
	// Who they are is nobody's but the account's.
	r.note("It tells %s subscribers, and %s that have not confirmed yet. Are there more than you subscribed?",
		got.Attributes["SubscriptionsConfirmed"], got.Attributes["SubscriptionsPending"])
	return nil
}

func compareRule(ctx context.Context, r *report, client *eventbridge.Client, s *stack) error {
	want, err := s.properties("AccessNoticesRule")
	if err != nil {
		return err
	}
	name := s.physical["AccessNoticesRule"]
	got, err := client.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name})
	if _, ok := errors.AsType[*eventtypes.ResourceNotFoundException](err); ok || name == "" {
		r.compare("rule", "", []string{"it is gone: nobody is told when DoiT enters"})
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the rule AccessNoticesRule: %w", err)
	}
	var differences []string
	if state := string(got.State); state != want["State"] {
		differences = append(differences,
			fmt.Sprintf("its state is %s, not %v: entries are not told of", state, want["State"]))
	}
	pattern, err := decoded(aws.ToString(got.EventPattern))
	if err != nil {
		return fmt.Errorf("read the rule AccessNoticesRule: %w", err)
	}
	has, wants := statement{}, statement{}
	has.flatten("", pattern)
	wants.flatten("", want["EventPattern"])
	if !maps.EqualFunc(has, wants, slices.Equal) {
		differences = append(differences, "its pattern is another: not every entry is told of, or something else is")
	}
	sent, err := client.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: &name})
	if err != nil {
		return fmt.Errorf("list the targets of AccessNoticesRule: %w", err)
	}
	differences = append(differences, targetsDiffer(sent.Targets, s.physical["AccessNotices"])...)
	r.compare("rule", "tells the topic of each AssumeRole of SupportRole", differences)
	return nil
}

func targetsDiffer(got []eventtypes.Target, topic string) []string {
	var differences []string
	toTopic := false
	for _, target := range got {
		if aws.ToString(target.Arn) == topic {
			toTopic = true
			continue
		}
		differences = append(differences, "it also tells "+strings.TrimSpace(aws.ToString(target.Arn)))
	}
	if !toTopic {
		differences = append(differences, "it does not tell the topic")
	}
	return differences
}
