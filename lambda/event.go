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

// properties are a JSON object as it came. A map matches names exactly, where a struct would let "rolearn" override
// "RoleArn".
type properties map[string]json.RawMessage

// text returns a member that is text, and "" for any other.
func (p properties) text(name string) (text string) {
	_ = json.Unmarshal(p[name], &text)
	return text
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

// endsAccess tells whether the event is a Delete or a dismissal.
func (ev event) endsAccess() bool {
	return ev.text("RequestType") == "Delete" || ev.text("RequestType") == "Update" && ev.given.text("Access") == dismissed
}

// parseResponseURL returns a URL whose path and query go out byte for byte as given, since they are signed. No error
// shows it: whoever has it can answer.
func parseResponseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("not a CloudFormation request: ResponseURL is not a URL")
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	plain := u.Scheme == "http" && (ip.IsLoopback() || u.Hostname() == "localhost")
	_, target, found := strings.Cut(raw, "://"+u.Host)
	target, _, _ = strings.Cut(target, "#")
	target = "/" + strings.TrimPrefix(target, "/")
	if u.RequestURI() != target {
		u.Opaque, _, _ = strings.Cut(target, "?") // which net/http writes as it is, before the query
	}
	if u.Scheme != "https" && !plain || u.Hostname() == "" || u.User != nil || !found || u.RequestURI() != target || strings.Contains(target, " ") {
		return nil, errors.New("not a CloudFormation request: ResponseURL is not https with a host, without user info, that can be sent as it is written")
	}
	return u, nil
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
	until, issued, query := time.Unix(1<<40, 0), ev.issuedAt(), ev.responseURL.Query()
	limit := func(from time.Time, seconds string, most uint64) {
		n, err := strconv.ParseUint(seconds, 10, 64)
		at := from.Add(time.Duration(min(n, most)) * time.Second) // #nosec G115 -- at most 2^33
		if err == nil && n >= 1 && n <= most && !from.IsZero() && at.Before(until) {
			until = at
		}
	}
	limit(time.Unix(0, 0), query.Get("Expires"), 1<<33)
	limit(issued, query.Get("X-Amz-Expires"), 604800)
	limit(issued, ev.given.text("ServiceTimeout"), 3600)
	return until
}

func (ev event) nobodyWaits() bool { return !time.Now().Before(ev.waitsUntil()) }
