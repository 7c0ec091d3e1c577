package endpoint

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestAnSTSThatMakesNoSenseProvesNothing(t *testing.T) {
	t.Parallel()
	good := identityOf(customer, "doit-RegistrationRole")
	body := strings.TrimSuffix(strings.TrimPrefix(good, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`), "</GetCallerIdentityResponse>\n")
	for name, c := range map[string]struct {
		identify http.HandlerFunc
		want     *Problem
	}{
		"as it should be":             {says(200, good), nil},
		"with an XML declaration":     {says(200, `<?xml version="1.0" encoding="UTF-8"?>`+good), nil},
		"says 403":                    {stsError(403, "SignatureDoesNotMatch"), rejectedProof},
		"says 403 with an identity":   {says(403, good), rejectedProof},
		"says 400":                    {stsError(400, "Throttling"), stsUnavailable},
		"says 401":                    {says(401, ""), stsUnavailable},
		"says 429":                    {says(429, ""), stsUnavailable},
		"says 500":                    {says(500, good), stsUnavailable},
		"says 201":                    {says(201, good), stsUnavailable},
		"is empty":                    {says(200, ""), stsUnavailable},
		"is huge":                     {says(200, good+strings.Repeat(" ", 16<<10)), stsUnavailable},
		"is huge inside":              {says(200, strings.Replace(good, "<Arn>", strings.Repeat(" ", 16<<10)+"<Arn>", 1)), stsUnavailable},
		"is cut short":                {says(200, good[:len(good)-30]), stsUnavailable},
		"promises more than it sends": {short(good), stsUnavailable},
		"is JSON":                     {says(200, `{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"111122223333","Arn":"arn:aws:sts::111122223333:assumed-role/x/y"}}}`), stsUnavailable},
		"CVE-2020-16250, is JSON that holds the XML":  {says(200, `{"x":"`+good+`"}`), stsUnavailable},
		"CVE-2020-16250, reflects it in another root": {says(200, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>`+good+`</SubjectFromWebIdentityToken></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`), stsUnavailable},
		"has another root":                            {says(200, strings.ReplaceAll(good, "GetCallerIdentityResponse", "GetFederationTokenResponse")), stsUnavailable},
		"has no namespace":                            {says(200, strings.Replace(good, ` xmlns="https://sts.amazonaws.com/doc/2011-06-15/"`, "", 1)), stsUnavailable},
		"has another namespace":                       {says(200, strings.Replace(good, "2011-06-15/", "2012-01-01/", 1)), stsUnavailable},
		"has two identities":                          {says(200, good+good), stsUnavailable},
		"has two results":                             {says(200, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+body+body+"</GetCallerIdentityResponse>"), stsUnavailable},
		"has two accounts":                            {says(200, strings.Replace(good, "<Account>", "<Account>"+stranger+"</Account><Account>", 1)), stsUnavailable},
		"has the account in metadata":                 {says(200, strings.Replace(strings.Replace(good, "<Account>"+customer+"</Account>", "", 1), "<RequestId>", "<Account>"+customer+"</Account><RequestId>", 1)), stsUnavailable},
		"has the account inside the user":             {says(200, strings.Replace(strings.Replace(good, "<Account>"+customer+"</Account>", "", 1), "<UserId>", "<UserId><Account>"+customer+"</Account>", 1)), stsUnavailable},
		"has no account":                              {says(200, strings.Replace(good, "<Account>"+customer+"</Account>", "", 1)), stsUnavailable},
		"has no ARN":                                  {says(200, strings.Replace(good, "Arn>", "UserId2>", 2)), stsUnavailable},
		"has another account than its ARN":            {says(200, identityXML("arn:aws:sts::"+stranger+":assumed-role/x/y", customer)), stsUnavailable},
		"splits the account by a comment":             {says(200, strings.Replace(good, customer+"</Account>", "1111<!-- -->22223333</Account>", 1)), stsUnavailable},
		"declares an entity":                          {says(200, `<!DOCTYPE x [<!ENTITY a "111122223333">]>`+strings.Replace(good, customer+"</Account>", "&a;</Account>", 1)), stsUnavailable},
		"has text in front":                           {says(200, "x"+good), stsUnavailable},
		"has text behind":                             {says(200, good+"x"), stsUnavailable},
		"has an instruction behind":                   {says(200, good+`<?xml version="1.0"?>`), stsUnavailable},
		"names nobody":                                {says(200, identityXML("x", customer)), stsUnavailable},
		"names a user":                                {says(200, identityXML("arn:aws:iam::"+customer+":user/bob", customer)), notAnAssumedRole},
		"names a federated user":                      {says(200, identityXML("arn:aws:sts::"+customer+":federated-user/doit", customer)), notAnAssumedRole},
		"names root":                                  {says(200, identityXML("arn:aws:iam::"+customer+":root", customer)), notAnAssumedRole},
		"names a user called like a session":          {says(200, identityXML("arn:aws:iam::"+customer+":user/assumed-role/x/y", customer)), notAnAssumedRole},
		"names another account":                       {says(200, identityOf(stranger, "x")), anotherAccount},
		"names another partition":                     {says(200, strings.Replace(good, "arn:aws:", "arn:aws-cn:", 1)), disagreement},
		"is slow to answer":                           {slow(""), stsUnavailable},
		"is slow to end":                              {slow(good[:100]), stsUnavailable},
		"hangs up":                                    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, stsUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := startScripted(t, scripted{identify: c.identify}, []string{"-verify-role=false"}, func(o *options) { o.limits.identity = 500 * time.Millisecond })
			r.expect(t, r.newCall(somebody, "Create", nil), c.want)
			if rows := r.list(t); (len(rows) == 1) != (c.want == nil) {
				t.Errorf("%d rows", len(rows))
			}
		})
	}
}

// short sends less than it said.
func short(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "4096")
		says(200, text)(w, r)
	}
}

// slow sends the beginning and then nothing, until the endpoint hangs up.
func slow(beginning string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if beginning != "" {
			says(200, beginning)(w, r)
			_ = http.NewResponseController(w).Flush() // the endpoint may have gone
		}
		_, _ = io.Copy(io.Discard, r.Body) // net/http sees a caller go only behind the body
		<-r.Context().Done()
	}
}

func TestARedirectingSTSIsNotFollowed(t *testing.T) {
	t.Parallel()
	var followed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		followed.Add(1)
		says(200, identityOf(customer, "doit-RegistrationRole"))(w, r)
	}))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		r, _ := startScripted(t, scripted{identify: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, status)
		}}, nil)
		r.expect(t, r.newCall(somebody, "Create", nil), stsUnavailable)
	}
	if followed.Load() != 0 {
		t.Errorf("the endpoint followed %d redirects", followed.Load())
	}
}

func TestTheCallThatProvesCarriesTheHostThatWasSigned(t *testing.T) {
	t.Parallel()
	for _, region := range []string{home, "us-gov-west-1", "cn-north-1", "eusc-de-east-1"} {
		r, sts := startScripted(t, scripted{identify: func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || r.Header.Get("Referer") != "" {
				says(500, "")(w, r)
				return
			}
			says(200, strings.Replace(identityOf(customer, "x"), "arn:aws:", "arn:"+partitionOf[region]+":", 1))(w, r)
		}}, []string{"-verify-role=false"})
		c := r.newCall(somebody, "Create", map[string]any{
			"region": region, "stackId": strings.Replace(strings.Replace(stackID, home, region, 1), ":aws:", ":"+partitionOf[region]+":", 1),
			"roleArn": strings.Replace(roleArn, ":aws:", ":"+partitionOf[region]+":", 1),
		})
		c.region = region
		r.expect(t, c, nil)
		if len(sts.hosts) != 1 || sts.hosts[0] != stsHosts[region] {
			t.Errorf("STS was called as %v, want %s", sts.hosts, stsHosts[region])
		}
	}
}
