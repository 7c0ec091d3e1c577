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
	const opening, closing = `<GetCallerIdentityResponse xmlns="` + stsNamespace + `">`, "</GetCallerIdentityResponse>"
	body := strings.TrimSuffix(strings.TrimPrefix(good, opening), closing+"\n")
	const account = "<Account>" + customer + "</Account>"
	nowhere := strings.Replace(good, account, "", 1)
	for name, c := range map[string]struct {
		identify http.HandlerFunc
		want     *Problem
	}{
		"as it should be":           {identify: says(200, good)},
		"with an XML declaration":   {identify: says(200, `<?xml version="1.0" encoding="UTF-8"?>`+good)},
		"says 403":                  {identify: stsError(403, "SignatureDoesNotMatch"), want: rejectedProof},
		"says 403 with an identity": {identify: says(403, good), want: rejectedProof},
		"says 400":                  {identify: stsError(400, "Throttling"), want: stsUnavailable},
		"says 400, and disabled":    {identify: stsError(400, regionDisabled), want: stsUnavailable},
		"says 500, and disabled":    {identify: stsError(500, regionDisabled), want: stsUnavailable},
		"says 401":                  {identify: says(401, ""), want: stsUnavailable},
		"says 429":                  {identify: says(429, ""), want: stsUnavailable},
		"says 500":                  {identify: says(500, good), want: stsUnavailable},
		"says 201":                  {identify: says(201, good), want: stsUnavailable},
		"is empty":                  {identify: says(200, ""), want: stsUnavailable},
		"has all that it may":       {identify: says(200, good+strings.Repeat(" ", 16<<10-len(good)))},
		"has one byte more": {
			identify: says(200, good+strings.Repeat(" ", 16<<10-len(good)+1)),
			want:     stsUnavailable,
		},
		"is huge": {identify: says(200, good+strings.Repeat(" ", 16<<10)), want: stsUnavailable},
		"is huge before it begins": {
			identify: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Huge", strings.Repeat("x", 32<<10))
				says(200, good)(w, r)
			}, want: stsUnavailable,
		},
		"is huge inside": {
			identify: says(200, strings.Replace(good, "<Arn>", strings.Repeat(" ", 16<<10)+"<Arn>", 1)),
			want:     stsUnavailable,
		},
		"is cut short":                {identify: says(200, good[:len(good)-30]), want: stsUnavailable},
		"promises more than it sends": {identify: short(good), want: stsUnavailable},
		"is JSON": {
			identify: says(200, `{"GetCallerIdentityResponse":{"GetCallerIdentityResult":`+
				`{"Account":"111122223333","Arn":"arn:aws:sts::111122223333:assumed-role/x/y"}}}`),
			want: stsUnavailable,
		},
		"CVE-2020-16250, is JSON that holds the XML": {identify: says(200, `{"x":"`+good+`"}`), want: stsUnavailable},
		"CVE-2020-16250, reflects it in another root": {
			identify: says(200, `<AssumeRoleWithWebIdentityResponse xmlns="`+stsNamespace+`">`+
				`<AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>`+good+
				`</SubjectFromWebIdentityToken></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`),
			want: stsUnavailable,
		},
		"has another root": {
			identify: says(200, strings.ReplaceAll(good, "GetCallerIdentityResponse", "GetFederationTokenResponse")),
			want:     stsUnavailable,
		},
		"has no namespace": {
			identify: says(200, strings.Replace(good, ` xmlns="https://sts.amazonaws.com/doc/2011-06-15/"`, "", 1)),
			want:     stsUnavailable,
		},
		"has another namespace": {
			identify: says(200, strings.Replace(good, "2011-06-15/", "2012-01-01/", 1)),
			want:     stsUnavailable,
		},
		"has two identities": {identify: says(200, good+good), want: stsUnavailable},
		"has two results": {
			identify: says(200, opening+body+body+closing),
			want:     stsUnavailable,
		},
		"has two accounts": {
			identify: says(200, strings.Replace(good, "<Account>", "<Account>"+stranger+"</Account><Account>", 1)),
			want:     stsUnavailable,
		},
		"has the account in metadata": {
			identify: says(200, strings.Replace(nowhere, "<RequestId>", account+"<RequestId>", 1)),
			want:     stsUnavailable,
		},
		"has the account inside the user": {
			identify: says(200, strings.Replace(nowhere, "<UserId>", "<UserId>"+account, 1)),
			want:     stsUnavailable,
		},
		"has no account": {
			identify: says(200, nowhere),
			want:     stsUnavailable,
		},
		"has no ARN": {identify: says(200, strings.Replace(good, "Arn>", "UserId2>", 2)), want: stsUnavailable},
		"has no user": {
			identify: says(200, strings.Replace(good, "AROA123456789EXAMPLE:function", "", 1)),
			want:     stsUnavailable,
		},
		"has another account than its ARN": {
			identify: says(200, identityXML("arn:aws:sts::"+stranger+":assumed-role/x/y", customer)),
			want:     stsUnavailable,
		},
		"splits the account by a comment": {
			identify: says(200, strings.Replace(good, customer+"</Account>", "1111<!-- -->22223333</Account>", 1)),
			want:     stsUnavailable,
		},
		"declares an entity": {
			identify: says(200, `<!DOCTYPE x [<!ENTITY a "111122223333">]>`+
				strings.Replace(good, customer+"</Account>", "&a;</Account>", 1)),
			want: stsUnavailable,
		},
		"has text in front": {identify: says(200, "x"+good), want: stsUnavailable},
		"has text behind":   {identify: says(200, good+"x"), want: stsUnavailable},
		"has an instruction in front": {
			identify: says(200, `<?xml-stylesheet href="x"?>`+good),
			want:     stsUnavailable,
		},
		"has an instruction behind": {identify: says(200, good+`<?xml version="1.0"?>`), want: stsUnavailable},
		"names nobody":              {identify: says(200, identityXML("x", customer)), want: stsUnavailable},
		"names a user": {
			identify: says(200, identityXML("arn:aws:iam::"+customer+":user/bob", customer)),
			want:     notAnAssumedRole,
		},
		"names a federated user": {
			identify: says(200, identityXML("arn:aws:sts::"+customer+":federated-user/doit", customer)),
			want:     notAnAssumedRole,
		},
		"names root": {
			identify: says(200, identityXML("arn:aws:iam::"+customer+":root", customer)),
			want:     notAnAssumedRole,
		},
		"names a user called like a session": {
			identify: says(200, identityXML("arn:aws:iam::"+customer+":user/assumed-role/x/y", customer)),
			want:     notAnAssumedRole,
		},
		"names another account": {identify: says(200, identityOf(stranger, "x")), want: anotherAccount},
		"names another partition": {
			identify: says(200, strings.Replace(good, "arn:aws:", "arn:aws-cn:", 1)),
			want:     disagreement,
		},
		"is slow to answer": {identify: slow(""), want: stsUnavailable},
		"is slow to end":    {identify: slow(good[:100]), want: stsUnavailable},
		"hangs up": {
			identify: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			want:     stsUnavailable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, flags := scripted{identify: c.identify}, []string{"-verify-role=false"}
			r, _ := startScripted(t, s, flags, func(o *options) { o.limits.identity = 500 * time.Millisecond })
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
			"region":  region,
			"stackId": strings.NewReplacer(home, region, ":aws:", ":"+partitionOf[region]+":").Replace(stackID),
			"roleArn": strings.Replace(roleArn, ":aws:", ":"+partitionOf[region]+":", 1),
		})
		c.region = region
		r.expect(t, c, nil)
		if len(sts.hosts) != 1 || sts.hosts[0] != stsHosts[region] {
			t.Errorf("STS was called as %v, want %s", sts.hosts, stsHosts[region])
		}
	}
}
