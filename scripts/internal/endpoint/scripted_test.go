package endpoint

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// scripted is an STS that answers what a test writes: for what a real one never
// does, and for an exact moment.
type scripted struct {
	identify http.HandlerFunc
	assume   http.HandlerFunc
}

func (s scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		if s.identify == nil {
			says(http.StatusOK, identityOf(customer, "doit-RegistrationRole"))(w, r)
			return
		}
		s.identify(w, r)
		return
	}
	if s.assume == nil {
		assumable(w, r)
		return
	}
	s.assume(w, r)
}

// somebody has credentials that only a scripted STS takes.
var somebody = aws.Credentials{
	AccessKeyID: "ASIASOMEBODY00000000", SecretAccessKey: "secret", SessionToken: strings.Repeat("token", 40),
}

func says(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text)) // #nosec G705 -- no browser reads it; an endpoint that has read enough hangs up
	}
}

func identityOf(account, role string) string {
	return identityXML("arn:aws:sts::"+account+":assumed-role/"+role+"/function", account)
}

func identityXML(arn, account string) string {
	return fmt.Sprintf(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>%s</Arn>
    <UserId>AROA123456789EXAMPLE:function</UserId>
    <Account>%s</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`, arn, account)
}

// assumable is a role whose trust policy demands the external ID.
func assumable(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("ExternalId") == externalID {
		opens(w, r)
		return
	}
	stsError(http.StatusForbidden, "AccessDenied")(w, r)
}

// sessionXML is what STS says when a role opens.
const sessionXML = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::111122223333:assumed-role/r/s</Arn>
      <AssumedRoleId>AROA123456789EXAMPLE:s</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIAX</AccessKeyId>
      <SecretAccessKey>x</SecretAccessKey>
      <SessionToken>x</SessionToken>
      <Expiration>2099-01-01T00:00:00Z</Expiration>
    </Credentials>
  </AssumeRoleResult>
  <ResponseMetadata>
    <RequestId>1</RequestId>
  </ResponseMetadata>
</AssumeRoleResponse>
`

func opens(w http.ResponseWriter, r *http.Request) { says(http.StatusOK, sessionXML)(w, r) }

func stsError(status int, code string) http.HandlerFunc { return says(status, errorXML(code)) }

func errorXML(code string) string {
	return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>` +
		`<Code>` + code + `</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>`
}

// startScripted runs an endpoint that asks a scripted STS.
func startScripted(t testing.TB, s scripted, flags []string, adjust ...func(*options)) (*running, *countingSTS) {
	t.Helper()
	sts := countSTS(t, s)
	return start(t, append([]string{"-sts", sts.url}, flags...), adjust...), sts
}
