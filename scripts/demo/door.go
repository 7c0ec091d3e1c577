package main

import (
	"context"
	"fmt"
)

const atTheDoor = "DoiT's engineer at the door"

// door shows who gets in, and who does not.
func (g *grant) door(ctx context.Context) error {
	g.act(atTheDoor)
	id := g.outputs["ExternalId"]
	g.refused(doit, "with the external ID, without the ticket", second(g.knock(ctx, g.engineer, id, "jane")))
	g.refused(doit, "with the ticket, without the external ID", second(g.knock(ctx, g.engineer, "", jane)))
	g.refused(doit, "with another external ID", second(g.knock(ctx, g.engineer, id+"x", jane)))
	g.refused(doit, "with another ticket", second(g.knock(ctx, g.engineer, id, "99999-jane")))
	g.refused(doit, "as an IAM user of DoiT's, with both", second(g.knock(ctx, g.doitUser, id, jane)))
	g.refused(doit, "with DoiT's own root key, and both", second(g.knock(ctx, g.doitRoot, id, jane)))
	g.refused(doit, "from a stranger's account, with both", second(g.knock(ctx, g.stranger, id, jane)))
	return g.enter(ctx)
}

// enter assumes SupportRole as it is meant to be, of which the customer reads.
func (g *grant) enter(ctx context.Context) error {
	session, err := g.knock(ctx, g.engineer, g.outputs["ExternalId"], jane)
	g.allowed(doit, "with both, from a role in DoiT's account", "in: "+jane, err)
	if err != nil {
		return fmt.Errorf("without a session there is nothing more to show: %w", err)
	}
	g.session = session
	return g.notice(ctx)
}
