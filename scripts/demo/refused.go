package main

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// refusedUpdate names a ticket that DoiT does not know: the endpoint refuses,
// CloudFormation takes the update back, and the customer reads why.
func (g *grant) refusedUpdate(ctx context.Context) error {
	g.act("The customer updates it to a ticket that is not open")
	g.say(customer, span{plain, "updates the stack: TicketId "}, span{faint, unknownTicket})
	status, events, err := g.update(ctx, map[string]string{"TicketId": unknownTicket})
	if err != nil {
		return err
	}
	g.check(cloudFormation, status == "UPDATE_ROLLBACK_COMPLETE", "taken back", status)
	told := false
	for _, event := range events {
		told = told || aws.ToString(event.LogicalResourceId) == "Registration" && strings.HasSuffix(string(event.ResourceStatus), "FAILED") &&
			strings.Contains(aws.ToString(event.ResourceStatusReason), "403")
	}
	g.check(customer, told, "the reason stands in the stack's events, in DoiT's words", "")
	if g.engineer != nil {
		g.allowed(doit, "the open ticket still opens the door", "in", second(g.knock(ctx, *g.engineer, g.outputs["ExternalId"], g.ticket+"-jane")))
		g.refused(doit, "the other one does not", second(g.knock(ctx, *g.engineer, g.outputs["ExternalId"], unknownTicket+"-jane")))
	}
	if g.world == nil {
		return nil
	}
	row, err := g.world.row(ctx, g.stackID)
	if err != nil {
		return err
	}
	g.check(doit, row.Status == "active" && row.TicketID == g.ticket, "the registration is as before", row.Status+", ticket "+row.TicketID)
	return nil
}

const unknownTicket = "31337"
