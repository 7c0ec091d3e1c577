package main

import (
	"context"
	"fmt"
)

// door shows who gets in, and who does not.
func (g *grant) door(ctx context.Context) error {
	g.act("DoiT's engineer at the door")
	if g.engineer == nil {
		g.says(doit, "needs a role of DoiT's: name a profile of one with -engineer")
		return nil
	}
	id, session := g.outputs["ExternalId"], g.ticket+"-jane"
	g.refused(doit, "with the external ID, without the ticket", second(g.knock(ctx, *g.engineer, id, "jane")))
	g.refused(doit, "with the ticket, without the external ID", second(g.knock(ctx, *g.engineer, "", session)))
	g.refused(doit, "with another external ID", second(g.knock(ctx, *g.engineer, id+"x", session)))
	g.refused(doit, "with another ticket", second(g.knock(ctx, *g.engineer, id, "99999-jane")))
	if g.world != nil {
		g.refused(doit, "as an IAM user of DoiT's, with both", second(g.knock(ctx, g.world.doitUser, id, session)))
		g.refused(doit, "with DoiT's own root key, and both", second(g.knock(ctx, g.world.doitRoot, id, session)))
		g.refused(doit, "from a stranger's account, with both", second(g.knock(ctx, g.world.stranger, id, session)))
	}
	return g.enter(ctx)
}

// enter assumes SupportRole as it is meant to be.
func (g *grant) enter(ctx context.Context) error {
	session, err := g.knock(ctx, *g.engineer, g.outputs["ExternalId"], g.ticket+"-jane")
	g.allowed(doit, "with both, from a role in DoiT's account", "in: "+g.ticket+"-jane", err)
	if err != nil {
		return fmt.Errorf("without a session there is nothing more to show: %w", err)
	}
	g.session = &session
	return nil
}

func second[T any](_ T, err error) error { return err }
