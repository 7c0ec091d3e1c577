package stack

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
)

// noticeIDs are all that Notices adds to a stack.
var noticeIDs = []string{"AccessNotices", "AccessNoticesPolicy", "AccessNoticesRule"}

func TestNoticesOffOnOffAndOnAgain(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	s.wantNotices(nil)

	s.want(s.update(parameters{"Notices": "on"}), "UPDATE_COMPLETE")
	s.wantNotices(noticeIDs)
	s.subscribe("sqs", s.queue())
	if got := s.subscriptions(); len(got) != 1 {
		t.Errorf("%d subscribers, want 1, or their loss below would prove nothing", len(got))
	}

	s.want(s.update(parameters{"Notices": "off"}), "UPDATE_COMPLETE")
	s.wantNotices(nil)

	s.want(s.update(parameters{"Notices": "on"}), "UPDATE_COMPLETE")
	s.wantNotices(noticeIDs)
	if got := s.subscriptions(); len(got) != 0 {
		t.Errorf("%d subscribers outlived off, want none, as the parameter says", len(got))
	}
	s.wantIn()

	s.want(s.delete(), "DELETE_COMPLETE")
	if left := s.noticesLeft(); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}

// Whoever makes a link can preset every parameter. Nobody reads the topic until
// the customer subscribes somebody.
func TestALinkThatSwitchesNoticesOnTellsNobody(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{
		"TicketId": openTicket, "Notices": "on", "AccountId": account, "AccessExpires": "2099-12-31T00:00:00Z",
		"ExternalId": "arn:aws:sns:" + region + ":" + strangerAccount + ":mallory",
	})
	if got := s.subscriptions(); len(got) != 0 {
		t.Errorf("%d subscribers, want none", len(got))
	}
	rule, topic := s.rule(), s.topic()
	targets, err := s.events().ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: rule.Name})
	s.must(err)
	if len(targets.Targets) != 1 || *targets.Targets[0].Arn != topic {
		t.Errorf("the rule tells %+v, want the topic alone", targets.Targets)
	}
	got, err := s.sns().GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: &topic})
	s.must(err)
	// AWS's page has it that a condition cannot be used here, since EventBridge does not say for which rule it writes.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
	want := []statement{{
		Effect:    "Allow",
		Principal: map[string]any{"Service": "events.amazonaws.com"},
		Action:    list{"sns:Publish"},
		Resource:  list{topic},
		Condition: map[string]map[string]any{"ArnEqualsIfExists": {"aws:SourceArn": *rule.Arn}},
	}}
	var policy policy
	s.must(json.Unmarshal([]byte(got.Attributes["Policy"]), &policy))
	if !reflect.DeepEqual(policy.Statement, want) {
		t.Errorf("the topic's policy is\n\t%+v, want\n\t%+v", policy.Statement, want)
	}
	// Without this state EventBridge hands no read-only calls on, of which AssumeRole is one.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
	if rule.State != "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" {
		t.Errorf("the rule's state is %s", rule.State)
	}
}

// TestSubscribeToNotices runs the output's command as it is given, less the address.
func TestSubscribeToNotices(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"Notices": "on"})
	command := s.outputs["SubscribeToNotices"]
	if !strings.Contains(command, "YOU@EXAMPLE.COM") {
		t.Fatalf("the command is %q, want one with an address to fill in", command)
	}
	s.shell(cloud.URL, strings.Replace(command, "YOU@EXAMPLE.COM", "jo@customer.example", 1))
	if got := s.subscriptions(); !slices.Equal(got, []string{"email jo@customer.example"}) {
		t.Errorf("the subscribers are %q, want jo@customer.example by e-mail", got)
	}
}

// entry is DoiT's engineer's, as CloudTrail tells it to the customer's account.
func (s *stack) entry() localcloud.Entry {
	return localcloud.Entry{
		Role: s.outputs["RoleArn"], Session: openTicket + "-jane", Address: "192.0.2.101", Caller: doitAccount,
		Time: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC),
	}
}

// unlike are records that are no entry into this role.
func (s *stack) unlike() map[string]map[string]any {
	with := func(member string, value any) map[string]any {
		record := s.entry().Record()
		record[member] = value
		return record
	}
	of := func(role string) map[string]any {
		entry := s.entry()
		entry.Role = role
		return entry.Record()
	}
	role := s.outputs["RoleArn"]
	return map[string]map[string]any{
		"a failed call":                  with("errorCode", "AccessDenied"),
		"another call":                   with("eventName", "AssumeRoleWithSAML"),
		"another service's call":         with("eventSource", "iam.amazonaws.com"),
		"another role":                   of("arn:aws:iam::" + account + ":role/doit/another"),
		"a role whose ARN goes on":       of(role + "2"),
		"a role of that name elsewhere":  of(strings.Replace(role, account, strangerAccount, 1)),
		"a call without parameters":      with("requestParameters", nil),
		"a call with the role elsewhere": with("requestParameters", map[string]any{"serialNumber": role}),
	}
}

// TestWhatIsNoticed asks EventBridge about the rule's pattern as it is.
func TestWhatIsNoticed(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket, "Notices": "on"})
	pattern := s.rule().EventPattern
	matches := func(change func(event map[string]any)) bool {
		event := map[string]any{
			"version":     "0",
			"id":          "7bf73129-1428-4cd3-a780-95db273d1602",
			"source":      "aws.sts",
			"detail-type": "AWS API Call via CloudTrail",
			"account":     account,
			"region":      region,
			"time":        "2026-11-24T10:00:03Z",
			"resources":   []string{},
			"detail":      s.entry().Record(),
		}
		change(event)
		text, err := json.Marshal(event)
		s.must(err)
		got, err := s.events().TestEventPattern(t.Context(), &eventbridge.TestEventPatternInput{
			EventPattern: pattern, Event: aws.String(string(text)),
		})
		s.must(err)
		return got.Result
	}
	for name, change := range map[string]func(map[string]any){
		"the record of AWS's documentation": func(map[string]any) {},
		"one with the role as a resource": func(event map[string]any) {
			event["detail"].(map[string]any)["resources"] = []map[string]any{{"ARN": s.outputs["RoleArn"]}}
		},
	} {
		if !matches(change) {
			t.Errorf("%s is not noticed", name)
		}
	}
	for name, record := range s.unlike() {
		if matches(func(event map[string]any) { event["detail"] = record }) {
			t.Errorf("%s is noticed", name)
		}
	}
	for member, value := range map[string]string{"source": "mallory", "detail-type": "AWS Service Event"} {
		if matches(func(event map[string]any) { event[member] = value }) {
			t.Errorf("an event whose %s is %s is noticed", member, value)
		}
	}
}

func TestANoticeIsOneSentence(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ ticket, session, opened string }{
		"with a ticket": {
			ticket: openTicket, session: openTicket + "-jane", opened: "12345-jane for your support request 12345",
		},
		"without one": {session: "jane", opened: "jane"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newCustomer(t).launch(parameters{"TicketId": test.ticket, "Notices": "on"})
			trail, err := localcloud.TrailFor(t.Context(), s.config, *s.rule().Name)
			s.must(err)
			s.subscribe("sqs", s.queue())
			mailbox, err := localcloud.Subscribe(t.Context(), s.config, s.topic())
			s.must(err)
			t.Cleanup(mailbox.Close)
			for _, record := range s.unlike() {
				s.must(trail.Hand(t.Context(), record))
			}
			entry := s.entry()
			entry.Session = test.session
			s.must(trail.Hand(t.Context(), entry.Record()))

			// The transformer hands a sentence on in quotation marks, which it demands of a text.
			// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
			want := `"At 2026-11-24T10:00:00Z DoiT opened the read-only session ` + test.opened +
				` in your AWS account ` + account + `, from 192.0.2.101. To end the access, update the stack ` +
				s.name + ` in ` + region + ` with Access dismissed, or delete it."`
			if got := s.received(); !slices.Equal(got, []string{want}) {
				t.Errorf("the queue got\n\t%q, want\n\t%q", got, want)
			}
			got, err := mailbox.Next(t.Context())
			s.must(err)
			if got != want {
				t.Errorf("the subscriber read\n\t%q, want\n\t%q", got, want)
			}
		})
	}
}

func (c *customer) events() *eventbridge.Client { return eventbridge.NewFromConfig(c.config) }

func (c *customer) sns() *sns.Client { return sns.NewFromConfig(c.config) }

// wantNotices fails unless exactly these resources and their output are there.
func (s *stack) wantNotices(want []string) {
	s.Helper()
	var got []string
	for id := range s.made() {
		if strings.HasPrefix(id, "AccessNotices") {
			got = append(got, id)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		s.Errorf("the stack has %q, want %q", got, want)
	}
	if _, told := s.outputs["SubscribeToNotices"]; told != (want != nil) {
		s.Errorf("the outputs are %q: SubscribeToNotices is there: %t", slices.Sorted(maps.Keys(s.outputs)), told)
	}
	if left := s.noticesLeft(); want == nil && len(left) > 0 {
		s.Errorf("%q are left", left)
	}
}

// noticesLeft are the topics and rules of this stack.
func (s *stack) noticesLeft() (left []string) {
	s.Helper()
	topics, err := s.sns().ListTopics(s.Context(), &sns.ListTopicsInput{})
	s.must(err)
	for _, topic := range topics.Topics {
		if strings.Contains(*topic.TopicArn, s.name+"-") {
			left = append(left, *topic.TopicArn)
		}
	}
	rules, err := s.events().ListRules(s.Context(), &eventbridge.ListRulesInput{NamePrefix: aws.String(s.name + "-")})
	s.must(err)
	for _, rule := range rules.Rules {
		left = append(left, *rule.Arn)
	}
	return left
}

func (s *stack) topic() string {
	s.Helper()
	return s.made()["AccessNotices"]
}

func (s *stack) rule() *eventbridge.DescribeRuleOutput {
	s.Helper()
	name := s.made()["AccessNoticesRule"]
	rule, err := s.events().DescribeRule(s.Context(), &eventbridge.DescribeRuleInput{Name: &name})
	s.must(err)
	return rule
}

// subscriptions are the topic's, each by its protocol and address.
func (s *stack) subscriptions() (all []string) {
	s.Helper()
	topic := s.topic()
	got, err := s.sns().ListSubscriptionsByTopic(s.Context(), &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	s.must(err)
	for _, one := range got.Subscriptions {
		all = append(all, *one.Protocol+" "+*one.Endpoint)
	}
	return all
}

func (s *stack) subscribe(protocol, endpoint string) {
	s.Helper()
	topic := s.topic()
	_, err := s.sns().Subscribe(s.Context(), &sns.SubscribeInput{
		TopicArn: &topic, Protocol: &protocol, Endpoint: &endpoint,
	})
	s.must(err)
}

// queue makes a queue to which topics may send, and returns its ARN.
func (s *stack) queue() string {
	s.Helper()
	arn := "arn:aws:sqs:" + region + ":" + account + ":" + s.name
	policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},` +
		`"Action":"sqs:SendMessage","Resource":"` + arn + `"}}`
	_, err := sqs.NewFromConfig(s.config).CreateQueue(s.Context(), &sqs.CreateQueueInput{
		QueueName: &s.name, Attributes: map[string]string{"Policy": policy},
	})
	s.must(err)
	return arn
}

// received are the messages in this stack's queue, as their sender wrote them.
func (s *stack) received() (messages []string) {
	s.Helper()
	client := sqs.NewFromConfig(s.config)
	queue, err := client.GetQueueUrl(s.Context(), &sqs.GetQueueUrlInput{QueueName: &s.name})
	s.must(err)
	got, err := client.ReceiveMessage(s.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: queue.QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 5,
	})
	s.must(err)
	for _, message := range got.Messages {
		var envelope struct{ Message string }
		s.must(json.Unmarshal([]byte(*message.Body), &envelope))
		messages = append(messages, envelope.Message)
	}
	return messages
}
