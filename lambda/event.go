package main

import (
	"cmp"
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

// object is a JSON object as it came. A map matches names exactly, where a struct would let "rolearn" override
// "RoleArn".
type object map[string]json.RawMessage

// text returns a member that is text, and "" for any other.
func (o object) text(name string) (text string) {
	_ = json.Unmarshal(o[name], &text)
	return text
}

// written returns a member that is text, and any other as it is written.
func (o object) written(name string) string { return cmp.Or(o.text(name), string(o[name])) }

// absent tells whether there is no such member, or one that says as little.
func (o object) absent(name string) bool {
	return slices.Contains([]string{"", "null", `""`}, string(o[name]))
}

// event is a CloudFormation custom resource request.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
type event struct {
	object             // RequestType, StackId and so on
	given, old  object // ResourceProperties and OldResourceProperties
	responseURL *url.URL
	came        time.Time
	withheld    *secrets
}

// decode fails where nobody could be answered: then the event is not CloudFormation's.
func decode(payload []byte) (ev event, err error) {
	if err := json.Unmarshal(payload, &ev.object); err != nil {
		return ev, fmt.Errorf("not a CloudFormation request: %w", err)
	}
	if ev.text("StackId") == "" || ev.text("RequestId") == "" || ev.text("LogicalResourceId") == "" {
		return ev, errors.New("not a CloudFormation request: StackId, RequestId or LogicalResourceId is missing")
	}
	_ = json.Unmarshal(ev.object["ResourceProperties"], &ev.given) // properties that are no object are none
	_ = json.Unmarshal(ev.object["OldResourceProperties"], &ev.old)
	if ev.responseURL, err = parseResponseURL(ev.text("ResponseURL")); err != nil {
		return ev, err
	}
	ev.came, ev.withheld = time.Now(), newSecrets(ev)
	return ev, nil
}

// parseResponseURL returns a URL whose path and query go out byte for byte as given, since they are signed. No error
// shows it: whoever has it can answer.
func parseResponseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("not a CloudFormation request: ResponseURL is not a URL")
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	onLoopback := ip.IsLoopback() || u.Hostname() == "localhost" // where the local cloud is, which has no TLS
	private := u.Scheme == "https" || u.Scheme == "http" && onLoopback
	if !private || u.Hostname() == "" || u.User != nil {
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

// issuedAt is when CloudFormation issued the request, or, where it does not say so, when the event came.
func (ev event) issuedAt() time.Time { return cmp.Or(ev.signedAt(), ev.came) }

// signedAt is when CloudFormation signed the ResponseURL, as it issued the request; zero where the URL does not say.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
func (ev event) signedAt() time.Time {
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
	const hour, week, epoch = 3600, 604800, 1 << 33 // the limits of CloudFormation and S3, and the year 2242
	query, signed, until := ev.responseURL.Query(), ev.signedAt(), time.Unix(1<<40, 0)
	// Beside ServiceToken, as AWS shows it, or among the properties.
	timeout := cmp.Or(seconds(ev.written("ServiceTimeout"), hour), seconds(ev.given.written("ServiceTimeout"), hour))
	for _, limit := range []struct {
		from  time.Time
		lasts time.Duration
	}{
		{time.Unix(0, 0), seconds(query.Get("Expires"), epoch)},
		{signed, seconds(query.Get("X-Amz-Expires"), week)},
		{signed, timeout},
	} {
		at := limit.from.Add(limit.lasts)
		if limit.lasts > 0 && !limit.from.IsZero() && at.Before(until) {
			until = at
		}
	}
	return until
}

// seconds is a number of them from 1 to most. What makes no sense is none, and sets no limit.
func seconds(text string, most uint64) time.Duration {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > most {
		return 0
	}
	return time.Duration(n) * time.Second // #nosec G115 -- at most 2^33
}

func (ev event) nobodyWaits() bool { return !time.Now().Before(ev.waitsUntil()) }
