package endpoint

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// proof is what differs between two proofs of an account: five values. All the
// rest of the URL is constant, so the endpoint writes it itself and never calls
// a URL that it was given.
type proof struct {
	region      string
	accessKeyID string
	date        string
	token       string
	signature   string

	signedAt time.Time
}

const amzDate = "20060102T150405Z"

// AWS documents no form for key IDs and tokens, so these two are as wide as what
// was seen of them allows and as narrow as keeps them free of URL syntax.
var (
	temporaryKey = regexp.MustCompile(`^ASIA[A-Z0-9]{12,124}$`)
	longTermKey  = regexp.MustCompile(`^AKIA[A-Z0-9]{12,124}$`)
	sessionToken = regexp.MustCompile(`^[A-Za-z0-9+/=._-]+$`)
	hexSHA256    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// rebuild takes the five values out of a received URL, checks each, and refuses
// the proof unless they make up that URL again, byte for byte.
func rebuild(received string) (proof, error) {
	token, err := url.QueryUnescape(between(received, "&X-Amz-Security-Token=", "&"))
	if err != nil {
		return proof{}, invalidProof
	}
	p := proof{
		region:      between(received, "https://sts.", "."),
		accessKeyID: between(received, "&X-Amz-Credential=", "%2F"),
		date:        between(received, "&X-Amz-Date=", "&"),
		token:       token,
		signature:   between(received+"\n", "&X-Amz-Signature=", "\n"),
	}
	if longTermKey.MatchString(p.accessKeyID) {
		return proof{}, longTermCredentials
	}
	p.signedAt, err = time.Parse(amzDate, p.date)
	timed := err == nil && p.signedAt.Format(amzDate) == p.date
	formed := temporaryKey.MatchString(p.accessKeyID) &&
		sessionToken.MatchString(p.token) && hexSHA256.MatchString(p.signature)
	switch {
	case !timed || !formed:
		return proof{}, invalidProof
	case p.host() == "" && p.ofUnknownRegion(received):
		return proof{}, unknownRegion
	case p.host() == "" || p.url(p.host()) != received:
		return proof{}, invalidProof
	}
	return p, nil
}

// ofUnknownRegion tells whether a proof has all of its form but a region of the
// list: AWS has opened a region of which this endpoint has not heard.
func (p proof) ofUnknownRegion(received string) bool {
	return regionForm.MatchString(p.region) && slices.ContainsFunc(partitions, func(of partition) bool {
		return p.url("sts."+p.region+"."+of.suffix) == received
	})
}

// url is the one URL that the function builds from the five values.
func (p proof) url(host string) string {
	return "https://" + host + "/?" + p.query()
}

func (p proof) host() string { return stsHosts[p.region] }

func (p proof) query() string {
	return "Action=GetCallerIdentity&Version=2011-06-15" +
		"&X-Amz-Algorithm=AWS4-HMAC-SHA256" +
		"&X-Amz-Credential=" + p.accessKeyID + "%2F" + p.date[:8] + "%2F" + p.region + "%2Fsts%2Faws4_request" +
		"&X-Amz-Date=" + p.date +
		"&X-Amz-Expires=60" +
		"&X-Amz-Security-Token=" + url.QueryEscape(p.token) +
		"&X-Amz-SignedHeaders=host%3Bx-doit-audience%3Bx-doit-content-sha256" +
		"&X-Amz-Signature=" + p.signature
}

// between is what stands between the first before and the next after, and
// nothing where either is missing.
func between(s, before, after string) string {
	_, rest, _ := strings.Cut(s, before)
	value, _, found := strings.Cut(rest, after)
	if !found {
		return ""
	}
	return value
}
