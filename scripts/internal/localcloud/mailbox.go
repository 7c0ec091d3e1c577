package localcloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// Mailbox is a server that reads a topic, as somebody does by e-mail: SNS asks
// to confirm, and then sends each message.
type Mailbox struct {
	server *http.Server
	came   chan envelope
}

// envelope is what SNS sends to a subscriber over HTTP.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
type envelope struct {
	Type, Token, Message string
	err                  error
}

// Subscribe makes a mailbox for the topic. Its Close ends it.
func Subscribe(ctx context.Context, as aws.Config, topic string) (m *Mailbox, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a mailbox: %w", err)
	}
	m = &Mailbox{came: make(chan envelope, 10)}
	m.server = &http.Server{Handler: http.HandlerFunc(m.receive), ReadHeaderTimeout: time.Minute}
	go func() { _ = m.server.Serve(listener) }() // until Close
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	client := sns.NewFromConfig(as)
	if _, err := client.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("http"), Endpoint: aws.String("http://" + listener.Addr().String()),
	}); err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	asked, err := m.next(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := client.ConfirmSubscription(ctx, &sns.ConfirmSubscriptionInput{
		TopicArn: &topic, Token: &asked.Token,
	}); err != nil {
		return nil, fmt.Errorf("confirm the subscription to %s: %w", topic, err)
	}
	return m, nil
}

func (m *Mailbox) receive(_ http.ResponseWriter, r *http.Request) {
	var e envelope
	text, err := io.ReadAll(r.Body)
	e.err = errors.Join(err, json.Unmarshal(text, &e))
	m.came <- e
}

// Next is the next message, as its sender wrote it.
func (m *Mailbox) Next(ctx context.Context) (string, error) {
	e, err := m.next(ctx)
	return e.Message, err
}

func (m *Mailbox) next(ctx context.Context) (envelope, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case e := <-m.came:
		return e, e.err
	case <-ctx.Done():
		return envelope{}, fmt.Errorf("wait for a message from the topic: %w", context.Cause(ctx))
	}
}

// Close ends the server. SNS does not hear of it.
func (m *Mailbox) Close() { _ = m.server.Close() } // nothing was written
