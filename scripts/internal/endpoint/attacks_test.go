package endpoint

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// longTerm is AWS's own example of an access key.
var longTerm = aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"} // #nosec G101 -- as said

// attack is one change to a good call.
type attack struct {
	name   string
	change func(*testing.T, *running, *call)
	want   *Problem
	asks   int64 // how often STS is asked
}

func (a attack) run(t *testing.T) {
	t.Parallel()
	sts := cloudSTS(t)
	r := start(t, []string{"-sts", sts.url, "-tickets", "12345@" + customer + ",777@" + stranger})
	c := r.newCall(function(t), "Create", nil)
	a.change(t, r, c)
	r.expect(t, c, a.want)
	if asked := sts.identify.Load(); asked != a.asks {
		t.Errorf("STS was asked %d times who called, want %d", asked, a.asks)
	}
	if tried := sts.trust.Load(); tried != 0 {
		t.Errorf("the role was tried %d times", tried)
	}
	if rows := r.list(t); len(rows) != 0 {
		t.Errorf("an attack left a row: %+v", rows)
	}
	if log := r.log.String(); strings.Contains(log, externalID) || strings.Contains(log, "X-Amz-") {
		t.Errorf("the log has an external ID or a proof:\n%s", log)
	}
}

func with(name string, value any) func(*testing.T, *running, *call) {
	return func(_ *testing.T, _ *running, c *call) { c.members[name] = value }
}

func proof_(change func(string) string) func(*testing.T, *running, *call) {
	return func(_ *testing.T, _ *running, c *call) { c.proof = change }
}

func header(name string, values ...string) func(*testing.T, *running, *call) {
	return func(_ *testing.T, _ *running, c *call) { c.header = func(h http.Header) { h[name] = values } }
}

func body(change func([]byte) []byte) func(*testing.T, *running, *call) {
	return func(t *testing.T, _ *running, c *call) {
		good, err := json.Marshal(c.members)
		if err != nil {
			t.Fatal(err)
		}
		c.body = change(good)
	}
}

// chunked sends so many bytes without saying how many they are.
func chunked(size int) func(*testing.T, *running, *call) {
	return func(_ *testing.T, _ *running, c *call) { c.chunked, c.body = true, bytes.Repeat([]byte("x"), size) }
}

// member adds raw JSON to a good body.
func member(text string) func(*testing.T, *running, *call) {
	return body(func(b []byte) []byte { return append(append(b[:len(b)-1:len(b)-1], text...), '}') })
}

// requestID writes the requestId as the raw JSON given.
func requestID(text string) func(*testing.T, *running, *call) {
	return body(func(b []byte) []byte { return bytes.Replace(b, []byte("3d9b5b1e"), []byte(text), 1) })
}

func age(by time.Duration) func(*testing.T, *running, *call) {
	return func(_ *testing.T, _ *running, c *call) { c.at = c.at.Add(by) }
}

// host puts the proof on another host. Signing for that host is up to the
// attacker, and does not matter: it is never called.
func host(instead string) func(*testing.T, *running, *call) {
	return proof_(replace("https://sts.eu-west-1.amazonaws.com/", "https://"+instead+"/"))
}

// resigned signs for real what the function would not sign.
func resigned(base, region string, headers map[string]string) func(*testing.T, *running, *call) {
	return func(t *testing.T, r *running, c *call) {
		text, err := json.Marshal(c.members)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{"X-DoiT-Audience": r.audience, "X-DoiT-Content-SHA256": sha256Hex(text)}
		for name, value := range headers {
			if all[name] = value; value == "" {
				delete(all, name)
			}
		}
		made := presign(t, c.as, region, c.at, base, all)
		c.proof = func(string) string { return made }
	}
}

func as(who func(*testing.T) aws.Credentials) func(*testing.T, *running, *call) {
	return func(t *testing.T, _ *running, c *call) { c.as = who(t) }
}

func TestSizesAndFormsAreRefusedBeforeAnybodyIsAsked(t *testing.T) {
	t.Parallel()
	for _, a := range []attack{
		{
			name:   "a body of 10 MiB",
			change: body(func([]byte) []byte { return bytes.Repeat([]byte("x"), 10<<20) }),
			want:   bodyTooLarge,
		},
		{
			name:   "a body one byte too long",
			change: body(func(b []byte) []byte { return append(b, bytes.Repeat([]byte(" "), 16385-len(b))...) }),
			want:   bodyTooLarge,
		},
		{
			name:   "no JSON, but no byte too long",
			change: body(func([]byte) []byte { return bytes.Repeat([]byte("x"), 16384) }),
			want:   invalidRegistration,
		},
		{name: "a chunked body one byte too long", change: chunked(16385), want: bodyTooLarge},
		{name: "a chunked body without an end in sight", change: chunked(10 << 20), want: bodyTooLarge},
		{name: "a chunked body that is no byte too long", change: chunked(16384), want: invalidRegistration},
		{
			name:   "a proof one byte too long",
			change: header("X-Doit-Caller-Identity", strings.Repeat("x", 8193)),
			want:   proofTooLarge,
		},
		{
			name:   "no proof, but no byte too long",
			change: header("X-Doit-Caller-Identity", strings.Repeat("x", 8192)),
			want:   invalidProof,
		},
		{
			name:   "two proofs that are too long together",
			change: header("X-Doit-Caller-Identity", strings.Repeat("x", 5<<10), strings.Repeat("x", 5<<10)),
			want:   proofTooLarge,
		},
		{name: "text", change: header("Content-Type", "text/plain"), want: unsupportedMedia},
		{name: "a form", change: header("Content-Type", "application/x-www-form-urlencoded"), want: unsupportedMedia},
		{name: "no media type", change: header("Content-Type"), want: unsupportedMedia},
		{
			name:   "two media types",
			change: header("Content-Type", "application/json", "text/plain"),
			want:   unsupportedMedia,
		},
		{name: "no idempotency key", change: header("Idempotency-Key"), want: wrongIdempotencyKey},
		{
			name:   "another body's idempotency key",
			change: header("Idempotency-Key", sha256Hex([]byte("x"))),
			want:   wrongIdempotencyKey,
		},
		{
			name: "an idempotency key in upper case",
			change: func(_ *testing.T, _ *running, c *call) {
				c.header = func(h http.Header) { h.Set("Idempotency-Key", strings.ToUpper(h.Get("Idempotency-Key"))) }
			},
			want: wrongIdempotencyKey,
		},
		{
			name: "two idempotency keys",
			change: func(_ *testing.T, _ *running, c *call) {
				c.header = func(h http.Header) { h.Add("Idempotency-Key", h.Get("Idempotency-Key")) }
			},
			want: wrongIdempotencyKey,
		},
		{name: "no body", change: body(func([]byte) []byte { return []byte{} }), want: invalidRegistration},
		{
			name:   "not JSON",
			change: body(func([]byte) []byte { return []byte("requestType=Create") }),
			want:   invalidRegistration,
		},
		{
			name:   "not an object",
			change: body(func(b []byte) []byte { return append(append([]byte("["), b...), ']') }),
			want:   invalidRegistration,
		},
		{name: "cut short", change: body(func(b []byte) []byte { return b[:len(b)-1] }), want: invalidRegistration},
		{
			name:   "anything behind it",
			change: body(func(b []byte) []byte { return append(b, "{}"...) }),
			want:   invalidRegistration,
		},
		{
			name:   "a byte order mark",
			change: body(func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) }),
			want:   invalidRegistration,
		},
		{
			name: "UTF-16",
			change: body(func(b []byte) []byte {
				return append([]byte("\xff\xfe"), bytes.Join(bytes.Split(b, nil), []byte{0})...)
			}),
			want: invalidRegistration,
		},
		{name: "an empty requestId", change: with("requestId", ""), want: invalidRegistration},
		{
			name:   "a requestId of 129 characters",
			change: with("requestId", strings.Repeat("é", 129)),
			want:   invalidRegistration,
		},
		{
			name:   "invalid UTF-8",
			change: body(func(b []byte) []byte { return append([]byte("\xff"), b...) }),
			want:   invalidRegistration,
		},
		{name: "half a UTF-16 character", change: requestID(`\ud800`), want: invalidRegistration},
		{name: "the other half", change: requestID(`\udc00`), want: invalidRegistration},
		{name: "both halves in the wrong order", change: requestID(`\udc00\ud800`), want: invalidRegistration},
		{
			name:   "half a character behind a whole one",
			change: requestID(`\ud83d\ude00\ud83d`),
			want:   invalidRegistration,
		},
		{name: "half a character behind a backslash", change: requestID(`\\\ud83d`), want: invalidRegistration},
		{
			name:   "invalid UTF-8 in a string",
			change: requestID("3d9b\xff\xfe"),
			want:   invalidRegistration,
		},
		{
			name:   "nested 10,000 deep",
			change: member(`,"ticketId":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)),
			want:   invalidRegistration,
		},
		{
			name:   "nested deeper than the reader goes",
			change: body(func([]byte) []byte { return bytes.Repeat([]byte("["), 15000) }),
			want:   invalidRegistration,
		},
		{name: "a doubled member", change: member(`,"accountId":"` + stranger + `"`), want: invalidRegistration},
		{
			name:   "a member doubled by an escape",
			change: member(`,"\u0061ccountId":"` + stranger + `"`),
			want:   invalidRegistration,
		},
		{
			name:   "a doubled member that says the same",
			change: member(`,"accountId":"` + customer + `"`),
			want:   invalidRegistration,
		},
		{
			name:   "a member in another case",
			change: member(`,"AccountId":"` + stranger + `"`),
			want:   invalidRegistration,
		},
		{name: "an unknown member", change: with("admin", "true"), want: invalidRegistration},
		{name: "a null", change: with("ticketId", nil), want: invalidRegistration},
		{name: "a number", change: with("accountId", 111122223333), want: invalidRegistration},
		{
			name:   "an object",
			change: with("roleArn", map[string]string{"Ref": "SupportRole"}),
			want:   invalidRegistration,
		},
		{name: "an empty ticket", change: with("ticketId", ""), want: invalidRegistration},
		{name: "a ticket with a wildcard", change: with("ticketId", "*"), want: invalidRegistration},
		{
			name:   "a ticket that is too long",
			change: with("ticketId", strings.Repeat("1", 33)),
			want:   invalidRegistration,
		},
		{name: "another request type", change: with("requestType", "Read"), want: invalidRegistration},
		{name: "an account of eleven digits", change: with("accountId", "11112222333"), want: invalidRegistration},
		{name: "an external ID of one character", change: with("externalId", "x"), want: invalidRegistration},
		{name: "an external ID with a wildcard", change: with("externalId", "doit*"), want: invalidRegistration},
		{name: "an external ID with a newline", change: with("externalId", "doit\n"), want: invalidRegistration},
		{
			name:   "an external ID that is too long",
			change: with("externalId", strings.Repeat("x", 1225)),
			want:   invalidRegistration,
		},
		{
			name:   "a user instead of a role",
			change: with("roleArn", "arn:aws:iam::111122223333:user/bob"),
			want:   invalidRegistration,
		},
		{
			name:   "a role that is too long",
			change: with("roleArn", "arn:aws:iam::111122223333:role/"+strings.Repeat("x", 1024)),
			want:   invalidRegistration,
		},
		{
			name:   "a role without a name",
			change: with("roleArn", "arn:aws:iam::111122223333:role/doit/"),
			want:   invalidRegistration,
		},
		{
			name:   "a stack of no partition",
			change: with("stackId", strings.Replace(stackID, ":aws:", ":aws-nowhere:", 1)),
			want:   invalidRegistration,
		},
		{
			name:   "something else than a stack",
			change: with("stackId", "arn:aws:cloudformation:eu-west-1:111122223333:changeSet/doit/1"),
			want:   invalidRegistration,
		},
		{
			name:   "a stack's name with a dot",
			change: with("stackId", strings.Replace(stackID, "/doit/", "/do.it/", 1)),
			want:   invalidRegistration,
		},
		{
			name:   "a stackId that is too long",
			change: with("stackId", stackID+strings.Repeat("5", 1024)),
			want:   invalidRegistration,
		},
		{
			name:   "a role's name with an exclamation mark",
			change: with("roleArn", roleArn+"!"),
			want:   invalidRegistration,
		},
		{
			name:   "a role's name of 65",
			change: with("roleArn", "arn:aws:iam::111122223333:role/"+strings.Repeat("x", 65)),
			want:   invalidRegistration,
		},
		{name: "a region without a number", change: with("region", "eu-west"), want: invalidRegistration},
		{
			name:   "an expiry before 2020",
			change: with("accessExpires", "2019-12-31T23:59:59Z"),
			want:   invalidRegistration,
		},
		{name: "an issuedAt before 2020", change: with("issuedAt", "2019-12-31T23:59:59Z"), want: invalidRegistration},
		{
			name:   "an issuedAt of the year 1",
			change: with("issuedAt", "0001-01-01T00:00:00Z"),
			want:   invalidRegistration,
		},
		{name: "another access", change: with("access", "Approved"), want: invalidRegistration},
		{
			name:   "an expiry with a fraction",
			change: with("accessExpires", "2026-12-31T00:00:00.5Z"),
			want:   invalidRegistration,
		},
		{
			name:   "an expiry in another zone",
			change: with("accessExpires", "2026-12-31T00:00:00+01:00"),
			want:   invalidRegistration,
		},
		{name: "an expiry on no day", change: with("accessExpires", "2026-02-30T00:00:00Z"), want: invalidRegistration},
		{name: "a version with a blank", change: with("templateVersion", "1 0"), want: invalidRegistration},
		{name: "an issuedAt of another form", change: with("issuedAt", "20261124T100000Z"), want: invalidRegistration},
		{
			name:   "a Create without an external ID",
			change: func(_ *testing.T, _ *running, c *call) { delete(c.members, "externalId") },
			want:   invalidRegistration,
		},
		{
			name:   "no stack",
			change: func(_ *testing.T, _ *running, c *call) { delete(c.members, "stackId") },
			want:   invalidRegistration,
		},
		{
			name:   "another path",
			change: func(_ *testing.T, _ *running, c *call) { c.path = "/v1/registrations/" },
			want:   notFound,
		},
		{name: "the admin's path", change: func(_ *testing.T, _ *running, c *call) { c.path = "/" }, want: notFound},
		{name: "a query", change: func(_ *testing.T, _ *running, c *call) { c.path += "?x=y" }, want: notFound},
		{name: "an empty query", change: func(_ *testing.T, _ *running, c *call) { c.path += "?" }, want: notFound},
		{
			name:   "a path with an escape",
			change: func(_ *testing.T, _ *running, c *call) { c.path = "/v1/registration%73" },
			want:   notFound,
		},
		{
			name:   "a path with two slashes",
			change: func(_ *testing.T, _ *running, c *call) { c.path = "//v1/registrations" },
			want:   notFound,
		},
		{
			name:   "another method",
			change: func(_ *testing.T, _ *running, c *call) { c.method = http.MethodPut },
			want:   methodNotAllowed,
		},
	} {
		t.Run(a.name, a.run)
	}
}

func TestProofsThatAreNotTheOneFormAreRefusedBeforeAnybodyIsAsked(t *testing.T) {
	t.Parallel()
	for _, a := range []attack{
		{name: "no proof", change: header("X-Doit-Caller-Identity"), want: missingProof},
		{name: "an empty proof", change: header("X-Doit-Caller-Identity", ""), want: invalidProof},
		{
			name: "two proofs",
			change: func(_ *testing.T, _ *running, c *call) {
				c.header = func(h http.Header) { h.Add("X-Doit-Caller-Identity", h.Get("X-Doit-Caller-Identity")) }
			},
			want: invalidProof,
		},
		{name: "an old date", change: age(-5*time.Minute - 2*time.Second), want: untimelyProof},
		{name: "a future date", change: age(5*time.Minute + 5*time.Second), want: untimelyProof},
		{
			name:   "a date in another form",
			change: proof_(replace("&X-Amz-Date=2", "&X-Amz-Date=02")),
			want:   invalidProof,
		},
		{
			name: "a date beside the credential's",
			change: proof_(func(s string) string {
				return strings.Replace(s, "%2F"+time.Now().UTC().Format("20060102")+"%2F", "%2F20200101%2F", 1)
			}),
			want: invalidProof,
		},
		{
			name:   "an issuedAt in the future",
			change: with("issuedAt", time.Now().Add(6*time.Minute).UTC().Format(time.RFC3339)),
			want:   issuedInFuture,
		},
		{
			name: "long-term credentials",
			change: as(func(*testing.T) aws.Credentials {
				return longTerm
			}),
			want: longTermCredentials,
		},
		{
			name: "long-term credentials with a session token",
			change: as(func(*testing.T) aws.Credentials {
				with := longTerm
				with.SessionToken = strings.Repeat("t", 64)
				return with
			}),
			want: longTermCredentials,
		},
		{
			name:   "temporary credentials without a session token",
			change: func(t *testing.T, _ *running, c *call) { c.as.SessionToken = "" },
			want:   invalidProof,
		},
		{
			name: "root's proof",
			change: as(func(*testing.T) aws.Credentials {
				return aws.Credentials{AccessKeyID: customer, SecretAccessKey: "local"}
			}),
			want: invalidProof,
		},
		{name: "CVE-2020-16251, the proof says whom to ask", change: host("sts.evil.example"), want: invalidProof},
		{
			name:   "a host that begins like STS",
			change: host("sts.eu-west-1.amazonaws.com.evil.example"),
			want:   invalidProof,
		},
		{name: "a host that ends like STS", change: host("evil-sts.eu-west-1.amazonaws.com"), want: invalidProof},
		{name: "a host behind user info", change: host("sts.eu-west-1.amazonaws.com@evil.example"), want: invalidProof},
		{name: "user info", change: host("user@sts.eu-west-1.amazonaws.com"), want: invalidProof},
		{name: "a port", change: host("sts.eu-west-1.amazonaws.com:443"), want: invalidProof},
		{name: "another port", change: host("sts.eu-west-1.amazonaws.com:8443"), want: invalidProof},
		{name: "upper case", change: host("STS.eu-west-1.amazonaws.com"), want: invalidProof},
		{name: "a trailing dot", change: host("sts.eu-west-1.amazonaws.com."), want: invalidProof},
		{name: "an IP address", change: host("169.254.169.254"), want: invalidProof},
		{name: "an IPv6 address", change: host("[::1]"), want: invalidProof},
		{name: "an international name", change: host("sts.eu-west-1.аmazonaws.com"), want: invalidProof},
		{name: "the same in ASCII", change: host("sts.eu-west-1.xn--mazonaws-66g.com"), want: invalidProof},
		{name: "a backslash", change: host(`evil.example\.sts.eu-west-1.amazonaws.com`), want: invalidProof},
		{name: "an encoded slash", change: host("evil.example%2f.amazonaws.com"), want: invalidProof},
		{name: "another partition's suffix", change: host("sts.eu-west-1.amazonaws.com.cn"), want: invalidProof},
		{
			name:   "the global endpoint",
			change: resigned("https://sts.amazonaws.com", "us-east-1", nil),
			want:   invalidProof,
		},
		{
			name:   "FIPS",
			change: resigned("https://sts-fips.us-east-1.amazonaws.com", "us-east-1", nil),
			want:   invalidProof,
		},
		{
			name:   "an unknown region",
			change: resigned("https://sts.eu-west-9.amazonaws.com", "eu-west-9", nil),
			want:   unknownRegion,
		},
		{
			name:   "an isolated region",
			change: resigned("https://sts.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", nil),
			want:   invalidProof,
		},
		{
			name:   "one region's host with another's scope",
			change: resigned("https://sts.eu-west-1.amazonaws.com", "us-east-1", nil),
			want:   invalidProof,
		},
		{name: "no TLS", change: proof_(replace("https://", "http://")), want: invalidProof},
		{name: "another scheme", change: proof_(replace("https://", "gopher://")), want: invalidProof},
		{name: "blanks around it", change: proof_(replace("https://", "https:// ")), want: invalidProof},
		{name: "a path", change: proof_(replace(".com/?", ".com/x?")), want: invalidProof},
		{name: "two slashes", change: proof_(replace(".com/?", ".com//?")), want: invalidProof},
		{name: "no slash", change: proof_(replace(".com/?", ".com?")), want: invalidProof},
		{
			name:   "a doubled Action",
			change: proof_(replace("&Version", "&Action=GetCallerIdentity&Version")),
			want:   invalidProof,
		},
		{
			name:   "CVE-2022-2385, action beside Action",
			change: proof_(replace("?Action", "?action=GetSessionToken&Action")),
			want:   invalidProof,
		},
		{
			name:   "CVE-2022-2385, action behind Action",
			change: proof_(func(s string) string { return s + "&action=AssumeRole" }),
			want:   invalidProof,
		},
		{
			name:   "CVE-2020-16250, an action that reflects what the caller wrote",
			change: proof_(replace("GetCallerIdentity", "AssumeRoleWithWebIdentity")),
			want:   invalidProof,
		},
		{
			name:   "another Action",
			change: proof_(replace("Action=GetCallerIdentity", "Action=GetSessionToken")),
			want:   invalidProof,
		},
		{name: "another Version", change: proof_(replace("2011-06-15", "2011-06-14")), want: invalidProof},
		{name: "an extra key", change: proof_(func(s string) string { return s + "&x=y" }), want: invalidProof},
		{name: "an extra key in front", change: proof_(replace("?Action", "?x=y&Action")), want: invalidProof},
		{
			name: "another order",
			change: proof_(replace(
				"?Action=GetCallerIdentity&Version=2011-06-15", "?Version=2011-06-15&Action=GetCallerIdentity")),
			want: invalidProof,
		},
		{
			name:   "another encoding",
			change: proof_(replace("GetCallerIdentity", "GetCaller%49dentity")),
			want:   invalidProof,
		},
		{name: "lower-case encoding", change: proof_(replace("%2F", "%2f")), want: invalidProof},
		{name: "encoded twice", change: proof_(replace("%2F", "%252F")), want: invalidProof},
		{name: "a semicolon", change: proof_(replace("&Version", ";Version")), want: invalidProof},
		{name: "a fragment", change: proof_(func(s string) string { return s + "#x" }), want: invalidProof},
		{name: "an empty fragment", change: proof_(func(s string) string { return s + "#" }), want: invalidProof},
		{
			name:   "a longer life",
			change: proof_(replace("X-Amz-Expires=60", "X-Amz-Expires=604800")),
			want:   invalidProof,
		},
		{
			name:   "another algorithm",
			change: proof_(replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")),
			want:   invalidProof,
		},
		{name: "another service", change: proof_(replace("%2Fsts%2F", "%2Fiam%2F")), want: invalidProof},
		{
			name:   "two signatures",
			change: proof_(func(s string) string { return s + "&X-Amz-Signature=" + strings.Repeat("0", 64) }),
			want:   invalidProof,
		},
		{
			name:   "a signature in upper case",
			change: proof_(func(s string) string { return s[:len(s)-64] + strings.Repeat("A", 64) }),
			want:   invalidProof,
		},
		{
			name:   "a signature cut short",
			change: proof_(func(s string) string { return s[:len(s)-1] }),
			want:   invalidProof,
		},
		{
			name: "only the host is signed",
			change: resigned("https://sts.eu-west-1.amazonaws.com", home, map[string]string{
				"X-DoiT-Audience": "", "X-DoiT-Content-SHA256": "",
			}),
			want: invalidProof,
		},
		{
			name:   "the audience is not signed",
			change: resigned("https://sts.eu-west-1.amazonaws.com", home, map[string]string{"X-DoiT-Audience": ""}),
			want:   invalidProof,
		},
		{
			name: "the body is not signed",
			change: resigned("https://sts.eu-west-1.amazonaws.com", home, map[string]string{
				"X-DoiT-Content-SHA256": "",
			}),
			want: invalidProof,
		},
		{
			name:   "one more header is signed",
			change: resigned("https://sts.eu-west-1.amazonaws.com", home, map[string]string{"X-K8s-Aws-Id": "cluster"}),
			want:   invalidProof,
		},
	} {
		t.Run(a.name, a.run)
	}
}

func TestProofsOfSomethingElseAreRefused(t *testing.T) {
	t.Parallel()
	for _, a := range []attack{
		{
			name:   "a proof for another audience",
			change: func(_ *testing.T, _ *running, c *call) { c.audience = "registration.example.com" },
			want:   rejectedProof,
			asks:   1,
		},
		{
			name: "a proof moved to another body",
			change: resigned("https://sts.eu-west-1.amazonaws.com", home, map[string]string{
				"X-DoiT-Content-SHA256": sha256Hex([]byte("another")),
			}),
			want: rejectedProof,
			asks: 1,
		},
		{
			name:   "a forged signature",
			change: proof_(func(s string) string { return s[:len(s)-64] + strings.Repeat("0", 64) }),
			want:   rejectedProof,
			asks:   1,
		},
		{
			name: "another's session token",
			change: func(t *testing.T, _ *running, c *call) {
				c.as.SessionToken = session(t, stranger, "stranger").SessionToken
			},
			want: rejectedProof,
			asks: 1,
		},
		{
			name:   "another account's proof",
			change: as(func(t *testing.T) aws.Credentials { return session(t, stranger, "stranger") }),
			want:   anotherAccount,
			asks:   1,
		},
		{name: "an IAM user's proof", change: as(userSession), want: notAnAssumedRole, asks: 1},
		{name: "a federated user's proof", change: as(federated), want: notAnAssumedRole, asks: 1},
		{
			name: "the support role's own proof",
			change: func(t *testing.T, _ *running, c *call) {
				c.as = session(t, customer, "SupportRole")
				c.members["roleArn"] = "arn:aws:iam::111122223333:role/SupportRole"
			},
			want: fromSupportRole,
			asks: 1,
		},
		{
			name: "the support role's own proof, by another path and case",
			change: func(t *testing.T, _ *running, c *call) {
				c.as = session(t, customer, "SupportRole")
				c.members["roleArn"] = "arn:aws:iam::111122223333:role/doit/supportROLE"
			},
			want: fromSupportRole,
			asks: 1,
		},
		{
			name: "the support role deregisters itself",
			change: func(t *testing.T, _ *running, c *call) {
				c.as = session(t, customer, "SupportRole")
				c.members["roleArn"], c.members["requestType"] = "arn:aws:iam::111122223333:role/SupportRole", "Delete"
			},
			want: fromSupportRole,
			asks: 1,
		},
		{
			name:   "another account's role",
			change: with("roleArn", "arn:aws:iam::999999999999:role/doit/x"),
			want:   disagreement,
			asks:   1,
		},
		{
			name:   "another partition's role",
			change: with("roleArn", "arn:aws-cn:iam::111122223333:role/doit/x"),
			want:   disagreement,
			asks:   1,
		},
		{
			name:   "another account's stack",
			change: with("stackId", strings.Replace(stackID, customer, stranger, 1)),
			want:   disagreement,
			asks:   1,
		},
		{
			name:   "another region's stack",
			change: with("stackId", strings.Replace(stackID, home, "us-east-1", 1)),
			want:   disagreement,
			asks:   1,
		},
		{
			name:   "another partition's stack",
			change: with("stackId", strings.Replace(stackID, ":aws:", ":aws-us-gov:", 1)),
			want:   disagreement,
			asks:   1,
		},
		{name: "another region", change: with("region", "us-east-1"), want: disagreement, asks: 1},
		{
			name:   "another region's proof",
			change: func(_ *testing.T, _ *running, c *call) { c.region = "us-east-1" },
			want:   disagreement,
			asks:   1,
		},
		{name: "somebody else's ticket", change: with("ticketId", "777"), want: ticketNotOpen, asks: 1},
		{name: "an unknown ticket", change: with("ticketId", "1"), want: ticketNotOpen, asks: 1},
	} {
		t.Run(a.name, a.run)
	}
}
