package endpoint

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// supportRole makes a role in the customer's account, in the local cloud.
func supportRole(t *testing.T, name, statement string) string {
	t.Helper()
	if err := startCloud(); err != nil {
		t.Fatal(err)
	}
	made, err := iam.NewFromConfig(cloud.Root(customer, home)).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, Path: aws.String("/doit/"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[` + statement + `]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return *made.Role.Arn
}

// trust lets DoiT in under a condition.
func trust(condition string) string {
	return `{"Effect":"Allow","Principal":{"AWS":"` + doit + `"},"Action":"sts:AssumeRole",` +
		`"Condition":{` + condition + `}}`
}

func TestRolesAreTriedBeforeTheyAreRecorded(t *testing.T) {
	t.Parallel()
	const exact = `"StringEquals":{"sts:ExternalId":"` + externalID + `"}`
	for i, c := range []struct {
		name, trust string
		ticket      string
		want        *Problem
	}{
		{
			name: "a role like the template's",
			trust: trust(exact + `,"StringLike":{"sts:RoleSessionName":"12345-*"},` +
				`"StringEqualsIfExists":{"aws:PrincipalType":"AssumedRole"}`),
			ticket: "12345",
		},
		{name: "a role without a ticket", trust: trust(exact)},
		{
			name:   "a role for another ticket",
			trust:  trust(exact + `,"StringLike":{"sts:RoleSessionName":"999-*"}`),
			ticket: "12345",
			want:   roleNotAssumable,
		},
		{
			name:  "a role for one of two external IDs",
			trust: trust(`"StringEquals":{"sts:ExternalId":["` + externalID + `","another"]}`),
		},
		{
			name:  "a role for another external ID",
			trust: trust(`"StringEquals":{"sts:ExternalId":"another"}`),
			want:  roleNotAssumable,
		},
		{
			name:  "a role for a stranger",
			trust: strings.Replace(trust(exact), doit, stranger, 1),
			want:  roleNotAssumable,
		},
		{name: "a dismissed role", trust: strings.Replace(trust(exact), "Allow", "Deny", 1), want: roleNotAssumable},
		{name: "a role that opens without the external ID", trust: trust(``), want: roleOpensWithout},
		{
			name:  "a role that forbids another external ID only where there is one",
			trust: trust(`"StringEqualsIfExists":{"sts:ExternalId":"` + externalID + `"}`),
			want:  roleOpensWithout,
		},
		{
			name:  "a role that opens with any external ID",
			trust: trust(`"StringLike":{"sts:ExternalId":"?*"}`),
			want:  roleOpensWithAnother,
		},
		{
			name:  "a role that opens with any of the same length",
			trust: trust(`"StringLike":{"sts:ExternalId":"` + externalID[:len(externalID)-1] + `?"}`),
			want:  roleOpensWithAnother,
		},
		{
			name:  "a role that opens with any that begins the same",
			trust: trust(`"StringLike":{"sts:ExternalId":"` + externalID[:8] + `*"}`),
			want:  roleOpensWithAnother,
		},
		{
			name:  "a role that opens with any that goes on",
			trust: trust(`"StringLike":{"sts:ExternalId":"` + externalID + `*"}`),
			want:  roleOpensWithAnother,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sts := cloudSTS(t)
			r := start(t, []string{"-sts", sts.url})
			role := supportRole(t, fmt.Sprintf("SupportRole%d", i), c.trust)
			call := r.newCall(function(t), "Create", map[string]any{"roleArn": role})
			if c.ticket != "" {
				call.members["ticketId"] = c.ticket
			}
			r.expect(t, call, c.want)
			if rows := r.list(t); (len(rows) == 1) != (c.want == nil) {
				t.Errorf("%d rows", len(rows))
			}
		})
	}
}

func TestARoleThatIsNotThereYetIsTooEarly(t *testing.T) {
	t.Parallel()
	r := start(t, []string{"-sts", cloudSTS(t).url})
	c := r.newCall(function(t), "Create", map[string]any{"roleArn": "arn:aws:iam::111122223333:role/doit/LateRole"})
	r.expect(t, c, roleNotAssumable)
	supportRole(t, "LateRole", trust(`"StringEquals":{"sts:ExternalId":"`+externalID+`"}`))
	r.expect(t, c, nil)
}

func TestAnSTSThatCannotSayWhetherARoleOpensIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, assume := range map[string]http.HandlerFunc{
		"throttled":             stsError(400, "Throttling"),
		"failing":               stsError(500, "InternalFailure"),
		"down":                  says(503, ""),
		"our own token ran out": stsError(403, "ExpiredToken"),
		"disabled by a 400":     stsError(400, regionDisabled),
		"disabled by a 500":     stsError(500, regionDisabled),
		"a bad role name":       stsError(400, "ValidationError"),
		"denied by another":     stsError(401, "AccessDenied"),
		"denied in other words": says(403, "<html>AccessDenied</html>"),
		"denied without a namespace": says(403,
			`<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>`),
		"denied under another root": says(403,
			strings.ReplaceAll(errorXML("AccessDenied"), "ErrorResponse", "AssumeRoleResponse")),
		"denied twice": says(403, strings.Repeat(errorXML("AccessDenied"), 2)),
		"denied behind more than it may say": says(403,
			strings.Replace(errorXML("AccessDenied"), "<Code>", strings.Repeat(" ", 16<<10)+"<Code>", 1)),
		"no sense":                says(200, "<html>"),
		"nothing":                 says(200, ""),
		"an error as success":     says(200, errorXML("AccessDenied")),
		"a session of no key":     session200("<AccessKeyId>ASIAX</AccessKeyId>", ""),
		"a session of no secret":  session200("<SecretAccessKey>x</SecretAccessKey>", ""),
		"a session of no token":   session200("<SessionToken>x</SessionToken>", "<SessionToken></SessionToken>"),
		"a session and more":      session200("<Credentials>", "<Account>"+customer+"</Account><Credentials>"),
		"a session of two worlds": session200("<Expiration>", `<Expiration xmlns="x">`),
		"a session with a style":  says(200, `<?xml-stylesheet href="x"?>`+sessionXML),
		"two sessions":            says(200, sessionXML+sessionXML),
		"a session cut short":     says(200, sessionXML[:len(sessionXML)-30]),
		"a session created":       says(201, sessionXML),
		"hanging":                 slow(""),
		"hanging up":              func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirecting": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"hanging at the last try": onlyThen(2, slow("")),
		"failing at the last try": onlyThen(3, stsError(500, "InternalFailure")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scripted{assume: assume}
			r, sts := startScripted(t, s, nil, func(o *options) { o.limits.request = time.Second })
			began := time.Now()
			r.expect(t, r.newCall(somebody, "Create", nil), roleUnverifiable)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("the answer took %v", took)
			}
			if rows := r.list(t); len(rows) != 0 {
				t.Errorf("recorded %+v", rows)
			}
			if tries := sts.trust.Load(); tries > 4 {
				t.Errorf("the role was tried %d times", tries)
			}
		})
	}
}

// session200 is a session that lacks something.
func session200(old, instead string) http.HandlerFunc {
	return says(http.StatusOK, strings.Replace(sessionXML, old, instead, 1))
}

// endless sends an answer, and then more until the endpoint hangs up.
func endless(beginning string, sent *atomic.Int64) http.HandlerFunc {
	blanks := bytes.Repeat([]byte(" "), 1<<16)
	return func(w http.ResponseWriter, r *http.Request) {
		says(http.StatusOK, beginning)(w, r)
		for {
			n, err := w.Write(blanks)
			if sent.Add(int64(n)); err != nil || sent.Load() > 1<<30 {
				return
			}
		}
	}
}

func TestAnEndlessAnswerIsNotRead(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	for want, s := range map[*Problem]scripted{
		stsUnavailable:   {identify: endless(identityOf(customer, "doit-RegistrationRole"), &sent)},
		roleUnverifiable: {assume: endless(sessionXML, &sent)},
	} {
		r, _ := startScripted(t, s, nil)
		r.expect(t, r.newCall(somebody, "Create", nil), want)
	}
	if sent.Load() > 64<<20 { // what the connections hold is a small part of it
		t.Errorf("STS could send %d MiB", sent.Load()>>20)
	}
}

func TestARegionInWhichSTSIsNotActiveIsTheCustomersToMend(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]scripted{
		"who signed":  {identify: stsError(403, "RegionDisabledException")},
		"the role":    {assume: stsError(403, "RegionDisabledException")},
		"another try": {assume: onlyThen(2, stsError(403, "RegionDisabledException"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := startScripted(t, s, nil)
			a := r.expect(t, r.newCall(somebody, "Create", nil), stsNotActive)
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.problem.Detail, "Account settings") {
				t.Errorf("the answer is %d %q", a.status, a.problem.Detail)
			}
		})
	}
}

// onlyThen lets the role behave until its n-th try.
func onlyThen(n int, then http.HandlerFunc) http.HandlerFunc {
	tries := make(chan int, 1)
	tries <- 0
	return func(w http.ResponseWriter, r *http.Request) {
		try := <-tries + 1
		tries <- try
		if try < n {
			assumable(w, r)
			return
		}
		then(w, r)
	}
}

func TestEveryTryIsInTheStacksRegionAndNamesTheTicket(t *testing.T) {
	t.Parallel()
	for ticket, want := range map[string]string{"": "doit-verify", "12345": "12345-verify"} {
		r, sts := startScripted(t, scripted{assume: func(w http.ResponseWriter, r *http.Request) {
			role, session := r.FormValue("RoleArn"), r.FormValue("RoleSessionName")
			scope := r.Header.Get("Authorization")
			there := r.Host == stsHosts[home] && strings.Contains(scope, "/"+home+"/sts/")
			if session != want || role != roleArn || !there {
				t.Errorf("tried %q as %q at %s in %s", role, session, r.Host, scope)
			}
			// A session that nobody uses should not live for the hour that AWS gives by itself.
			if lives := r.FormValue("DurationSeconds"); lives != "900" {
				t.Errorf("the session lives for %q seconds", lives)
			}
			assumable(w, r)
		}}, nil)
		c := r.newCall(somebody, "Create", nil)
		if ticket != "" {
			c.members["ticketId"] = ticket
		}
		r.expect(t, c, nil)
		if tries := sts.trust.Load(); tries != 4 {
			t.Errorf("the role was tried %d times", tries)
		}
	}
}

// TestAnHonestRoleIsTakenWhateverItsExternalID: no try may be the external ID itself,
// nor one that STS does not take, which would say nothing of the role.
func TestAnHonestRoleIsTakenWhateverItsExternalID(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		externalID string
		tries      int64
	}{
		"two characters":               {externalID: "ab", tries: 4},
		"an x at its end":              {externalID: "doit-x", tries: 4},
		"a y at its end":               {externalID: "doit-y", tries: 4},
		"one less than the longest":    {externalID: strings.Repeat("e", 1223), tries: 4},
		"the longest":                  {externalID: strings.Repeat("e", 1224), tries: 3},
		"the longest, an x at its end": {externalID: strings.Repeat("x", 1224), tries: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, sts := startScripted(t, scripted{assume: func(w http.ResponseWriter, r *http.Request) {
				switch tried := r.FormValue("ExternalId"); {
				case len(tried) > 1224:
					stsError(http.StatusBadRequest, "ValidationError")(w, r)
				case tried == c.externalID:
					opens(w, r)
				default:
					stsError(http.StatusForbidden, accessDenied)(w, r)
				}
			}}, nil)
			r.expect(t, r.newCall(somebody, "Create", map[string]any{"externalId": c.externalID}), nil)
			if tries := sts.trust.Load(); tries != c.tries {
				t.Errorf("the role was tried %d times, want %d", tries, c.tries)
			}
		})
	}
}

func TestEndingAccessNeverWaitsForTheRole(t *testing.T) {
	t.Parallel()
	for name, members := range map[string]map[string]any{
		"dismissed": {"access": "dismissed"},
		"run out":   {"accessExpires": "2020-01-01T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, sts := startScripted(t, scripted{assume: slow("")}, []string{"-early", "60"})
			r.expect(t, r.newCall(somebody, "Create", members), nil)
			if rows := r.list(t); len(rows) != 1 || rows[0].Status != "suspended" || sts.trust.Load() != 0 {
				t.Errorf("rows %+v after %d tries", rows, sts.trust.Load())
			}
		})
	}
}
