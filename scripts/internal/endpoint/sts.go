package endpoint

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Limits of the one question to STS. A real answer has about 500 bytes.
const (
	stsTimeout      = 5 * time.Second
	stsAnswerLimit  = 16 << 10
	stsNamespace    = "https://sts.amazonaws.com/doc/2011-06-15/"
	callerIdentity  = "GetCallerIdentityResponse"
	identityElement = callerIdentity + "/GetCallerIdentityResult"
)

// stsClient asks AWS STS, or with another base URL the local cloud. The base
// changes where a call goes, never what is asked or checked.
type stsClient struct {
	base *url.URL
	http *http.Client
}

func newSTSClient(base *url.URL) *stsClient {
	return &stsClient{base, &http.Client{
		Transport: &http.Transport{
			Proxy:               nil, // nobody stands between this endpoint and AWS
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: stsTimeout,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
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
func (s *stsClient) identify(ctx context.Context, p proof, audience, bodyDigest string, limit time.Duration) (identity, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	target := url.URL{Scheme: "https", Host: p.host(), Path: "/", RawQuery: p.query()}
	if s.base != nil {
		target.Scheme, target.Host = s.base.Scheme, s.base.Host
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return identity{}, fmt.Errorf("build the call to STS: %w", withoutURL(err))
	}
	request.Host = p.host()
	request.Header.Set("X-DoiT-Audience", audience)
	request.Header.Set("X-DoiT-Content-SHA256", bodyDigest)
	request.Header.Set("Accept-Encoding", "identity")

	answer, err := s.http.Do(request)
	if err != nil {
		return identity{}, fmt.Errorf("ask STS: %w", withoutURL(err))
	}
	defer func() { _ = answer.Body.Close() }() // read-only
	body, err := io.ReadAll(io.LimitReader(answer.Body, stsAnswerLimit+1))
	switch {
	case answer.StatusCode == http.StatusForbidden:
		return identity{}, rejectedProof
	case answer.StatusCode != http.StatusOK:
		return identity{}, fmt.Errorf("STS answered %d", answer.StatusCode)
	case err != nil:
		return identity{}, fmt.Errorf("read the answer of STS: %w", withoutURL(err))
	case len(body) > stsAnswerLimit:
		return identity{}, errors.New("the answer of STS is too long")
	}
	return readIdentity(body)
}

// withoutURL drops the URL, which is the proof, from an error of net/http.
func withoutURL(err error) error {
	var carrier *url.Error
	if errors.As(err, &carrier) {
		return carrier.Err
	}
	return err
}

// answerElements are all that may stand in the answer, each at most once. The
// account is only where AWS puts it: an answer that reflects the caller's own
// words anywhere else says nothing (CVE-2020-16250).
var answerElements = map[string]bool{
	callerIdentity:                                 true,
	identityElement:                                true,
	identityElement + "/Arn":                       true,
	identityElement + "/UserId":                    true,
	identityElement + "/Account":                   true,
	callerIdentity + "/ResponseMetadata":           true,
	callerIdentity + "/ResponseMetadata/RequestId": true,
}

// readIdentity reads one GetCallerIdentityResponse and nothing else.
func readIdentity(answer []byte) (identity, error) {
	texts, err := elements(answer)
	if err != nil {
		return identity{}, err
	}
	arn, account := texts[identityElement+"/Arn"], texts[identityElement+"/Account"]
	form := callerARN.FindStringSubmatch(arn)
	if form == nil || form[2] != account || texts[identityElement+"/UserId"] == "" {
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

// elements is the text of each element of the answer by its path.
func elements(answer []byte) (map[string]string, error) {
	texts := map[string]string{}
	var path []string
	decoder := xml.NewDecoder(strings.NewReader(string(answer)))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, errors.New("the answer of STS is not XML")
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
			name := strings.Join(path, "/")
			_, doubled := texts[name]
			if token.Name.Space != stsNamespace || doubled || !answerElements[name] {
				return nil, errors.New("the answer of STS is no single " + callerIdentity)
			}
			texts[name] = ""
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if name := strings.Join(path, "/"); name != "" {
				texts[name] += string(token)
			} else if strings.TrimSpace(string(token)) != "" {
				return nil, errors.New("the answer of STS has text around its XML")
			}
		case xml.ProcInst:
			if len(texts) > 0 || token.Target != "xml" {
				return nil, errors.New("the answer of STS has an instruction in its XML")
			}
		default: // comments and directives split texts and declare entities
			return nil, errors.New("the answer of STS has more than elements in its XML")
		}
	}
	if len(texts) == 0 {
		return nil, errors.New("the answer of STS is empty")
	}
	return texts, nil
}
