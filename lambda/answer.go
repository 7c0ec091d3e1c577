package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// unregistered is the physical resource ID where no role is known: its Delete has nothing to do.
const unregistered = "unregistered"

// longestReason is more than an answer has room for, and no more than a line of the log should have.
const longestReason = 4000

// answer is a custom resource response. It has no Data: nothing in a stack may depend on what DoiT's endpoint says.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
type answer struct {
	Status, PhysicalResourceId, StackId, RequestId, LogicalResourceId string
	Reason                                                            string `json:",omitempty"`
}

// send puts the answer to the event's ResponseURL, with the same bytes at every try and without a Content-Type, for
// which the URL is not signed.
func (f *function) send(ctx context.Context, log logger, ev event, a answer) error {
	plain := func() (http.Header, error) { return http.Header{}, nil }
	_, err := f.deliver(ctx, log, cloudFormation, ev.responseURL, a.encode(), plain)
	return err
}

// encode cuts the Reason so that CloudFormation's limit of 4096 bytes is kept, and not by more: a byte of it takes up
// to two, where it is escaped.
func (a answer) encode() []byte {
	for {
		body := marshal(a)
		excess := len(body) - 4096
		if excess <= 0 || a.Reason == "" {
			return body
		}
		a.Reason = strings.ToValidUTF8(a.Reason[:max(len(a.Reason)-(excess+1)/2, 0)], "")
	}
}

// marshal is json.Marshal without HTML escaping, of text and numbers, which never fails.
func marshal(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
