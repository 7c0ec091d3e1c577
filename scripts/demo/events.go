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
// the stack comes to rest, and returns them with the status it came to.
func (g *grant) follow(ctx context.Context) (status string, events []types.StackEvent, err error) {
	for {
		fresh, err := g.newEvents(ctx)
		if err != nil {
			return "", nil, err
		}
		events = append(events, fresh...)
		for _, alike := range g.grouped(fresh) {
			g.showEvents(alike)
			if now := string(alike[0].ResourceStatus); g.isStack(alike[0]) && !inProgress(now) {
				return now, events, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", nil, fmt.Errorf("wait for the stack: %w", context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// grouped puts together what resources have in common one after the other. The
// beginnings of resources, and the stack's cleaning up, tell nobody anything.
func (g *grant) grouped(events []types.StackEvent) (groups [][]types.StackEvent) {
	for _, event := range events {
		now, stack := string(event.ResourceStatus), g.isStack(event)
		if inProgress(now) && (!stack || strings.Contains(now, "CLEANUP")) {
			continue
		}
		last := len(groups) - 1
		goesOn := last >= 0 && !stack && groups[last][0].ResourceStatus == event.ResourceStatus
		if goesOn && !g.isStack(groups[last][0]) {
			groups[last] = append(groups[last], event)
			continue
		}
		groups = append(groups, []types.StackEvent{event})
	}
	return groups
}

func inProgress(status string) bool { return strings.HasSuffix(status, "_IN_PROGRESS") }

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
	for i, line := range wrap(words, textWidth-2) {
		if i == 0 {
			_, names, _ := strings.Cut(line, " ")
			g.say(cloudFormation, span{kind, status + " "}, span{faint, names})
			continue
		}
		g.say(cloudFormation, span{faint, "  " + line})
	}
	for _, event := range alike {
		if reason := aws.ToString(event.ResourceStatusReason); kind == bad && reason != "" {
			for _, line := range wrap(reason, textWidth-2) {
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
