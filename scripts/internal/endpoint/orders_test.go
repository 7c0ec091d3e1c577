package endpoint

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// step is one event of a resource, and what comes of it.
type step struct {
	requestType string
	minute      int // when CloudFormation issued it
	members     map[string]any
	want        *Problem
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
		"in order":                                       {[]step{{"Create", 1, old, nil}, {"Update", 2, changed, nil}, {"Delete", 3, nil, nil}}, "deleted", 3},
		"each twice":                                     {[]step{{"Create", 1, old, nil}, {"Create", 1, old, nil}, {"Update", 2, changed, nil}, {"Update", 2, changed, nil}, {"Delete", 3, nil, nil}, {"Delete", 3, nil, notRegistered}}, "deleted", 3},
		"the Create late, after the Update":              {[]step{{"Update", 2, changed, nil}, {"Create", 1, old, overtaken}}, "active", 1},
		"the Create late, after the Delete":              {[]step{{"Delete", 3, nil, notRegistered}, {"Create", 1, old, overtaken}}, "deleted", 1},
		"the Create again, after the Delete":             {[]step{{"Create", 1, old, nil}, {"Delete", 3, nil, nil}, {"Create", 1, old, overtaken}}, "deleted", 2},
		"the Update late, after the Delete":              {[]step{{"Create", 1, old, nil}, {"Delete", 3, nil, nil}, {"Update", 2, changed, overtaken}}, "deleted", 2},
		"the Delete late, after a new Create":            {[]step{{"Create", 1, old, nil}, {"Create", 4, changed, nil}, {"Delete", 3, nil, overtaken}}, "active", 2},
		"a Delete of nothing shuts out the Create":       {[]step{{"Delete", 2, nil, notRegistered}, {"Create", 1, old, overtaken}, {"Create", 3, old, nil}}, "active", 2},
		"a later Delete of nothing counts":               {[]step{{"Delete", 1, nil, notRegistered}, {"Delete", 3, nil, notRegistered}, {"Create", 2, old, overtaken}}, "deleted", 2},
		"a Create opens what was deleted":                {[]step{{"Create", 1, old, nil}, {"Delete", 2, nil, nil}, {"Create", 3, old, nil}}, "active", 3},
		"an Update of a row that is not there makes it":  {[]step{{"Update", 1, old, nil}}, "active", 1},
		"an Update of a row that was deleted makes it":   {[]step{{"Create", 1, old, nil}, {"Delete", 2, nil, nil}, {"Update", 3, old, nil}}, "active", 3},
		"an Update that says what the row says":          {[]step{{"Create", 1, old, nil}, {"Update", 2, old, nil}}, "active", 2},
		"a refused Update is taken back":                 {[]step{{"Create", 1, old, nil}, {"Update", 2, m{"ticketId": "closed"}, ticketNotOpen}, {"Update", 3, old, nil}}, "active", 2},
		"an accepted Update is taken back":               {[]step{{"Create", 1, old, nil}, {"Update", 2, changed, nil}, {"Update", 3, old, nil}}, "active", 3},
		"an accepted Update replayed after its rollback": {[]step{{"Create", 1, old, nil}, {"Update", 2, changed, nil}, {"Update", 3, old, nil}, {"Update", 2, changed, overtaken}}, "active", 3},
		"dismissed":                                       {[]step{{"Create", 1, old, nil}, {"Update", 2, m{"ticketId": "1", "access": "dismissed"}, nil}}, "suspended", 2},
		"dismissed, and an older approval comes":          {[]step{{"Create", 1, old, nil}, {"Update", 3, m{"ticketId": "1", "access": "dismissed"}, nil}, {"Update", 2, m{"ticketId": "1"}, overtaken}}, "suspended", 2},
		"dismissed and approved again":                    {[]step{{"Create", 1, old, nil}, {"Update", 2, m{"ticketId": "1", "access": "dismissed"}, nil}, {"Update", 3, m{"ticketId": "1", "access": "approved"}, nil}}, "active", 3},
		"an access that has run out":                      {[]step{{"Create", 1, m{"accessExpires": "2020-01-01T00:00:00Z"}, nil}}, "suspended", 1},
		"a Delete without an external ID":                 {[]step{{"Create", 1, old, nil}, {"Delete", 2, m{"externalId": "xx"}, nil}}, "deleted", 2},
		"a Delete of another role":                        {[]step{{"Create", 1, old, nil}, {"Delete", 2, m{"roleArn": role2}, notRegistered}}, "active", 1},
		"a Delete of what another stack made":             {[]step{{"Create", 1, old, nil}, {"Delete", 2, m{"stackId": stackID + "2"}, notRegistered}}, "active", 1},
		"an Update of what another stack made":            {[]step{{"Create", 1, old, nil}, {"Update", 2, m{"stackId": stackID + "2", "access": "dismissed"}, nil}}, "active", 1},
		"a replacement":                                   {[]step{{"Create", 1, old, nil}, {"Update", 2, m{"roleArn": role2}, nil}, {"Delete", 3, nil, nil}}, "deleted", 2},
		"a replacement is rolled back":                    {[]step{{"Create", 1, old, nil}, {"Update", 2, m{"roleArn": role2}, nil}, {"Update", 3, old, nil}, {"Delete", 4, m{"roleArn": role2}, nil}}, "active", 2},
		"a closed ticket leaves a replacement's new role": {[]step{{"Update", 1, m{"ticketId": "closed"}, ticketNotOpen}, {"Delete", 2, nil, notRegistered}}, "deleted", 1},
		"a Delete with a closed ticket":                   {[]step{{"Create", 1, old, nil}, {"Delete", 2, m{"ticketId": "closed"}, nil}}, "deleted", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := startScripted(t, scripted{}, []string{"-tickets", "1,2"})
			base := time.Now().Add(-time.Hour)
			for _, s := range c.steps {
				r.expect(t, s.call(r, base), s.want)
			}
			rows := r.list(t)
			for _, row := range rows {
				if row.StackID == stackID && row.RoleArn == roleArn && (row.Status != c.status || len(row.History) != c.events) {
					t.Errorf("in the end it is %s after %d events, want %s after %d", row.Status, len(row.History), c.status, c.events)
				}
			}
			if len(rows) == 0 {
				t.Error("there is no row")
			}
		})
	}
}

// TestEveryPermutation sends a Create, an Update and a Delete, each twice, in
// all 90 orders: it always ends deleted, and no event undoes a later one.
func TestEveryPermutation(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-verify-role=false"})
	base := time.Now().Add(-time.Hour)
	events := []step{{requestType: "Create", minute: 1}, {requestType: "Update", minute: 2}, {requestType: "Delete", minute: 3}}
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
	tries(step{"Create", 1, one, nil}, 4)
	tries(step{"Update", 2, map[string]any{"ticketId": "1"}, nil}, 0) // absent is approved
	tries(step{"Update", 3, two, nil}, 4)
	tries(step{"Update", 4, one, nil}, 0)                             // taken back
	tries(step{"Update", 5, map[string]any{"ticketId": "3"}, nil}, 4) // from here on 2 is forgotten
	tries(step{"Update", 6, two, nil}, 4)
	tries(step{"Delete", 7, nil, nil}, 0)
	tries(step{"Update", 8, two, nil}, 4) // a deleted row says nothing
	tries(step{"Update", 9, one, nil}, 4)
	tries(step{"Delete", 10, nil, nil}, 0)
	tries(step{"Create", 11, one, nil}, 4)
	tries(step{"Update", 12, two, nil}, 4) // nor does what it said before it was deleted
}

func TestADeleteInTheMiddleOfAVerificationWins(t *testing.T) {
	t.Parallel()
	for name, issued := range map[string]any{"with the times of CloudFormation": nil, "in the same second": time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)} {
		for _, first := range []string{"Create", "Update"} {
			for _, stood := range []bool{false, true} {
				t.Run(strings.Join([]string{name, first, map[bool]string{true: "of a row", false: "of no row"}[stood]}, ", "), func(t *testing.T) {
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
						r.expect(t, step{"Create", 1, with(map[string]any{"ticketId": "1"}), nil}.call(r, base), nil)
						wantDelete = nil
					}
					slow, answered := step{first, 2, with(map[string]any{"ticketId": "7"}), nil}.call(r, base), make(chan answer, 1)
					go func() {
						a, err := r.try(t, slow)
						if err != nil {
							t.Error(err)
						}
						answered <- a
					}()
					<-verifying
					r.expect(t, step{"Delete", 3, with(map[string]any{}), nil}.call(r, base), wantDelete)
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
	late := step{requestType: "Delete", minute: 59}.call(r, time.Now().Add(-time.Hour))
	r.expect(t, late, overtaken)
	c.at = c.at.Add(-2 * time.Minute)
	r.expect(t, c, overtaken)
	c = r.newCall(somebody, "Delete", nil)
	delete(c.members, "externalId")
	r.expect(t, c, nil)
	r.expect(t, c, notRegistered)
}

func TestAnIssuedAtJustAheadOfTheProofIsTaken(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, nil)
	r.expect(t, step{requestType: "Create", minute: 4}.call(r, time.Now()), nil)
	r.expect(t, step{requestType: "Update", minute: 6}.call(r, time.Now()), issuedInFuture)
}
