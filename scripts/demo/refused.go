package main

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// refusedUpdate names a ticket that DoiT does not know: the endpoint refuses,
// CloudFormation takes the update back, and the customer reads why.
func (g *grant) refusedUpdate(ctx context.Context) error {
	g.act("The customer updates it to a ticket that is not open")
	status, events, err := g.update(ctx, "TicketId", unknownTicket)
	if err != nil {
		return err
	}
	g.check(cloudFormation, status == "UPDATE_ROLLBACK_COMPLETE", "taken back", "")
	told := false
	for _, event := range events {
		failed := aws.ToString(event.LogicalResourceId) == "Registration" && event.ResourceStatus == "UPDATE_FAILED"
		told = told || failed && strings.Contains(aws.ToString(event.ResourceStatusReason), "403")
	}
	g.check(customer, told, "reads why in the stack's events, in DoiT's words", "")
	g.allowed(doit, "the open ticket still opens the door", "in", g.again(ctx))
	_, err = g.knock(ctx, g.engineer, g.outputs["ExternalId"], unknownTicket+"-jane")
	g.refused(doit, "the other one does not", err)
	row, err := g.row(ctx, g.stackID)
	if err != nil {
		return err
	}
	same := row.Status == registrations.Active && row.TicketID == ticket
	g.check(doit, same, "the registration is as before", row.Status+", ticket "+row.TicketID)
	return nil
}
