package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/doitintl/aws-ro-access/scripts/internal/localcloud"
)

// notices are what the customer is told by AccessNotices: a server in the
// place of a mailbox, and a trail that hands on what CloudTrail would.
type notices struct {
	trail   *localcloud.Trail
	mailbox *httptest.Server
	came    chan message
}

// message is what SNS sends to a subscriber over HTTP.
type message struct{ Type, Token, TopicArn, Message string }

// subscribe lets the customer read the notices.
func (g *grant) subscribe(ctx context.Context) error {
	g.act("The customer subscribes to the notices")
	g.says(customer, "runs the output SubscribeToNotices, with an address")
	for _, line := range wrap(g.outputs["SubscribeToNotices"], text) {
		g.quote(line)
	}
	trail, err := localcloud.TrailFor(ctx, g.customer, g.made["AccessNoticesRule"])
	if err != nil {
		return err
	}
	g.notices = &notices{trail: trail, came: make(chan message, 10)}
	g.mailbox = httptest.NewServer(http.HandlerFunc(g.notices.receive))
	topics, topic := sns.NewFromConfig(g.customer), g.made["AccessNotices"]
	_, err = topics.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("http"), Endpoint: &g.mailbox.URL,
	})
	if err != nil {
		return fmt.Errorf("subscribe to AccessNotices: %w", err)
	}
	asked, err := g.notices.next(ctx)
	if err != nil {
		return err
	}
	_, err = topics.ConfirmSubscription(ctx, &sns.ConfirmSubscriptionInput{TopicArn: &topic, Token: &asked.Token})
	g.allowed(mail, "AWS asks to confirm; confirmed", "", err)
	g.says(customer, "(A server stands in for the mailbox here, and for CloudTrail the demo itself, since the "+
		"emulator's has no record of who assumes a role.)")
	return nil
}

func (n *notices) receive(_ http.ResponseWriter, r *http.Request) {
	var m message
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		m.Message = err.Error()
	}
	n.came <- m
}

// next is the next message that comes.
func (n *notices) next(ctx context.Context) (message, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case m := <-n.came:
		return m, nil
	case <-ctx.Done():
		return message{}, fmt.Errorf("wait for a message from AccessNotices: %w", context.Cause(ctx))
	}
}

// notice shows what the customer reads when the engineer enters.
func (g *grant) notice(ctx context.Context) error {
	err := g.notices.trail.Hand(ctx, localcloud.Entry{
		Role: g.outputs["RoleArn"], Session: jane, Address: "127.0.0.1", Caller: g.doitAccount, Time: time.Now(),
	}.Record())
	if err != nil {
		return err
	}
	told, err := g.notices.next(ctx)
	if err != nil {
		return err
	}
	says := strings.Contains(told.Message, jane+" for your support request "+ticket)
	g.check(mail, says, told.Message, "")
	return nil
}
