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

const pause = 50 * time.Millisecond // between two looks at the stack

// follow shows the events of one operation on the stack as they happen, until
// the stack comes to rest, and returns them with the status it came to. What
// resources have in common stands once, and their beginnings not at all.
func (g *grant) follow(ctx context.Context) (status string, events []types.StackEvent, err error) {
	for {
		fresh, err := g.newEvents(ctx)
		if err != nil {
			return "", nil, err
		}
		events = append(events, fresh...)
		var alike []types.StackEvent
		for _, event := range fresh {
			now, stack := string(event.ResourceStatus), g.isStack(event)
			begins := strings.HasSuffix(now, "_IN_PROGRESS")
			if begins && (!stack || strings.Contains(now, "CLEANUP")) {
				continue
			}
			if len(alike) > 0 && (stack || alike[0].ResourceStatus != event.ResourceStatus) {
				g.showEvents(alike)
				alike = nil
			}
			if alike = append(alike, event); stack {
				g.showEvents(alike)
				alike = nil
			}
			if stack && !begins {
				return now, events, nil
			}
		}
		if len(alike) > 0 {
			g.showEvents(alike)
		}
		select {
		case <-ctx.Done():
			return "", nil, fmt.Errorf("wait for the stack: %w", context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// isStack tells an event of the stack itself from one of its resources.
func (g *grant) isStack(event types.StackEvent) bool {
	return aws.ToString(event.PhysicalResourceId) == g.stackID
}

// showEvents shows events of one status.
func (g *grant) showEvents(alike []types.StackEvent) {
	status := string(alike[0].ResourceStatus)
	kind := plain
	switch {
	case strings.HasSuffix(status, "FAILED"):
		kind = bad
	case g.isStack(alike[0]):
		kind = title
	}
	words := status
	for _, event := range alike {
		words += " " + aws.ToString(event.LogicalResourceId)
	}
	for i, line := range wrap(words, text-2) {
		if i == 0 {
			_, names, _ := strings.Cut(line, " ")
			g.say(cloudFormation, span{kind, status + " "}, span{faint, names})
			continue
		}
		g.say(cloudFormation, span{faint, "  " + line})
	}
	for _, event := range alike {
		if reason := aws.ToString(event.ResourceStatusReason); kind == bad && reason != "" {
			for _, line := range wrap(reason, text-2) {
				g.say(cloudFormation, span{plain, "  "}, span{bad, line})
			}
		}
	}
}

// newEvents are those that were not seen yet, oldest first.
func (g *grant) newEvents(ctx context.Context) ([]types.StackEvent, error) {
	var fresh []types.StackEvent
	of := &cloudformation.DescribeStackEventsInput{StackName: &g.stackID}
	pages := cloudformation.NewDescribeStackEventsPaginator(g.cloudformation(), of)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the events of stack %s: %w", stackName, err)
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
