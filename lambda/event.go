package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// properties are a JSON object as it came. A map matches names exactly, where a struct would let "rolearn" override
// "RoleArn".
type properties map[string]json.RawMessage

// text returns a member that is text, and "" for any other.
func (p properties) text(name string) (text string) {
	_ = json.Unmarshal(p[name], &text)
	return text
}

// absent tells whether there is no such member, or one that says as little.
func (p properties) absent(name string) bool {
	return slices.Contains([]string{"", "null", `""`}, string(p[name]))
}

// event is a CloudFormation custom resource request.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
type event struct {
	properties             // RequestType, StackId and so on
	given, old  properties // ResourceProperties and OldResourceProperties
	responseURL *url.URL
}

// decode fails where nobody could be answered: then the event is not CloudFormation's.
func decode(payload []byte) (ev event, err error) {
	if err := json.Unmarshal(payload, &ev.properties); err != nil {
		return ev, fmt.Errorf("not a CloudFormation request: %w", err)
	}
	if ev.text("StackId") == "" || ev.text("RequestId") == "" || ev.text("LogicalResourceId") == "" {
		return ev, errors.New("not a CloudFormation request: StackId, RequestId or LogicalResourceId is missing")
	}
	_ = json.Unmarshal(ev.properties["ResourceProperties"], &ev.given) // properties that are no object are none
	_ = json.Unmarshal(ev.properties["OldResourceProperties"], &ev.old)
	ev.responseURL, err = parseResponseURL(ev.text("ResponseURL"))
	return ev, err
}

// parseResponseURL returns a URL whose path and query go out byte for byte as given, since they are signed. No error
// shows it: whoever has it can answer.
func parseResponseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("not a CloudFormation request: ResponseURL is not a URL")
	}
	if u.Scheme != "https" && !isPlainOnLoopback(u) || u.Hostname() == "" || u.User != nil {
		return nil, errors.New("not a CloudFormation request: " +
			"ResponseURL is not https with a host and without user info")
	}
	_, target, found := strings.Cut(raw, "://"+u.Host)
	target, _, _ = strings.Cut(target, "#")
	target = "/" + strings.TrimPrefix(target, "/")
	if u.RequestURI() != target {
		u.Opaque, _, _ = strings.Cut(target, "?") // which net/http writes as it is, before the query
	}
	if !found || u.RequestURI() != target || strings.Contains(target, " ") {
		return nil, errors.New("not a CloudFormation request: ResponseURL cannot be sent as it is written")
	}
	return u, nil
}

// isPlainOnLoopback is all that the local cloud has.
func isPlainOnLoopback(u *url.URL) bool {
	ip, _ := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && (ip.IsLoopback() || u.Hostname() == "localhost")
}

// issuedAt is when CloudFormation signed the ResponseURL, and so issued the request; zero where the URL does not say.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
func (ev event) issuedAt() time.Time {
	const layout = "20060102T150405Z"
	date := ev.responseURL.Query().Get("X-Amz-Date")
	if at, err := time.Parse(layout, date); err == nil && at.Format(layout) == date {
		return at
	}
	return time.Time{}
}

// waitsUntil is when the ResponseURL runs out, or CloudFormation gives the resource up, after which nobody waits; in a
// distant future if neither is known.
func (ev event) waitsUntil() time.Time {
	const (
		longestURL   = 604800  // a week, S3's limit
		longestStack = 3600    // CloudFormation's
		longestEpoch = 1 << 33 // of Unix time, the year 2242
	)
	until := time.Unix(1<<40, 0)
	query, issued := ev.responseURL.Query(), ev.issuedAt()
	for _, limit := range []struct {
		from    time.Time
		seconds string
		most    uint64
	}{
		{time.Unix(0, 0), query.Get("Expires"), longestEpoch},
		{issued, query.Get("X-Amz-Expires"), longestURL},
		{issued, ev.given.text("ServiceTimeout"), longestStack},
	} {
		n, err := strconv.ParseUint(limit.seconds, 10, 64)
		if err != nil || n < 1 || n > limit.most || limit.from.IsZero() {
			continue // what makes no sense sets no limit
		}
		if at := limit.from.Add(time.Duration(n) * time.Second); at.Before(until) { // #nosec G115 -- at most 2^33
			until = at
		}
	}
	return until
}

func (ev event) nobodyWaits() bool { return !time.Now().Before(ev.waitsUntil()) }
