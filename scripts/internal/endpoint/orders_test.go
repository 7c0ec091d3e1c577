package endpoint

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// step is one event of a resource, and what comes of it.
type step struct {
	requestType string
	minute      int // when CloudFormation issued it
	members     map[string]any
	want        *Problem
}

func create(minute int, members map[string]any, want *Problem) step {
	return step{requestType: "Create", minute: minute, members: members, want: want}
}

func update(minute int, members map[string]any, want *Problem) step {
	return step{requestType: "Update", minute: minute, members: members, want: want}
}

func deletion(minute int, members map[string]any, want *Problem) step {
	return step{requestType: "Delete", minute: minute, members: members, want: want}
}

func (s step) call(r *running, base time.Time) *call {
	c := r.newCall(somebody, s.requestType, s.members)
	if _, set := c.members["issuedAt"]; !set {
		c.members["issuedAt"] = base.Add(time.Duration(s.minute) * time.Minute).UTC().Format(time.RFC3339)
	}
	return c
}

func TestEventsInEveryOrder(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	old, changed := m{"ticketId": "1"}, m{"ticketId": "2"}
	role2 := "arn:aws:iam::111122223333:role/doit/doit-SupportRole-2"
	for name, c := range map[string]struct {
		steps  []step
		status string // of the first row in the end
		events int    // in its history
	}{
		"in order": {steps: []step{
			create(1, old, nil),
			update(2, changed, nil),
			deletion(3, nil, nil),
		}, status: "deleted", events: 3},
		"each twice": {steps: []step{
			create(1, old, nil),
			create(1, old, nil),
			update(2, changed, nil),
			update(2, changed, nil),
			deletion(3, nil, nil),
			deletion(3, nil, notRegistered),
		}, status: "deleted", events: 3},
		"the Create late, after the Update": {steps: []step{
			update(2, changed, nil),
			create(1, old, overtaken),
		}, status: "active", events: 1},
		"the Create late, after the Delete": {steps: []step{
			deletion(3, nil, notRegistered),
			create(1, old, overtaken),
		}, status: "deleted", events: 1},
		"the Create again, after the Delete": {steps: []step{
			create(1, old, nil),
			deletion(3, nil, nil),
			create(1, old, overtaken),
		}, status: "deleted", events: 2},
		"the Update late, after the Delete": {steps: []step{
			create(1, old, nil),
			deletion(3, nil, nil),
			update(2, changed, overtaken),
		}, status: "deleted", events: 2},
		"the Delete late, after a new Create": {steps: []step{
			create(1, old, nil),
			create(4, changed, nil),
			deletion(3, nil, overtaken),
		}, status: "active", events: 2},
		"a Delete of nothing shuts out the Create": {steps: []step{
			deletion(2, nil, notRegistered),
			create(1, old, overtaken),
			create(3, old, nil),
		}, status: "active", events: 2},
		"a later Delete of nothing counts": {steps: []step{
			deletion(1, nil, notRegistered),
			deletion(3, nil, notRegistered),
			create(2, old, overtaken),
		}, status: "deleted", events: 2},
		"a Create opens what was deleted": {steps: []step{
			create(1, old, nil),
			deletion(2, nil, nil),
			create(3, old, nil),
		}, status: "active", events: 3},
		"an Update of a row that is not there makes it": {steps: []step{
			update(1, old, nil),
		}, status: "active", events: 1},
		"an Update of a row that was deleted makes it": {steps: []step{
			create(1, old, nil),
			deletion(2, nil, nil),
			update(3, old, nil),
		}, status: "active", events: 3},
		"an Update that says what the row says": {steps: []step{
			create(1, old, nil),
			update(2, old, nil),
		}, status: "active", events: 2},
		"a refused Update is taken back": {steps: []step{
			create(1, old, nil),
			update(2, m{"ticketId": "closed"}, ticketNotOpen),
			update(3, old, nil),
		}, status: "active", events: 2},
		"an accepted Update is taken back": {steps: []step{
			create(1, old, nil),
			update(2, changed, nil),
			update(3, old, nil),
		}, status: "active", events: 3},
		"an accepted Update replayed after its rollback": {steps: []step{
			create(1, old, nil),
			update(2, changed, nil),
			update(3, old, nil),
			update(2, changed, overtaken),
		}, status: "active", events: 3},
		"a Create after a Delete of its second": {steps: []step{
			create(1, old, nil),
			deletion(1, nil, nil),
			create(1, changed, overtaken),
		}, status: "deleted", events: 2},
		"a Create again, byte for byte, after a Delete of its second": {steps: []step{
			create(1, old, nil),
			deletion(1, nil, nil),
			create(1, old, overtaken),
		}, status: "deleted", events: 2},
		"a Create after a Delete of nothing of its second": {steps: []step{
			deletion(1, nil, notRegistered),
			create(1, old, overtaken),
		}, status: "deleted", events: 1},
		"another Delete of its second": {steps: []step{
			create(1, old, nil),
			deletion(2, nil, nil),
			deletion(2, m{"requestId": "another"}, notRegistered),
		}, status: "deleted", events: 3},
		"an Update after a Delete of its second": {steps: []step{
			create(1, old, nil),
			deletion(2, nil, nil),
			update(2, old, overtaken),
		}, status: "deleted", events: 2},
		"an Update again after its rollback of the same second": {steps: []step{
			create(1, old, nil),
			update(2, changed, nil),
			update(2, old, nil),
			update(2, changed, overtaken),
			update(2, old, nil),
		}, status: "active", events: 3},
		"a Create again after an Update of its second": {steps: []step{
			create(1, old, nil),
			update(1, changed, nil),
			create(1, old, overtaken),
			update(1, changed, nil),
		}, status: "active", events: 2},
		"dismissed": {steps: []step{
			create(1, old, nil),
			update(2, m{"ticketId": "1", "access": "dismissed"}, nil),
		}, status: "suspended", events: 2},
		"dismissed, and an older approval comes": {steps: []step{
			create(1, old, nil),
			update(3, m{"ticketId": "1", "access": "dismissed"}, nil),
			update(2, m{"ticketId": "1"}, overtaken),
		}, status: "suspended", events: 2},
		"dismissed and approved again": {steps: []step{
			create(1, old, nil),
			update(2, m{"ticketId": "1", "access": "dismissed"}, nil),
			update(3, m{"ticketId": "1", "access": "approved"}, nil),
		}, status: "active", events: 3},
		"an access that has run out": {steps: []step{
			create(1, m{"accessExpires": "2020-01-01T00:00:00Z"}, nil),
		}, status: "suspended", events: 1},
		"a Delete without an external ID": {steps: []step{
			create(1, old, nil),
			deletion(2, m{"externalId": "xx"}, nil),
		}, status: "deleted", events: 2},
		"a Delete of another role": {steps: []step{
			create(1, old, nil),
			deletion(2, m{"roleArn": role2}, notRegistered),
		}, status: "active", events: 1},
		"a Delete of what another stack made": {steps: []step{
			create(1, old, nil),
			deletion(2, m{"stackId": stackID + "2"}, notRegistered),
		}, status: "active", events: 1},
		"an Update of what another stack made": {steps: []step{
			create(1, old, nil),
			update(2, m{"stackId": stackID + "2", "access": "dismissed"}, nil),
		}, status: "active", events: 1},
		"a replacement": {steps: []step{
			create(1, old, nil),
			update(2, m{"roleArn": role2}, nil),
			deletion(3, nil, nil),
		}, status: "deleted", events: 2},
		"a replacement is rolled back": {steps: []step{
			create(1, old, nil),
			update(2, m{"roleArn": role2}, nil),
			update(3, old, nil),
			deletion(4, m{"roleArn": role2}, nil),
		}, status: "active", events: 2},
		"a closed ticket leaves a replacement's new role": {steps: []step{
			update(1, m{"ticketId": "closed"}, ticketNotOpen),
			deletion(2, nil, notRegistered),
		}, status: "deleted", events: 1},
		"a Delete with a closed ticket": {steps: []step{
			create(1, old, nil),
			deletion(2, m{"ticketId": "closed"}, nil),
		}, status: "deleted", events: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := startScripted(t, scripted{}, []string{"-tickets", "1,2"})
			base := time.Now().Add(-time.Hour)
			for _, s := range c.steps {
				r.expect(t, s.call(r, base), s.want)
			}
			r.endsAs(t, c.status, c.events)
		})
	}
}

// endsAs wants the row of the tests' stack and role to be so in the end.
func (r *running) endsAs(t *testing.T, status string, events int) registrations.Registration {
	t.Helper()
	for _, row := range r.list(t) {
		if row.StackID != stackID || row.RoleArn != roleArn {
			continue
		}
		if row.Status != status || len(row.History) != events {
			t.Errorf("in the end it is %s after %d events, want %s after %d",
				row.Status, len(row.History), status, events)
		}
		if row.Status == registrations.Deleted && row.ExternalID != "" {
			t.Error("a deleted row has an external ID")
		}
		return row
	}
	t.Fatal("there is no row")
	return registrations.Registration{}
}

// TestEveryPermutation sends a Create, an Update and a Delete, each twice, in
// all 90 orders: it always ends deleted, and no event undoes a later one.
func TestEveryPermutation(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-verify-role=false"})
	base := time.Now().Add(-time.Hour)
	events := []step{create(1, nil, nil), update(2, nil, nil), deletion(3, nil, nil)}
	orders := permutations([]int{2, 2, 2}, nil)
	if len(orders) != 90 {
		t.Fatalf("%d orders", len(orders))
	}
	for _, order := range orders {
		name := "arn:aws:iam::111122223333:role/doit/"
		for _, i := range order {
			name += events[i].requestType[:1]
		}
		latest, stands := -1, false
		for _, i := range order {
			s := events[i]
			s.members = map[string]any{"roleArn": name, "ticketId": s.requestType}
			switch {
			case i < latest:
				s.want = overtaken
			case i == 2 && !stands:
				s.want = notRegistered
			}
			if i >= latest {
				latest, stands = i, i != 2
			}
			r.expect(t, s.call(r, base), s.want)
		}
	}
	rows := r.list(t)
	if len(rows) != len(orders) {
		t.Errorf("%d rows for %d roles", len(rows), len(orders))
	}
	for _, row := range rows {
		if row.Status != "deleted" {
			t.Errorf("%s ends %s", row.RoleArn, row.Status)
		}
	}
}

// permutations of a multiset, of which counts are left.
func permutations(counts, begun []int) (all [][]int) {
	for i, left := range counts {
		if left > 0 {
			counts[i]--
			all = append(all, permutations(counts, append(begun[:len(begun):len(begun)], i))...)
			counts[i]++
		}
	}
	if all == nil {
		return [][]int{begun}
	}
	return all
}

func TestWhatTheRowSaysIsTakenWithoutALook(t *testing.T) {
	t.Parallel()
	r, sts := startScripted(t, scripted{}, nil)
	base := time.Now().Add(-time.Hour)
	tries := func(s step, want int64) {
		t.Helper()
		before := sts.trust.Load()
		r.expect(t, s.call(r, base), s.want)
		if tried := sts.trust.Load() - before; tried != want {
			t.Errorf("%s of minute %d tried the role %d times, want %d", s.requestType, s.minute, tried, want)
		}
	}
	one, two := map[string]any{"ticketId": "1", "access": "approved"}, map[string]any{"ticketId": "2"}
	tries(create(1, one, nil), 4)
	tries(update(2, map[string]any{"ticketId": "1"}, nil), 0) // absent is approved
	tries(update(3, two, nil), 4)
	tries(update(4, one, nil), 0)                             // taken back
	tries(update(5, map[string]any{"ticketId": "3"}, nil), 4) // from here on 2 is forgotten
	tries(update(6, two, nil), 4)
	tries(deletion(7, nil, nil), 0)
	tries(update(8, two, nil), 4) // a deleted row says nothing
	tries(update(9, one, nil), 4)
	tries(deletion(10, nil, nil), 0)
	tries(create(11, one, nil), 4)
	tries(update(12, two, nil), 4) // nor does what it said before it was deleted
}

func TestADeleteInTheMiddleOfAVerificationWins(t *testing.T) {
	t.Parallel()
	for name, issued := range map[string]any{
		"with the times of CloudFormation": nil,
		"in the same second":               time.Now().Add(-time.Minute).UTC().Format(time.RFC3339),
	} {
		for _, first := range []string{"Create", "Update"} {
			for _, stood := range []bool{false, true} {
				of := map[bool]string{true: "of a row", false: "of no row"}[stood]
				t.Run(strings.Join([]string{name, first, of}, ", "), func(t *testing.T) {
					t.Parallel()
					verifying, deleted := make(chan struct{}), make(chan struct{})
					r, _ := startScripted(t, scripted{assume: func(w http.ResponseWriter, r *http.Request) {
						if r.FormValue("RoleSessionName") == "7-verify" && r.FormValue("ExternalId") == "" {
							close(verifying)
							<-deleted
						}
						assumable(w, r)
					}}, nil)
					base := time.Now().Add(-time.Hour)
					with := func(members map[string]any) map[string]any {
						if issued != nil {
							members["issuedAt"] = issued
						}
						return members
					}
					wantDelete := notRegistered
					if stood {
						r.expect(t, create(1, with(map[string]any{"ticketId": "1"}), nil).call(r, base), nil)
						wantDelete = nil
					}
					seven := with(map[string]any{"ticketId": "7"})
					slow := step{requestType: first, minute: 2, members: seven}.call(r, base)
					answered := make(chan answer, 1)
					go func() {
						a, err := r.try(t, slow)
						if err != nil {
							t.Error(err)
						}
						answered <- a
					}()
					<-verifying
					r.expect(t, deletion(3, with(map[string]any{}), nil).call(r, base), wantDelete)
					close(deleted)
					if a := <-answered; a.problem.Type != overtaken.Type {
						t.Errorf("the %s is answered %v", first, a)
					}
					if rows := r.list(t); len(rows) != 1 || rows[0].Status != "deleted" {
						t.Errorf("rows: %+v", rows)
					}
				})
			}
		}
	}
}

func TestAnEventWithoutATimeCountsAsIssuedWithItsProof(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	c := r.newCall(somebody, "Create", nil)
	r.expect(t, c, nil)
	late := deletion(59, nil, nil).call(r, time.Now().Add(-time.Hour))
	r.expect(t, late, overtaken)
	c.at = c.at.Add(-2 * time.Minute)
	r.expect(t, c, overtaken)
	c = r.newCall(somebody, "Delete", nil)
	delete(c.members, "externalId")
	r.expect(t, c, nil)
	r.expect(t, c, notRegistered)
}

func TestAnEventWithoutATimeIsKnownByItsProofsTime(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	second := time.Now().Add(-time.Minute)
	at := func(requestType, ticket string, at time.Time) *call {
		c := r.newCall(somebody, requestType, map[string]any{"ticketId": ticket})
		c.at = at
		return c
	}
	r.expect(t, at("Create", "1", second), nil)
	r.expect(t, at("Update", "2", second), nil)
	r.expect(t, at("Create", "1", second), overtaken)
	r.expect(t, at("Create", "1", second.Add(time.Second)), nil)
	r.endsAs(t, registrations.Active, 3)
}

// TestNobodyShutsOutWhatComesLater has events from the future, as far as they are taken.
func TestNobodyShutsOutWhatComesLater(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	ahead := func(requestType string) *call { return step{requestType: requestType, minute: 4}.call(r, time.Now()) }
	r.expect(t, ahead("Create"), nil)
	captured := ahead("Update")
	r.expect(t, captured, nil)
	r.expect(t, step{requestType: "Update", minute: 6}.call(r, time.Now()), issuedInFuture)
	r.expect(t, step{requestType: "Delete"}.call(r, time.Now()), nil)
	r.expect(t, captured, overtaken)
	row := r.endsAs(t, registrations.Deleted, 3)
	for _, event := range row.History {
		issued, err := time.Parse(time.RFC3339, event.IssuedAt)
		if err != nil || issued.After(time.Now()) {
			t.Errorf("the %s counts as issued at %s: %v", event.RequestType, event.IssuedAt, err)
		}
	}
}

func TestAnEventFromTheFutureCountsAsWhenItCameFirst(t *testing.T) {
	t.Parallel()
	kept := keep(t, "")
	first := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	e := creation(roleArn)
	e.issuedAt, e.at = first.Add(4*time.Minute), first
	for range 2 {
		if o := kept.take(t.Context(), e); o.err != nil {
			t.Fatal(o.err)
		}
		e.at = e.at.Add(time.Minute)
	}
	if r, err := kept.find(t.Context(), e); err != nil || !r.issuedAt.Equal(first) {
		t.Errorf("it counts as issued at %v (%v), want %v", r.issuedAt, err, first)
	}
}

// TestACreateFromTheFutureDoesNotPassADeleteOfItsSecond: both count as issued when they came, and of one second
// a Delete is the last. The clock may strike between the two, so it takes a try or more.
func TestACreateFromTheFutureDoesNotPassADeleteOfItsSecond(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-verify-role=false"})
	const tries = 20
	for try := range tries {
		role := map[string]any{"roleArn": fmt.Sprint(roleArn, try)}
		r.expect(t, deletion(4, role, notRegistered).call(r, time.Now()), notRegistered)
		a := r.send(t, create(4, role, nil).call(r, time.Now()))
		if a.problem.Type == overtaken.Type {
			return
		}
		for _, row := range r.list(t) {
			if events := row.History; len(events) == 2 && events[0].IssuedAt == events[1].IssuedAt {
				t.Fatalf("the Create is answered %v behind a Delete of its second, %s", a, events[0].IssuedAt)
			}
		}
	}
	t.Errorf("in none of %d tries did a Create come in the second of its Delete", tries)
}
