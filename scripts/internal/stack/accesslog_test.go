package stack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/doitintl/aws-ro-access/scripts/internal/awscli"
)

// The output's command is run as it is given, against pages of
// CloudTrail's LookupEvents.
func TestTheAccessLogsCommandPrintsEachEntry(t *testing.T) {
	t.Parallel()
	s := newCustomer(t).launch(parameters{"TicketId": openTicket})
	first, second, third := s.entry(), s.entry(), s.entry()
	first.Time, first.Session, first.Address = first.Time.AddDate(0, 0, -80), openTicket+"-verify", "2001:db8::1"
	second.Time, second.Session = second.Time.AddDate(0, 0, -3), openTicket+"-jo"
	withResources := second.Record()
	withResources["resources"] = []map[string]any{{"ARN": s.outputs["RoleArn"]}}
	var others []map[string]any
	for _, record := range s.unlike() {
		// CloudTrail looks up by name, and the name is STS's alone.
		if record["eventName"] == "AssumeRole" && record["eventSource"] == "sts.amazonaws.com" {
			others = append(others, record)
		}
	}
	// The newest first, as CloudTrail has them, and a page on which there is nothing to see.
	pages := [][]map[string]any{
		append([]map[string]any{third.Record()}, others...),
		others,
		{},
		{withResources},
		append(others, first.Record()),
	}
	lookup := httptest.NewServer(lookupEvents(t, pages))
	t.Cleanup(lookup.Close)

	got := s.shell(lookup.URL, s.outputs["AccessLog"])
	want := "2026-11-24T10:00:00Z\t12345-jane\t192.0.2.101\n" +
		"2026-11-21T10:00:00Z\t12345-jo\t192.0.2.101\n" +
		"2026-09-05T10:00:00Z\t12345-verify\t2001:db8::1\n"
	if got != want {
		t.Errorf("the command printed\n%s, want\n%s", got, want)
	}

	nothing := httptest.NewServer(lookupEvents(t, [][]map[string]any{{}}))
	t.Cleanup(nothing.Close)
	if got := s.shell(nothing.URL, s.outputs["AccessLog"]); got != "" {
		t.Errorf("without any entry the command printed %q", got)
	}
}

// lookupEvents serves pages as CloudTrail does: each record is a text in the
// event that tells of it, and resources stand beside it where it has any.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
func lookupEvents(t *testing.T, pages [][]map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			LookupAttributes []struct{ AttributeKey, AttributeValue string }
			NextToken        string
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Errorf("a lookup's body: %v", err)
		}
		byName := len(asked.LookupAttributes) == 1 && asked.LookupAttributes[0].AttributeKey == "EventName" &&
			asked.LookupAttributes[0].AttributeValue == "AssumeRole"
		if action := r.Header.Get("X-Amz-Target"); !strings.HasSuffix(action, ".LookupEvents") || !byName {
			t.Errorf("%s for %+v, want LookupEvents for AssumeRole", action, asked.LookupAttributes)
		}
		at := 0
		if asked.NextToken != "" {
			if _, err := fmt.Sscanf(asked.NextToken, "page-%d", &at); err != nil {
				t.Errorf("token %q: %v", asked.NextToken, err)
			}
		}
		events := []map[string]any{} // not null
		for _, record := range pages[at] {
			text, err := json.Marshal(record)
			if err != nil {
				t.Error(err)
			}
			event := map[string]any{
				"EventId":         record["eventID"],
				"EventName":       record["eventName"],
				"EventSource":     record["eventSource"],
				"EventTime":       1764000000.0,
				"ReadOnly":        "true",
				"Resources":       []map[string]any{},
				"CloudTrailEvent": string(text),
			}
			if record["resources"] != nil {
				event["Resources"] = []map[string]any{{"ResourceType": "AWS::IAM::Role", "ResourceName": "a role"}}
			}
			events = append(events, event)
		}
		answer := map[string]any{"Events": events}
		if at+1 < len(pages) {
			answer["NextToken"] = fmt.Sprintf("page-%d", at+1)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}
}

// shell runs a command of the stack's outputs as somebody would who pasted it
// into CloudShell, and returns what it printed. Its AWS is at the URL.
func (s *stack) shell(url, command string) string {
	s.Helper()
	printed, said, err := awscli.Run(s, command,
		"AWS_ENDPOINT_URL="+url, "AWS_ACCESS_KEY_ID="+account, "AWS_SECRET_ACCESS_KEY=local")
	if err != nil {
		s.Fatalf("%s\n%v: %s", command, err, said)
	}
	return printed
}
