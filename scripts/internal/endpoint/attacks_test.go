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
		{"a body of 10 MiB", body(func([]byte) []byte { return bytes.Repeat([]byte("x"), 10<<20) }), bodyTooLarge, 0},
		{"a body one byte too long", body(func(b []byte) []byte { return append(b, bytes.Repeat([]byte(" "), bodyLimit+1-len(b))...) }), bodyTooLarge, 0},
		{"a proof one byte too long", header("X-Doit-Caller-Identity", strings.Repeat("x", proofLimit+1)), proofTooLarge, 0},
		{"two proofs that are too long together", header("X-Doit-Caller-Identity", strings.Repeat("x", 5<<10), strings.Repeat("x", 5<<10)), proofTooLarge, 0},
		{"text", header("Content-Type", "text/plain"), unsupportedMedia, 0},
		{"a form", header("Content-Type", "application/x-www-form-urlencoded"), unsupportedMedia, 0},
		{"no media type", header("Content-Type"), unsupportedMedia, 0},
		{"two media types", header("Content-Type", "application/json", "text/plain"), unsupportedMedia, 0},
		{"no idempotency key", header("Idempotency-Key"), wrongIdempotencyKey, 0},
		{"another body's idempotency key", header("Idempotency-Key", sha256Hex([]byte("x"))), wrongIdempotencyKey, 0},
		{"an idempotency key in upper case", func(_ *testing.T, _ *running, c *call) {
			c.header = func(h http.Header) { h.Set("Idempotency-Key", strings.ToUpper(h.Get("Idempotency-Key"))) }
		}, wrongIdempotencyKey, 0},
		{"two idempotency keys", func(_ *testing.T, _ *running, c *call) {
			c.header = func(h http.Header) { h.Add("Idempotency-Key", h.Get("Idempotency-Key")) }
		}, wrongIdempotencyKey, 0},

		{"no body", body(func([]byte) []byte { return []byte{} }), invalidRegistration, 0},
		{"not JSON", body(func([]byte) []byte { return []byte("requestType=Create") }), invalidRegistration, 0},
		{"not an object", body(func(b []byte) []byte { return append(append([]byte("["), b...), ']') }), invalidRegistration, 0},
		{"cut short", body(func(b []byte) []byte { return b[:len(b)-1] }), invalidRegistration, 0},
		{"anything behind it", body(func(b []byte) []byte { return append(b, "{}"...) }), invalidRegistration, 0},
		{"a byte order mark", body(func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) }), invalidRegistration, 0},
		{"UTF-16", body(func(b []byte) []byte {
			return append([]byte("\xff\xfe"), bytes.Join(bytes.Split(b, nil), []byte{0})...)
		}), invalidRegistration, 0},
		{"an empty requestId", with("requestId", ""), invalidRegistration, 0},
		{"a requestId of 129 characters", with("requestId", strings.Repeat("é", 129)), invalidRegistration, 0},
		{"invalid UTF-8", body(func(b []byte) []byte { return append([]byte("\xff"), b...) }), invalidRegistration, 0},
		{"half a UTF-16 character", requestID(`\ud800`), invalidRegistration, 0},
		{"the other half", requestID(`\udc00`), invalidRegistration, 0},
		{"both halves in the wrong order", requestID(`\udc00\ud800`), invalidRegistration, 0},
		{"half a character behind a whole one", requestID(`\ud83d\ude00\ud83d`), invalidRegistration, 0},
		{"half a character behind a backslash", requestID(`\\\ud83d`), invalidRegistration, 0},
		{"invalid UTF-8 in a string", body(func(b []byte) []byte { return bytes.Replace(b, []byte("3d9b5b1e"), []byte("3d9b\xff\xfe"), 1) }), invalidRegistration, 0},
		{"nested 10,000 deep", member(`,"ticketId":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), invalidRegistration, 0},
		{"nested deeper than the reader goes", body(func([]byte) []byte { return bytes.Repeat([]byte("["), 15000) }), invalidRegistration, 0},
		{"a doubled member", member(`,"accountId":"` + stranger + `"`), invalidRegistration, 0},
		{"a member doubled by an escape", member(`,"\u0061ccountId":"` + stranger + `"`), invalidRegistration, 0},
		{"a doubled member that says the same", member(`,"accountId":"` + customer + `"`), invalidRegistration, 0},
		{"a member in another case", member(`,"AccountId":"` + stranger + `"`), invalidRegistration, 0},
		{"an unknown member", with("admin", "true"), invalidRegistration, 0},
		{"a null", with("ticketId", nil), invalidRegistration, 0},
		{"a number", with("accountId", 111122223333), invalidRegistration, 0},
		{"an object", with("roleArn", map[string]string{"Ref": "SupportRole"}), invalidRegistration, 0},
		{"an empty ticket", with("ticketId", ""), invalidRegistration, 0},
		{"a ticket with a wildcard", with("ticketId", "*"), invalidRegistration, 0},
		{"a ticket that is too long", with("ticketId", strings.Repeat("1", 33)), invalidRegistration, 0},
		{"another request type", with("requestType", "Read"), invalidRegistration, 0},
		{"an account of eleven digits", with("accountId", "11112222333"), invalidRegistration, 0},
		{"an external ID of one character", with("externalId", "x"), invalidRegistration, 0},
		{"an external ID with a wildcard", with("externalId", "doit*"), invalidRegistration, 0},
		{"an external ID with a newline", with("externalId", "doit\n"), invalidRegistration, 0},
		{"an external ID that is too long", with("externalId", strings.Repeat("x", 1225)), invalidRegistration, 0},
		{"a user instead of a role", with("roleArn", "arn:aws:iam::111122223333:user/bob"), invalidRegistration, 0},
		{"a role that is too long", with("roleArn", "arn:aws:iam::111122223333:role/"+strings.Repeat("x", 1024)), invalidRegistration, 0},
		{"a role without a name", with("roleArn", "arn:aws:iam::111122223333:role/doit/"), invalidRegistration, 0},
		{"a stack of no partition", with("stackId", strings.Replace(stackID, ":aws:", ":aws-iso:", 1)), invalidRegistration, 0},
		{"something else than a stack", with("stackId", "arn:aws:cloudformation:eu-west-1:111122223333:changeSet/doit/1"), invalidRegistration, 0},
		{"a stack's name with a dot", with("stackId", strings.Replace(stackID, "/doit/", "/do.it/", 1)), invalidRegistration, 0},
		{"a stackId that is too long", with("stackId", stackID+strings.Repeat("5", 1024)), invalidRegistration, 0},
		{"a role's name with an exclamation mark", with("roleArn", roleArn+"!"), invalidRegistration, 0},
		{"a role's name of 65", with("roleArn", "arn:aws:iam::111122223333:role/"+strings.Repeat("x", 65)), invalidRegistration, 0},
		{"a region without a number", with("region", "eu-west"), invalidRegistration, 0},
		{"an expiry before 2020", with("accessExpires", "2019-12-31T23:59:59Z"), invalidRegistration, 0},
		{"an issuedAt before 2020", with("issuedAt", "2019-12-31T23:59:59Z"), invalidRegistration, 0},
		{"an issuedAt of the year 1", with("issuedAt", "0001-01-01T00:00:00Z"), invalidRegistration, 0},
		{"another access", with("access", "Approved"), invalidRegistration, 0},
		{"an expiry with a fraction", with("accessExpires", "2026-12-31T00:00:00.5Z"), invalidRegistration, 0},
		{"an expiry in another zone", with("accessExpires", "2026-12-31T00:00:00+01:00"), invalidRegistration, 0},
		{"an expiry on no day", with("accessExpires", "2026-02-30T00:00:00Z"), invalidRegistration, 0},
		{"a version with a blank", with("templateVersion", "1 0"), invalidRegistration, 0},
		{"an issuedAt of another form", with("issuedAt", "20261124T100000Z"), invalidRegistration, 0},
		{"a Create without an external ID", func(_ *testing.T, _ *running, c *call) { delete(c.members, "externalId") }, invalidRegistration, 0},
		{"no stack", func(_ *testing.T, _ *running, c *call) { delete(c.members, "stackId") }, invalidRegistration, 0},

		{"another path", func(_ *testing.T, _ *running, c *call) { c.path = "/v1/registrations/" }, notFound, 0},
		{"the admin's path", func(_ *testing.T, _ *running, c *call) { c.path = "/" }, notFound, 0},
		{"a query", func(_ *testing.T, _ *running, c *call) { c.path += "?x=y" }, notFound, 0},
		{"an empty query", func(_ *testing.T, _ *running, c *call) { c.path += "?" }, notFound, 0},
		{"a path with an escape", func(_ *testing.T, _ *running, c *call) { c.path = "/v1/registration%73" }, notFound, 0},
		{"a path with two slashes", func(_ *testing.T, _ *running, c *call) { c.path = "//v1/registrations" }, notFound, 0},
		{"another method", func(_ *testing.T, _ *running, c *call) { c.method = http.MethodPut }, methodNotAllowed, 0},
	} {
		t.Run(a.name, a.run)
	}
}

func TestProofsThatAreNotTheOneFormAreRefusedBeforeAnybodyIsAsked(t *testing.T) {
	t.Parallel()
	for _, a := range []attack{
		{"no proof", header("X-Doit-Caller-Identity"), missingProof, 0},
		{"an empty proof", header("X-Doit-Caller-Identity", ""), invalidProof, 0},
		{"two proofs", func(_ *testing.T, _ *running, c *call) {
			c.header = func(h http.Header) { h.Add("X-Doit-Caller-Identity", h.Get("X-Doit-Caller-Identity")) }
		}, invalidProof, 0},
		{"an old date", age(-5*time.Minute - 2*time.Second), untimelyProof, 0},
		{"a future date", age(5*time.Minute + 5*time.Second), untimelyProof, 0},
		{"a date in another form", proof_(replace("&X-Amz-Date=2", "&X-Amz-Date=02")), invalidProof, 0},
		{"a date beside the credential's", proof_(func(s string) string {
			return strings.Replace(s, "%2F"+time.Now().UTC().Format("20060102")+"%2F", "%2F20200101%2F", 1)
		}), invalidProof, 0},
		{"an issuedAt in the future", with("issuedAt", time.Now().Add(6*time.Minute).UTC().Format(time.RFC3339)), issuedInFuture, 0},
		{"long-term credentials", as(func(*testing.T) aws.Credentials {
			return aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"} // #nosec G101 -- AWS's own example
		}), longTermCredentials, 0},
		{"long-term credentials with a session token", as(func(*testing.T) aws.Credentials {
			return aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x", SessionToken: strings.Repeat("t", 64)} // #nosec G101 -- AWS's own example
		}), longTermCredentials, 0},
		{"temporary credentials without a session token", func(t *testing.T, _ *running, c *call) { c.as.SessionToken = "" }, invalidProof, 0},
		{"root's proof", as(func(*testing.T) aws.Credentials {
			return aws.Credentials{AccessKeyID: customer, SecretAccessKey: "local"}
		}), invalidProof, 0},

		{"CVE-2020-16251, the proof says whom to ask", host("sts.evil.example"), invalidProof, 0},
		{"a host that begins like STS", host("sts.eu-west-1.amazonaws.com.evil.example"), invalidProof, 0},
		{"a host that ends like STS", host("evil-sts.eu-west-1.amazonaws.com"), invalidProof, 0},
		{"a host behind user info", host("sts.eu-west-1.amazonaws.com@evil.example"), invalidProof, 0},
		{"user info", host("user@sts.eu-west-1.amazonaws.com"), invalidProof, 0},
		{"a port", host("sts.eu-west-1.amazonaws.com:443"), invalidProof, 0},
		{"another port", host("sts.eu-west-1.amazonaws.com:8443"), invalidProof, 0},
		{"upper case", host("STS.eu-west-1.amazonaws.com"), invalidProof, 0},
		{"a trailing dot", host("sts.eu-west-1.amazonaws.com."), invalidProof, 0},
		{"an IP address", host("169.254.169.254"), invalidProof, 0},
		{"an IPv6 address", host("[::1]"), invalidProof, 0},
		{"an international name", host("sts.eu-west-1.аmazonaws.com"), invalidProof, 0},
		{"the same in ASCII", host("sts.eu-west-1.xn--mazonaws-66g.com"), invalidProof, 0},
		{"a backslash", host(`evil.example\.sts.eu-west-1.amazonaws.com`), invalidProof, 0},
		{"an encoded slash", host("evil.example%2f.amazonaws.com"), invalidProof, 0},
		{"another partition's suffix", host("sts.eu-west-1.amazonaws.com.cn"), invalidProof, 0},
		{"the global endpoint", resigned("https://sts.amazonaws.com", "us-east-1", nil), invalidProof, 0},
		{"FIPS", resigned("https://sts-fips.us-east-1.amazonaws.com", "us-east-1", nil), invalidProof, 0},
		{"an unknown region", resigned("https://sts.eu-west-9.amazonaws.com", "eu-west-9", nil), unknownRegion, 0},
		{"an isolated region", resigned("https://sts.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", nil), invalidProof, 0},
		{"one region's host with another's scope", resigned("https://sts.eu-west-1.amazonaws.com", "us-east-1", nil), invalidProof, 0},
		{"no TLS", proof_(replace("https://", "http://")), invalidProof, 0},
		{"another scheme", proof_(replace("https://", "gopher://")), invalidProof, 0},
		{"blanks around it", proof_(replace("https://", "https:// ")), invalidProof, 0},

		{"a path", proof_(replace(".com/?", ".com/x?")), invalidProof, 0},
		{"two slashes", proof_(replace(".com/?", ".com//?")), invalidProof, 0},
		{"no slash", proof_(replace(".com/?", ".com?")), invalidProof, 0},
		{"a doubled Action", proof_(replace("&Version", "&Action=GetCallerIdentity&Version")), invalidProof, 0},
		{"CVE-2022-2385, action beside Action", proof_(replace("?Action", "?action=GetSessionToken&Action")), invalidProof, 0},
		{"CVE-2022-2385, action behind Action", proof_(func(s string) string { return s + "&action=AssumeRole" }), invalidProof, 0},
		{"CVE-2020-16250, an action that reflects what the caller wrote", proof_(replace("GetCallerIdentity", "AssumeRoleWithWebIdentity")), invalidProof, 0},
		{"another Action", proof_(replace("Action=GetCallerIdentity", "Action=GetSessionToken")), invalidProof, 0},
		{"another Version", proof_(replace("2011-06-15", "2011-06-14")), invalidProof, 0},
		{"an extra key", proof_(func(s string) string { return s + "&x=y" }), invalidProof, 0},
		{"an extra key in front", proof_(replace("?Action", "?x=y&Action")), invalidProof, 0},
		{"another order", proof_(replace("?Action=GetCallerIdentity&Version=2011-06-15", "?Version=2011-06-15&Action=GetCallerIdentity")), invalidProof, 0},
		{"another encoding", proof_(replace("GetCallerIdentity", "GetCaller%49dentity")), invalidProof, 0},
		{"lower-case encoding", proof_(replace("%2F", "%2f")), invalidProof, 0},
		{"encoded twice", proof_(replace("%2F", "%252F")), invalidProof, 0},
		{"a semicolon", proof_(replace("&Version", ";Version")), invalidProof, 0},
		{"a fragment", proof_(func(s string) string { return s + "#x" }), invalidProof, 0},
		{"an empty fragment", proof_(func(s string) string { return s + "#" }), invalidProof, 0},
		{"a longer life", proof_(replace("X-Amz-Expires=60", "X-Amz-Expires=604800")), invalidProof, 0},
		{"another algorithm", proof_(replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")), invalidProof, 0},
		{"another service", proof_(replace("%2Fsts%2F", "%2Fiam%2F")), invalidProof, 0},
		{"two signatures", proof_(func(s string) string { return s + "&X-Amz-Signature=" + strings.Repeat("0", 64) }), invalidProof, 0},
		{"a signature in upper case", proof_(func(s string) string { return s[:len(s)-64] + strings.Repeat("A", 64) }), invalidProof, 0},
		{"a signature cut short", proof_(func(s string) string { return s[:len(s)-1] }), invalidProof, 0},
		{"only the host is signed", resigned("https://sts.eu-west-1.amazonaws.com", home, map[string]string{"X-DoiT-Audience": "", "X-DoiT-Content-SHA256": ""}), invalidProof, 0},
		{"the audience is not signed", resigned("https://sts.eu-west-1.amazonaws.com", home, map[string]string{"X-DoiT-Audience": ""}), invalidProof, 0},
		{"the body is not signed", resigned("https://sts.eu-west-1.amazonaws.com", home, map[string]string{"X-DoiT-Content-SHA256": ""}), invalidProof, 0},
		{"one more header is signed", resigned("https://sts.eu-west-1.amazonaws.com", home, map[string]string{"X-K8s-Aws-Id": "cluster"}), invalidProof, 0},
	} {
		t.Run(a.name, a.run)
	}
}

func TestProofsOfSomethingElseAreRefused(t *testing.T) {
	t.Parallel()
	for _, a := range []attack{
		{"a proof for another audience", func(_ *testing.T, _ *running, c *call) { c.audience = "registration.example.com" }, rejectedProof, 1},
		{"a proof moved to another body", resigned("https://sts.eu-west-1.amazonaws.com", home, map[string]string{"X-DoiT-Content-SHA256": sha256Hex([]byte("another"))}), rejectedProof, 1},
		{"a forged signature", proof_(func(s string) string { return s[:len(s)-64] + strings.Repeat("0", 64) }), rejectedProof, 1},
		{"another's session token", func(t *testing.T, _ *running, c *call) {
			c.as.SessionToken = session(t, stranger, "stranger").SessionToken
		}, rejectedProof, 1},
		{"another account's proof", as(func(t *testing.T) aws.Credentials { return session(t, stranger, "stranger") }), anotherAccount, 1},
		{"an IAM user's proof", as(userSession), notAnAssumedRole, 1},
		{"a federated user's proof", as(federated), notAnAssumedRole, 1},
		{"the support role's own proof", func(t *testing.T, _ *running, c *call) {
			c.as = session(t, customer, "SupportRole")
			c.members["roleArn"] = "arn:aws:iam::111122223333:role/SupportRole"
		}, fromSupportRole, 1},
		{"the support role's own proof, by another path and case", func(t *testing.T, _ *running, c *call) {
			c.as = session(t, customer, "SupportRole")
			c.members["roleArn"] = "arn:aws:iam::111122223333:role/doit/supportROLE"
		}, fromSupportRole, 1},
		{"the support role deregisters itself", func(t *testing.T, _ *running, c *call) {
			c.as = session(t, customer, "SupportRole")
			c.members["roleArn"], c.members["requestType"] = "arn:aws:iam::111122223333:role/SupportRole", "Delete"
		}, fromSupportRole, 1},
		{"another account's role", with("roleArn", "arn:aws:iam::999999999999:role/doit/x"), disagreement, 1},
		{"another partition's role", with("roleArn", "arn:aws-cn:iam::111122223333:role/doit/x"), disagreement, 1},
		{"another account's stack", with("stackId", strings.Replace(stackID, customer, stranger, 1)), disagreement, 1},
		{"another region's stack", with("stackId", strings.Replace(stackID, home, "us-east-1", 1)), disagreement, 1},
		{"another partition's stack", with("stackId", strings.Replace(stackID, ":aws:", ":aws-us-gov:", 1)), disagreement, 1},
		{"another region", with("region", "us-east-1"), disagreement, 1},
		{"another region's proof", func(_ *testing.T, _ *running, c *call) { c.region = "us-east-1" }, disagreement, 1},
		{"somebody else's ticket", with("ticketId", "777"), ticketNotOpen, 1},
		{"an unknown ticket", with("ticketId", "1"), ticketNotOpen, 1},
	} {
		t.Run(a.name, a.run)
	}
}
