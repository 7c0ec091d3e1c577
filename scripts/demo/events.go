package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// follow shows the events of one operation on the stack as they happen, until
// the stack comes to rest, and returns them with the status it came to. A
// resource's beginning and end share a line.
func (g *grant) follow(ctx context.Context) (status string, events []types.StackEvent, err error) {
	began := map[string]time.Time{}
	for {
		fresh, err := g.newEvents(ctx)
		if err != nil {
			return "", nil, err
		}
		for _, event := range fresh {
			events = append(events, event)
			name, now := aws.ToString(event.LogicalResourceId), string(event.ResourceStatus)
			stack := aws.ToString(event.PhysicalResourceId) == g.stackID
			if !stack && strings.HasSuffix(now, "_IN_PROGRESS") {
				if began[name].IsZero() { // AWS tells twice: when it begins, and when the service has taken it
					began[name] = aws.ToTime(event.Timestamp)
				}
				continue
			}
			g.showEvent(event, began[name])
			delete(began, name)
			if stack && !strings.HasSuffix(now, "_IN_PROGRESS") {
				return now, events, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", nil, fmt.Errorf("wait for the stack: %w", context.Cause(ctx))
		case <-time.After(g.pause):
		}
	}
}

func (g *grant) showEvent(event types.StackEvent, began time.Time) {
	const clock = "15:04:05.000"
	ended := aws.ToTime(event.Timestamp).UTC()
	when := ended.Format(clock)
	if !began.IsZero() {
		when = began.UTC().Format(clock) + " – " + ended.Format("05.000")
	}
	kind, status := plain, string(event.ResourceStatus)
	switch {
	case strings.HasSuffix(status, "FAILED"):
		kind = bad
	case aws.ToString(event.PhysicalResourceId) == g.stackID:
		kind = title
	}
	g.say(cloudFormation, span{faint, fmt.Sprintf("%-21s  ", when)},
		span{kind, fmt.Sprintf("%-27s  %s", aws.ToString(event.LogicalResourceId), status)})
	if reason := aws.ToString(event.ResourceStatusReason); kind == bad && reason != "" {
		for _, line := range wrap(reason, 84) {
			g.say(cloudFormation, span{plain, "  "}, span{bad, line})
		}
	}
}

// newEvents are those that were not seen yet, oldest first.
func (g *grant) newEvents(ctx context.Context) ([]types.StackEvent, error) {
	var fresh []types.StackEvent
	pages := cloudformation.NewDescribeStackEventsPaginator(g.cloudformation(), &cloudformation.DescribeStackEventsInput{StackName: &g.stackID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the events of stack %s: %w", g.stack, err)
		}
		for _, event := range page.StackEvents {
			if id := aws.ToString(event.EventId); !g.seen[id] {
				g.seen[id] = true
				fresh = append(fresh, event)
			}
		}
	}
	slices.Reverse(fresh)
	return fresh, nil
}

// wrap breaks text between words, no line longer than width where it can be.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
