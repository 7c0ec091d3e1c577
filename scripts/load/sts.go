package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/doitintl/aws-ro-access/scripts/internal/identityproof"
)

// doubleOfSTS is the argument with which this program is the double.
const doubleOfSTS = "-double-of-sts"

const signedTime = "20060102T150405Z"

// keysOf are credentials that the double knows: those of an account's function,
// or, for DoiT's account, of the endpoint.
func keysOf(account string) aws.Credentials {
	return aws.Credentials{
		AccessKeyID:     "ASIA" + account + "LOAD",
		SecretAccessKey: "secret of " + account,
		SessionToken:    "session/of+" + account + "==",
	}
}

// serveSTS says where it listens, and serves until it is killed.
func serveSTS() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{Handler: &double{signer: v4.NewSigner()}, ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}

type double struct {
	signer *v4.Signer // keeps the keys that it derived
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // nobody waits
	}
	account, ok := d.signedBy(r, body)
	switch {
	case !ok:
		say(w, http.StatusForbidden, problem("SignatureDoesNotMatch"))
	case r.Method == http.MethodGet:
		say(w, http.StatusOK, fmt.Sprintf(identity, account, account))
	default:
		assume(w, string(body))
	}
}

var signed = regexp.MustCompile(
	`Credential=ASIA([0-9]{12})LOAD/[0-9]{8}/([a-z0-9-]+)/.*SignedHeaders=([a-z0-9;-]+)`)

// signedBy makes the signature again. It names the account whose keys made it.
func (d *double) signedBy(r *http.Request, body []byte) (account string, ok bool) {
	if r.Method == http.MethodGet {
		query := r.URL.Query()
		account, _, _ = strings.Cut(strings.TrimPrefix(query.Get("X-Amz-Credential"), "ASIA"), "LOAD/")
		at, err := time.Parse(signedTime, query.Get("X-Amz-Date"))
		audience, digest := r.Header.Get("X-DoiT-Audience"), r.Header.Get("X-DoiT-Content-SHA256")
		again, signErr := proofFor(account, at, audience, digest).Sign(r.Context(), d.signer)
		return account, err == nil && signErr == nil && again == "https://"+r.Host+r.RequestURI
	}
	said := signed.FindStringSubmatch(r.Header.Get("Authorization"))
	at, err := time.Parse(signedTime, r.Header.Get("X-Amz-Date"))
	if said == nil || err != nil {
		return "", false
	}
	again := &http.Request{
		Method:        r.Method,
		Host:          r.Host,
		URL:           &url.URL{Scheme: "https", Host: r.Host, Path: "/"},
		Header:        http.Header{},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
	}
	for name := range strings.SplitSeq(said[3], ";") {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	digest := sha256.Sum256(body)
	err = d.signer.SignHTTP(r.Context(), keysOf(said[1]), again, hex.EncodeToString(digest[:]), "sts", said[2], at)
	return said[1], err == nil && again.Header.Get("Authorization") == r.Header.Get("Authorization")
}

// proofFor is what an account's function makes for one body.
func proofFor(account string, at time.Time, audience, digest string) identityproof.Proof {
	return identityproof.Proof{
		As:      keysOf(account),
		Region:  region,
		At:      at,
		STS:     "https://sts." + region + ".amazonaws.com",
		Headers: map[string]string{"X-DoiT-Audience": audience, "X-DoiT-Content-SHA256": digest},
	}
}

// assume opens a role with the external ID that is also its name.
func assume(w http.ResponseWriter, form string) {
	values, err := url.ParseQuery(form)
	_, name, _ := strings.Cut(values.Get("RoleArn"), ":role/doit/")
	if err != nil || name == "" || values.Get("ExternalId") != name {
		say(w, http.StatusForbidden, problem("AccessDenied"))
		return
	}
	say(w, http.StatusOK, session)
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // #nosec G705 -- XML; who has gone asks again
}

func problem(code string) string {
	return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + code +
		`</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>`
}

const (
	identity = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">` +
		`<GetCallerIdentityResult>` +
		`<Arn>arn:aws:sts::%s:assumed-role/doit-RegistrationRole/function</Arn><UserId>AROA1:function</UserId>` +
		`<Account>%s</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>` +
		`</GetCallerIdentityResponse>`
	session = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>` +
		`<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn><AssumedRoleId>AROA1:s</AssumedRoleId>` +
		`</AssumedRoleUser><Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey>` +
		`<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>` +
		`<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>`
)
