package main

import (
	"context"
	"strings"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
)

// subscribe lets the customer read the notices.
func (g *grant) subscribe(ctx context.Context) error {
	g.act("The customer subscribes to the notices")
	g.says(customer, "runs the output SubscribeToNotices, with an address")
	for _, line := range wrap(g.outputs["SubscribeToNotices"], textWidth) {
		g.quote(line)
	}
	var err error
	if g.trail, err = localcloud.TrailFor(ctx, g.customer, g.made["AccessNoticesRule"]); err != nil {
		return err
	}
	g.mailbox, err = localcloud.Subscribe(ctx, g.customer, g.made["AccessNotices"])
	g.allowed(mail, "AWS asks to confirm; confirmed", "", err)
	if err != nil {
		return err
	}
	g.says(customer, "(A server stands in for the mailbox here, and for CloudTrail the demo itself, since the "+
		"emulator's has no record of who assumes a role.)")
	return nil
}

// notice shows what the customer reads when the engineer enters.
func (g *grant) notice(ctx context.Context) error {
	err := g.trail.Hand(ctx, localcloud.Entry{
		Role: g.outputs["RoleArn"], Session: jane, Address: "127.0.0.1", Caller: g.doitAccount, Time: time.Now(),
	}.Record())
	if err != nil {
		return err
	}
	told, err := g.mailbox.Next(ctx)
	if err != nil {
		return err
	}
	says := strings.Contains(told, jane+" for your support request "+ticket)
	g.check(mail, says, told, "")
	return nil
}
