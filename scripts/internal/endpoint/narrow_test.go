package endpoint

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// TestWhatNarrowsAnAccessWaitsForNothing records with one endpoint, and then asks
// another one of the same database, for which the ticket is closed, which refuses
// everything new and could not look at a role.
func TestWhatNarrowsAnAccessWaitsForNothing(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	const early, late, over = "2098-12-31T00:00:00Z", "2099-12-31T00:00:00Z", "2020-12-31T00:00:00Z"
	open, until := m{"ticketId": "1"}, m{"ticketId": "1", "accessExpires": late}
	for name, c := range map[string]struct {
		before []step
		event  step
		status string
	}{
		"a dismissal": {
			before: []step{create(1, open, nil)},
			event:  update(2, m{"ticketId": "1", "access": "dismissed"}, nil), status: registrations.Suspended,
		},
		"a dismissal under another ticket": {
			before: []step{create(1, open, nil)},
			event:  update(2, m{"ticketId": "9", "access": "dismissed"}, nil), status: registrations.Suspended,
		},
		"a dismissal with another external ID": {
			before: []step{create(1, open, nil)},
			event:  update(2, m{"externalId": "another", "access": "dismissed"}, nil), status: registrations.Suspended,
		},
		"a dismissal of nothing": {
			event: update(2, m{"access": "dismissed"}, nil), status: registrations.Suspended,
		},
		"a launch that is dismissed": {
			event: create(2, m{"ticketId": "9", "access": "dismissed"}, nil), status: registrations.Suspended,
		},
		"an end that has passed": {
			before: []step{create(1, until, nil)},
			event:  update(2, m{"ticketId": "9", "accessExpires": over}, nil), status: registrations.Suspended,
		},
		"an end brought forward": {
			before: []step{create(1, until, nil)},
			event:  update(2, m{"ticketId": "1", "accessExpires": early}, nil), status: registrations.Active,
		},
		"an end where there was none": {
			before: []step{create(1, open, nil)},
			event:  update(2, until, nil), status: registrations.Active,
		},
		"an end brought forward is taken back": {
			before: []step{create(1, until, nil), update(2, m{"ticketId": "1", "accessExpires": early}, nil)},
			event:  update(3, until, nil), status: registrations.Active,
		},
		"a Delete": {
			before: []step{create(1, open, nil)},
			event:  deletion(2, nil, nil), status: registrations.Deleted,
		},
		"an end moved away": {
			before: []step{create(1, m{"ticketId": "1", "accessExpires": early}, nil)},
			event:  update(2, until, ticketNotOpen), status: registrations.Active,
		},
		"an end taken away": {
			before: []step{create(1, until, nil)},
			event:  update(2, open, ticketNotOpen), status: registrations.Active,
		},
		"an end brought forward under another ticket": {
			before: []step{create(1, until, nil)},
			event:  update(2, m{"ticketId": "9", "accessExpires": early}, ticketNotOpen), status: registrations.Active,
		},
		"an end brought forward without a ticket": {
			before: []step{create(1, until, nil)},
			event:  update(2, m{"accessExpires": early}, refused), status: registrations.Active,
		},
		"a Create with an earlier end": {
			before: []step{create(1, until, nil)},
			event:  create(2, m{"ticketId": "1", "accessExpires": early}, ticketNotOpen), status: registrations.Active,
		},
		"a Create that says what the row says": {
			before: []step{create(1, open, nil)},
			event:  create(2, open, ticketNotOpen), status: registrations.Active,
		},
		"a change is taken back after it came twice": {
			before: []step{create(1, open, nil), update(2, until, nil), update(3, until, nil)},
			event:  update(4, open, nil), status: registrations.Active,
		},
		"an end brought forward under the former ticket": {
			before: []step{create(1, until, nil), update(2, m{"accessExpires": late}, nil)},
			event:  update(3, m{"ticketId": "1", "accessExpires": early}, ticketNotOpen), status: registrations.Active,
		},
		"an earlier end of what is deleted": {
			before: []step{create(1, until, nil), deletion(2, nil, nil)},
			event:  update(3, m{"ticketId": "1", "accessExpires": early}, ticketNotOpen), status: registrations.Deleted,
		},
		"what a deleted row said": {
			before: []step{create(1, open, nil), deletion(2, nil, nil)},
			event:  update(3, open, ticketNotOpen), status: registrations.Deleted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := filepath.Join(t.TempDir(), "registrations.db")
			before, _ := startScripted(t, scripted{}, []string{"-db", db, "-tickets", "1"})
			after, sts := startScripted(t, scripted{}, []string{"-db", db, "-tickets", "2", "-refuse", "no"})
			base := time.Now().Add(-time.Hour)
			for _, s := range c.before {
				before.expect(t, s.call(before, base), s.want)
			}
			after.expect(t, c.event.call(after, base), c.event.want)
			taken := len(c.before)
			if c.event.want == nil {
				taken++
			}
			after.endsAs(t, c.status, taken)
			if tries := sts.trust.Load(); tries != 0 {
				t.Errorf("the role was tried %d times", tries)
			}
		})
	}
}

// bySession is an STS that takes the access key for the name of the role whose
// session signed: ASIA, and what is behind it.
func bySession(w http.ResponseWriter, r *http.Request) {
	key, _, _ := strings.Cut(r.URL.Query().Get("X-Amz-Credential"), "/")
	says(http.StatusOK, identityOf(customer, strings.TrimPrefix(key, "ASIA")))(w, r)
}

// TestSoManyOpenedRolesAreRemembered of an account, the newest, whatever another has.
func TestSoManyOpenedRolesAreRemembered(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "registrations.db")
	flags := []string{"-db", file, "-verify-role=false"}
	r, _ := startScripted(t, scripted{identify: bySession}, flags, func(o *options) { o.limits.opened = 2 })
	const before = "arn:aws:iam::111122223333:role/ROLE00000000000"
	open := func(last string) {
		t.Helper()
		r.expect(t, r.newCall(somebody, "Create", map[string]any{"roleArn": before + last}), nil)
	}
	open("1")
	open("2")
	open("1")
	do(t, database(t, file), `INSERT INTO opened VALUES ('444455556666', 'doit-SupportRole', 7)`)
	open("3")
	for last, want := range map[string]*Problem{"1": nil, "2": fromSupportRole, "3": fromSupportRole} {
		call := r.newCall(somebody, "Create", map[string]any{"access": "dismissed"})
		call.as.AccessKeyID = "ASIAROLE00000000000" + last
		r.expect(t, call, want)
	}
}

// TestWhoeverDoiTLetsInCannotSpeakForTheCustomer asks in the name of another
// stack and another role, by which the proof cannot be told from the function's.
func TestWhoeverDoiTLetsInCannotSpeakForTheCustomer(t *testing.T) {
	t.Parallel()
	const supportRole = "arn:aws:iam::111122223333:role/doit/SUPPORTROLE0000000"
	type m = map[string]any
	for name, c := range map[string]struct {
		before []step
		want   *Problem
	}{
		"of a role that is registered": {
			before: []step{create(1, m{"roleArn": supportRole}, nil)}, want: fromSupportRole,
		},
		"of a role with another path and case": {
			before: []step{create(1, m{"roleArn": "arn:aws:iam::111122223333:role/SupportRole0000000"}, nil)},
			want:   fromSupportRole,
		},
		"of a role that was dismissed since": {
			before: []step{
				create(1, m{"roleArn": supportRole}, nil),
				update(2, m{"roleArn": supportRole, "access": "dismissed"}, nil),
			}, want: fromSupportRole,
		},
		"of a role that was deleted since": {
			before: []step{create(1, m{"roleArn": supportRole}, nil), deletion(2, m{"roleArn": supportRole}, nil)},
			want:   fromSupportRole,
		},
		"of a role that was approved in the end": {
			before: []step{
				create(1, m{"roleArn": supportRole, "access": "dismissed"}, nil),
				update(2, m{"roleArn": supportRole}, nil),
			}, want: fromSupportRole,
		},
		"of a role that was only ever suspended": {
			before: []step{
				create(1, m{"roleArn": supportRole, "access": "dismissed"}, nil),
				update(2, m{"roleArn": supportRole, "accessExpires": "2020-01-01T00:00:00Z"}, nil),
			},
		},
		"of a role whose registration was refused": {
			before: []step{create(1, m{"roleArn": supportRole, "ticketId": "9"}, ticketNotOpen)},
		},
		"of any other role": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, sts := startScripted(t, scripted{identify: bySession}, []string{"-tickets", "1"})
			base := time.Now().Add(-time.Hour)
			for _, s := range c.before {
				r.expect(t, s.call(r, base), s.want)
			}
			tried := sts.trust.Load()
			for _, requestType := range []string{"Create", "Update", "Delete"} {
				call := r.newCall(somebody, requestType, m{"stackId": strings.Replace(stackID, "/doit/", "/other/", 1)})
				call.as.AccessKeyID = "ASIASUPPORTROLE0000000"
				r.expect(t, call, c.want)
			}
			if c.want == fromSupportRole && sts.trust.Load() != tried {
				t.Error("a role was tried for DoiT's own session")
			}
		})
	}
}
