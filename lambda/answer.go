package main

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// unregistered is the physical resource ID where no role is known. It names
// no role, so that its Delete has nothing to do.
const unregistered = "unregistered"

// answerLimit is CloudFormation's own, in bytes.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
const answerLimit = 4096

// answer is a custom resource response. It carries no Data: nothing in the
// template may depend on what DoiT's endpoint says.
type answer struct {
	Status             string
	Reason             string `json:",omitempty"`
	PhysicalResourceID string `json:"PhysicalResourceId"`
	StackID            string `json:"StackId"`
	RequestID          string `json:"RequestId"`
	LogicalResourceID  string `json:"LogicalResourceId"`
}

// encode returns the answer as at most 4096 bytes of JSON, for which the
// Reason is cut as needed.
func (a answer) encode() ([]byte, error) {
	for {
		body, err := marshal(a)
		excess := len(body) - answerLimit
		if err != nil || excess <= 0 || a.Reason == "" {
			return body, err
		}
		const more = " …"
		kept := strings.TrimSuffix(a.Reason, more)
		kept = kept[:max(len(kept)-excess-len(more), 0)]
		for kept != "" && !utf8.ValidString(kept) {
			kept = kept[:len(kept)-1]
		}
		if a.Reason = kept + more; kept == "" {
			a.Reason = ""
		}
	}
}

// send puts the answer to the ResponseURL, with the same bytes at every try.
func (f *function) send(ctx context.Context, log logger, ev event, a answer) error {
	body, err := a.encode()
	if err != nil {
		return err
	}
	return f.deliver(ctx, log, toCloudFormation, func(ctx context.Context) (*http.Request, error) {
		// No Content-Type: the URL is signed for none. The URL is set afterwards, since NewRequest would re-encode it.
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, "", bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.URL = ev.responseURL
		return req, nil
	})
}

// toCloudFormation is how an answer is tried.
var toCloudFormation = recipient{
	name:  "CloudFormation's ResponseURL",
	limit: 3 * time.Second,
	passing: func(status int) bool {
		return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
	},
}

// printable takes what could not be read in a console out of a text: control
// characters and what is not UTF-8.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r == utf8.RuneError || !strconv.IsPrint(r):
			return -1
		}
		return r
	}, text)
}
