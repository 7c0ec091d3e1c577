package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// stsAnswerLimit is what is read of an answer. A real one has some 500 bytes, with
// a session's token up to 3,000.
const stsAnswerLimit = 16 << 10

// stsClient asks AWS STS, or with another base URL the local cloud. The base
// changes where a call goes, never what is asked or checked.
type stsClient struct {
	base *url.URL
	http http.RoundTripper // follows no redirect, and puts no URL, which is the proof, into an error
}

func newSTSClient(base *url.URL) *stsClient {
	return &stsClient{base, &http.Transport{
		Proxy:               nil, // nobody stands between this endpoint and AWS
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: theLimits.identity,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,

		MaxResponseHeaderBytes: stsAnswerLimit,
		MaxIdleConns:           theLimits.identityCalls + theLimits.roleCalls,
		MaxIdleConnsPerHost:    theLimits.identityCalls + theLimits.roleCalls,
		IdleConnTimeout:        time.Minute,
	}}
}

// target is where a question to the STS of this host goes.
func (s *stsClient) target(host, query string) *url.URL {
	target := &url.URL{Scheme: "https", Host: host, Path: "/", RawQuery: query}
	if s.base != nil {
		target.Scheme, target.Host = s.base.Scheme, s.base.Host
	}
	return target
}

// ask sends a question and reads the answer, which has at most 16 KiB.
func (s *stsClient) ask(request *http.Request) (status int, body []byte, err error) {
	answer, err := s.http.RoundTrip(request) // to a host of the list of regions
	if err != nil {
		return 0, nil, fmt.Errorf("ask STS: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // read-only
	body, err = io.ReadAll(io.LimitReader(answer.Body, stsAnswerLimit+1))
	if err != nil {
		return answer.StatusCode, nil, fmt.Errorf("read the answer of STS: %w", err)
	}
	if len(body) > stsAnswerLimit {
		return answer.StatusCode, nil, errors.New("the answer of STS is too long")
	}
	return answer.StatusCode, body, nil
}

// identity is who signed a proof, as STS says.
type identity struct {
	arn       string
	partition string
	account   string
	role      string // empty unless a role's session signed
}

// identify asks STS who signed the proof. The two signed headers are what this
// endpoint knows by itself, not what the caller says: a proof for another
// endpoint or another body fails at STS.
func (s *stsClient) identify(ctx context.Context, p proof, audience, bodyDigest string) (identity, error) {
	request := (&http.Request{
		Method: http.MethodGet,
		URL:    s.target(p.host(), p.query()),
		Host:   p.host(),
		Header: http.Header{},
	}).WithContext(ctx)
	request.Header.Set("X-DoiT-Audience", audience)
	request.Header.Set("X-DoiT-Content-SHA256", bodyDigest)
	status, body, err := s.ask(request)
	switch {
	case status == http.StatusForbidden && errorCode(body) == regionDisabled:
		return identity{}, stsNotActive
	case status == http.StatusForbidden:
		return identity{}, rejectedProof
	case err != nil:
		return identity{}, err
	case status != http.StatusOK:
		return identity{}, fmt.Errorf("STS answered %d", status)
	}
	return readIdentity(body)
}

// readIdentity reads one GetCallerIdentityResponse and nothing else.
func readIdentity(answer []byte) (identity, error) {
	texts, err := elements(answer, identityElements)
	if err != nil {
		return identity{}, err
	}
	arn, account := texts[identityResult+"/Arn"], texts[identityResult+"/Account"]
	form := callerARN.FindStringSubmatch(arn)
	if form == nil || form[2] != account || texts[identityResult+"/UserId"] == "" {
		return identity{}, errors.New("the answer of STS names no caller that makes sense")
	}
	who := identity{arn: arn, partition: form[1], account: account}
	if session := assumedRole.FindStringSubmatch(form[3]); session != nil {
		who.role = session[1]
	}
	return who, nil
}

var (
	callerARN   = regexp.MustCompile(`^arn:([a-z-]+):(?:iam|sts)::([0-9]{12}):([!-~]+)$`)
	assumedRole = regexp.MustCompile(`^assumed-role/([A-Za-z0-9_+=,.@-]{1,64})/[A-Za-z0-9_+=,.@-]{2,64}$`)
)
