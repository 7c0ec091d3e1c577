package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// event is a CloudFormation custom resource request.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
type event struct {
	requestType        string
	requestID          string
	stackID            string
	logicalResourceID  string
	physicalResourceID string
	responseURL        *url.URL
	properties         properties
	oldProperties      properties
}

// properties are what the template gives Registration. CloudFormation sends
// text only; a value of another type is kept, and refused by its check.
type properties map[string]any

// text returns the property where it is text, and "" otherwise.
func (p properties) text(name string) string {
	s, _ := p[name].(string)
	return s
}

// decode reads an event. It fails where nobody could be answered: then
// CloudFormation did not send the event, and no call is made.
func decode(payload []byte) (event, error) {
	// A map matches names exactly, where a struct would also take "responseurl".
	var raw properties
	if err := json.Unmarshal(payload, &raw); err != nil {
		return event{}, fmt.Errorf("the event is not a CloudFormation request: %w", err)
	}
	ev := event{
		requestType:        raw.text("RequestType"),
		requestID:          raw.text("RequestId"),
		stackID:            raw.text("StackId"),
		logicalResourceID:  raw.text("LogicalResourceId"),
		physicalResourceID: raw.text("PhysicalResourceId"),
	}
	ev.properties, _ = raw["ResourceProperties"].(map[string]any)
	ev.oldProperties, _ = raw["OldResourceProperties"].(map[string]any)
	for _, name := range []string{"StackId", "RequestId", "LogicalResourceId"} {
		if raw.text(name) == "" {
			return event{}, fmt.Errorf("the event is not a CloudFormation request: it has no %s", name)
		}
	}
	var err error
	if ev.responseURL, err = parseResponseURL(raw.text("ResponseURL")); err != nil {
		return event{}, fmt.Errorf("the event is not a CloudFormation request: %w", err)
	}
	return ev, nil
}

// parseResponseURL returns the presigned URL such that its path and query go
// out byte for byte as given, since its signature covers them. Its errors
// never hold the URL, which is as good as a credential.
func parseResponseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("its ResponseURL is not a URL")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	loopback := err == nil && ip.IsLoopback() || u.Hostname() == "localhost"
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) || u.Hostname() == "" || u.User != nil {
		return nil, errors.New("its ResponseURL is not an https URL with a host and without user info")
	}
	_, target, _ := strings.Cut(raw, "://")
	target = target[len(u.Host):]
	target, _, _ = strings.Cut(target, "#")
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	if u.RequestURI() != target {
		u.Opaque = target
	}
	if u.RequestURI() != target || strings.Contains(target, " ") {
		return nil, errors.New("its ResponseURL cannot be sent as it is written")
	}
	return u, nil
}

// issuedAt is when CloudFormation signed the ResponseURL, and so issued the
// request; the zero time where the URL does not say.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
func (ev event) issuedAt() time.Time {
	const layout = "20060102T150405Z"
	date := ev.responseURL.Query().Get("X-Amz-Date")
	at, err := time.Parse(layout, date)
	if err != nil || at.Format(layout) != date {
		return time.Time{}
	}
	return at
}

// waitsUntil is the moment after which nobody waits for an answer: the
// ResponseURL has run out, or CloudFormation has given the resource up. It is
// the zero time where neither is known.
func (ev event) waitsUntil() time.Time {
	var earliest time.Time
	ends := func(t time.Time) {
		if earliest.IsZero() || t.Before(earliest) {
			earliest = t
		}
	}
	query := ev.responseURL.Query()
	if issued := ev.issuedAt(); !issued.IsZero() {
		if n, err := strconv.ParseUint(query.Get("X-Amz-Expires"), 10, 31); err == nil {
			ends(issued.Add(time.Duration(n) * time.Second))
		}
		if n, err := strconv.ParseUint(ev.properties.text("ServiceTimeout"), 10, 31); err == nil && n >= 1 && n <= 3600 {
			ends(issued.Add(time.Duration(n) * time.Second))
		}
	}
	if n, err := strconv.ParseUint(query.Get("Expires"), 10, 40); err == nil {
		ends(time.Unix(int64(n), 0)) // at most 2^40, as parsed
	}
	return earliest
}

// nobodyWaits tells whether that moment has passed.
func (ev event) nobodyWaits() bool {
	until := ev.waitsUntil()
	return !until.IsZero() && !time.Now().Before(until)
}
