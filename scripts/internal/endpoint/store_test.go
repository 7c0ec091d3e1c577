package endpoint

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// database opens the endpoint's file as somebody else.
func database(t *testing.T, file string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the test is over
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func do(t *testing.T, conn *sql.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// keep opens a store, in memory without a file, until the test is over.
func keep(t *testing.T, file string) *store {
	t.Helper()
	kept, err := openStore(t.Context(), file, theLimits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.close() }) // the test is over
	return kept
}

// creation is an event that has passed the checks.
func creation(role string) event {
	return event{
		registration: registration{requestType: "Create", stackID: stackID, roleArn: role, accountID: customer},
		digest:       "a Create of " + role, at: time.Now(), look: registrations.Opens,
	}
}

// TestADatabaseThatSomebodyElseHolds: all callers are told at about the same time,
// and those who only read wait for nobody.
func TestADatabaseThatSomebodyElseHolds(t *testing.T) {
	t.Parallel()
	const patience = 500 * time.Millisecond
	file := filepath.Join(t.TempDir(), "registrations.db")
	r, _ := startScripted(t, scripted{}, []string{"-db", file, "-per-account", "0"}, func(o *options) {
		o.limits.writer = patience
	})
	base := time.Now().Add(-time.Hour)
	r.expect(t, create(2, nil, nil).call(r, base), nil)
	holder := database(t, file)
	do(t, holder, "BEGIN EXCLUSIVE")
	began := time.Now()
	r.expect(t, create(1, nil, nil).call(r, base), overtaken)
	if rows := r.list(t); len(rows) != 1 {
		t.Errorf("rows: %+v", rows)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("reading took %v", took)
	}
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			began := time.Now()
			r.expect(t, create(3, map[string]any{"ticketId": fmt.Sprint(i)}, nil).call(r, base), storageUnavailable)
			// One after another they would wait for twenty seconds.
			if took := time.Since(began); took > 10*patience {
				t.Errorf("a caller waited %v", took)
			}
		})
	}
	all.Wait()
	do(t, holder, "ROLLBACK")
	r.expect(t, create(3, nil, nil).call(r, base), nil)
	r.endsAs(t, registrations.Active, 2)
}

// TestASlowDatabaseLeavesTheClockAlone: its patience is longer than the clock.
func TestASlowDatabaseLeavesTheClockAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "registrations.db")
	r, _ := startScripted(t, scripted{}, []string{"-db", file}, func(o *options) {
		o.limits.writer, o.limits.request = 20*time.Second, time.Second
	})
	holder := database(t, file)
	do(t, holder, "BEGIN IMMEDIATE")
	began := time.Now()
	r.expect(t, r.newCall(somebody, "Create", nil), storageUnavailable)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the answer took %v", took)
	}
	do(t, holder, "ROLLBACK")
}

// TestManyAtOnceEachHaveTheirAnswer: they wait for the database together, and are
// written together. One that is refused takes nothing from the others.
func TestManyAtOnceEachHaveTheirAnswer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "registrations.db")
	const fit, more = 20, 10
	r, sts := startScripted(t, scripted{identify: byAccount}, []string{"-db", file, "-verify-role=false"},
		func(o *options) { o.limits.rows, o.limits.writer = fit, 20*time.Second })
	holder := database(t, file)
	do(t, holder, "BEGIN IMMEDIATE")
	var taken, full atomic.Int64
	var all sync.WaitGroup
	for role := range fit + more {
		all.Go(func() {
			members := map[string]any{"roleArn": fmt.Sprint(roleArn, role)}
			switch a := r.send(t, r.ofAccount(customer, "Create", members)); {
			case a.status == http.StatusOK:
				taken.Add(1)
			case a.problem.Type == accountIsFull.Type:
				full.Add(1)
			default:
				t.Errorf("role %d is answered %v", role, a)
			}
		})
	}
	for sts.identify.Load() < fit+more && !t.Failed() {
		time.Sleep(time.Millisecond)
	}
	do(t, holder, "ROLLBACK")
	all.Wait()
	if taken.Load() != fit || full.Load() != more || len(r.list(t)) != fit {
		t.Errorf("%d were taken, %d refused, and there are %d rows", taken.Load(), full.Load(), len(r.list(t)))
	}
}

func TestAnAccountHasSoManyRows(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{identify: byAccount}, []string{"-verify-role=false"}, func(o *options) {
		o.limits.rows = 3
	})
	send := func(requestType string, role int, want *Problem) {
		t.Helper()
		members := map[string]any{"roleArn": fmt.Sprint(roleArn, role)}
		r.expect(t, r.ofAccount(customer, requestType, members), want)
	}
	send("Create", 1, nil)
	send("Create", 2, nil)
	send("Create", 3, nil)
	send("Create", 4, accountIsFull)
	send("Update", 4, accountIsFull)
	send("Delete", 4, notRegistered) // answered, and not kept
	r.expect(t, r.ofAccount(stranger, "Create", nil), nil)
	if rows := r.list(t); len(rows) != 4 {
		t.Errorf("%d rows", len(rows))
	}
	send("Update", 3, nil)
	send("Delete", 2, nil)
	send("Create", 5, nil) // in the place of 2
	send("Create", 4, accountIsFull)
	send("Delete", 1, nil)
	send("Delete", 6, notRegistered) // in the place of 1
	roles := map[string]string{}
	for _, row := range r.list(t) {
		roles[row.RoleArn[len(row.RoleArn)-1:]] = row.Status
	}
	want := map[string]string{
		"3": registrations.Active, "5": registrations.Active, "6": registrations.Deleted, "F": registrations.Active,
	}
	if fmt.Sprint(roles) != fmt.Sprint(want) {
		t.Errorf("the rows are %v, want %v", roles, want)
	}
}

func TestARowKeepsItsNewestEvents(t *testing.T) {
	t.Parallel()
	r, _ := startScripted(t, scripted{}, []string{"-verify-role=false"}, func(o *options) { o.limits.history = 3 })
	base := time.Now().Add(-time.Hour)
	for minute := 1; minute <= 7; minute++ {
		r.expect(t, create(minute, map[string]any{"ticketId": fmt.Sprint(minute)}, nil).call(r, base), nil)
		r.endsAs(t, registrations.Active, min(minute, 3))
	}
	row := r.endsAs(t, registrations.Active, 3)
	for i, want := range []string{"5", "6", "7"} {
		if row.History[i].TicketID != want {
			t.Errorf("event %d is of ticket %s, want %s", i, row.History[i].TicketID, want)
		}
	}
}

func TestADeletedRowIsForgottenAfterSevenDays(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "registrations.db")
	r, _ := startScripted(t, scripted{}, []string{"-db", file})
	send := func(requestType, role string) {
		t.Helper()
		r.expect(t, r.newCall(somebody, requestType, map[string]any{"roleArn": roleArn + role}), nil)
	}
	for _, role := range []string{"Forgotten", "Kept", "Stands", "Today"} {
		send("Create", role)
	}
	send("Delete", "Forgotten")
	send("Delete", "Kept")
	holder := database(t, file)
	for role, age := range map[string]time.Duration{
		"Forgotten": 7*24*time.Hour + time.Minute, "Kept": 7*24*time.Hour - time.Minute,
		"Stands": 30 * 24 * time.Hour, "Today": 30 * 24 * time.Hour,
	} {
		taken := time.Now().Add(-age).Unix()
		do(t, holder, "UPDATE registrations SET taken_at = ? WHERE role_arn = ?", taken, roleArn+role)
	}
	send("Delete", "Today") // its seven days begin now, however old it is
	again, _ := startScripted(t, scripted{identify: bySession}, []string{"-db", file})
	left := map[string]bool{}
	for _, row := range again.list(t) {
		left[row.RoleArn] = true
	}
	if !left[roleArn+"Kept"] || !left[roleArn+"Stands"] || !left[roleArn+"Today"] || len(left) != 3 {
		t.Errorf("the rows left are %v", left)
	}
	var events int
	err := holder.QueryRowContext(t.Context(), "SELECT count(*) FROM history").Scan(&events)
	if err != nil || events != 5 {
		t.Errorf("%d events are left, %v", events, err)
	}
	// Whom DoiT was let into is not forgotten.
	c := again.newCall(somebody, "Create", map[string]any{"roleArn": roleArn + "New"})
	c.as.AccessKeyID = "ASIADOITSUPPORTROLEFORGOTTEN"
	again.expect(t, c, nil) // the test's own: the name is another one
	do(t, holder, "UPDATE opened SET role_name = 'DOITSUPPORTROLEFORGOTTEN' WHERE role_name LIKE '%Forgotten'")
	again.expect(t, c, fromSupportRole)
}

// TestReadersAndTheWriterAreNotInEachOthersWay reads the list while everybody writes.
func TestReadersAndTheWriterAreNotInEachOthersWay(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{
		"in memory": nil, "on a file": {"-db", filepath.Join(t.TempDir(), "registrations.db")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := startScripted(t, scripted{}, append(flags, "-verify-role=false", "-per-account", "0"))
			var all sync.WaitGroup
			for writer := range 4 {
				all.Go(func() {
					for i := range 10 {
						r.expect(t, r.newCall(somebody, "Create", map[string]any{
							"roleArn": fmt.Sprint(roleArn, writer, "-", i), "issuedAt": "2026-01-01T00:00:00Z",
						}), nil)
						if rows := r.list(t); len(rows) <= i {
							t.Errorf("%d rows after %d Creates", len(rows), i+1)
						}
					}
				})
			}
			all.Wait()
			if rows := r.list(t); len(rows) != 40 {
				t.Errorf("%d rows", len(rows))
			}
		})
	}
}

// TestWhatWasTrueOfAnotherRowIsNotRecorded: between the look at a row and its
// writing somebody changed it, so that the event gives more than was thought.
func TestWhatWasTrueOfAnotherRowIsNotRecorded(t *testing.T) {
	t.Parallel()
	kept := keep(t, "")
	first := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	e := creation(roleArn)
	e.ticketID, e.issuedAt, e.at = "1", first, first
	if o := kept.take(t.Context(), e); o.err != nil {
		t.Fatal(o.err)
	}
	e.requestType, e.ticketID, e.digest = "Update", "2", "an Update"
	for _, e.look = range []registrations.Look{registrations.AsItWas, registrations.Narrowed} {
		if o := kept.take(t.Context(), e); !errors.Is(o.err, storageUnavailable) {
			t.Errorf("what is %q is recorded: %v", e.look, o.err)
		}
	}
}

// TestWhomDoiTIsLetIntoMeanwhileCannotSpeak: between the look at the caller and
// the writing its role was opened.
func TestWhomDoiTIsLetIntoMeanwhileCannotSpeak(t *testing.T) {
	t.Parallel()
	kept := keep(t, "")
	e := creation(roleArn)
	if o := kept.take(t.Context(), e); o.err != nil {
		t.Fatal(o.err)
	}
	e.caller.role, e.roleArn = e.roleName(), roleArn+"2"
	if o := kept.take(t.Context(), e); !errors.Is(o.err, fromSupportRole) {
		t.Errorf("DoiT's own session spoke for the customer: %+v", o)
	}
}

// TestWhoHangsUpIsRecordedAllTheSame: what it asked for is what it wants.
func TestWhoHangsUpIsRecordedAllTheSame(t *testing.T) {
	t.Parallel()
	kept := keep(t, "")
	ctx, hangUp := context.WithTimeout(t.Context(), time.Minute)
	hangUp()
	e := creation(roleArn)
	if o := kept.take(ctx, e); o.err != nil || o.id == "" {
		t.Errorf("who hung up is not recorded: %+v", o)
	}
}

// TestAnEventThatFailsLeavesNothing: the row is written before its history.
func TestAnEventThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "registrations.db")
	r, _ := startScripted(t, scripted{}, []string{"-db", file, "-verify-role=false"})
	do(t, database(t, file), `CREATE TRIGGER full BEFORE INSERT ON history WHEN new.entry LIKE '%"ticketId":"9"%'
		BEGIN SELECT RAISE(ABORT, 'full'); END`)
	r.expect(t, r.newCall(somebody, "Create", map[string]any{"ticketId": "9"}), storageUnavailable)
	if rows := r.list(t); len(rows) != 0 {
		t.Errorf("rows: %+v", rows)
	}
	r.expect(t, r.newCall(somebody, "Create", map[string]any{"ticketId": "1"}), nil)
	r.endsAs(t, registrations.Active, 1)
}

// written are the outcomes of jobs that came at the same time.
func written(kept *store, jobs []job) []outcome {
	var told []chan outcome
	for i := range jobs {
		done := make(chan outcome, 1)
		jobs[i].done = done
		told = append(told, done)
	}
	kept.together(jobs)
	var outcomes []outcome
	for _, done := range told {
		outcomes = append(outcomes, <-done)
	}
	return outcomes
}

// TestAnEventThatFailsTakesNothingFromTheOthers of those that are written together.
func TestAnEventThatFailsTakesNothingFromTheOthers(t *testing.T) {
	t.Parallel()
	const nobody = `CREATE TABLE nobody (id INTEGER PRIMARY KEY);
		CREATE TABLE children (id INTEGER REFERENCES nobody (id) DEFERRABLE INITIALLY DEFERRED);`
	const trigger = `CREATE TRIGGER fails AFTER INSERT ON history WHEN new.entry LIKE '%"ticketId":"1"%' BEGIN `
	for when, statements := range map[string]string{
		"at once":       trigger + `SELECT RAISE(ABORT, 'full'); END`,
		"in the COMMIT": nobody + trigger + `INSERT INTO children VALUES (1); END`,
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "registrations.db")
			kept := keep(t, file)
			do(t, database(t, file), statements)
			var jobs []job
			for i := range 5 {
				e := creation(fmt.Sprint(roleArn, i))
				e.ticketID = fmt.Sprint(i)
				jobs = append(jobs, job{event: e, ctx: t.Context(), since: time.Now()})
			}
			for i, o := range written(kept, jobs) {
				if fails := i == 1; (o.err != nil) != fails || (o.id == "") != fails {
					t.Errorf("event %d: %+v", i, o)
				}
			}
			p, err := kept.list(t.Context(), "", mostListed, time.Now())
			if err != nil || p.count != 4 || len(p.rows) != 4 {
				t.Errorf("there are %d rows, %v", p.count, err)
			}
		})
	}
}

// TestWhoCameLaterWaitsNoLonger than the first one of those that are written
// together, while somebody else holds the database.
func TestWhoCameLaterWaitsNoLonger(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "registrations.db")
	kept := keep(t, file)
	kept.limits.writer = time.Hour
	do(t, database(t, file), "BEGIN IMMEDIATE")
	var jobs []job
	for i, since := range []time.Duration{2 * time.Hour, 0, 0} {
		e := creation(fmt.Sprint(roleArn, i))
		jobs = append(jobs, job{event: e, ctx: t.Context(), since: time.Now().Add(-since)})
	}
	told := make(chan []outcome, 1)
	go func() { told <- written(kept, jobs) }()
	select {
	case outcomes := <-told:
		for i, o := range outcomes {
			if !busy(o.err) {
				t.Errorf("event %d: %+v", i, o)
			}
		}
	case <-time.After(time.Minute):
		t.Error("an hour's patience begins again")
	}
}

// TestWhoseTimeIsOverTakesNothingFromTheOthers of the events that are written together.
func TestWhoseTimeIsOverTakesNothingFromTheOthers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "registrations.db")
	kept := keep(t, file)
	over, end := context.WithCancel(t.Context())
	end()
	var jobs []job
	for i, ctx := range []context.Context{over, t.Context()} {
		jobs = append(jobs, job{event: creation(fmt.Sprint(roleArn, i)), ctx: ctx, since: time.Now()})
	}
	holder := database(t, file)
	do(t, holder, "BEGIN IMMEDIATE")
	time.AfterFunc(writerRetry, func() {
		if _, err := holder.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
	})
	outcomes := written(kept, jobs)
	if !errors.Is(outcomes[0].err, context.Canceled) || outcomes[0].id != "" {
		t.Errorf("whose time is over is recorded: %+v", outcomes[0])
	}
	if outcomes[1].err != nil || outcomes[1].id == "" {
		t.Errorf("who has time is not recorded: %+v", outcomes[1])
	}
	p, err := kept.list(t.Context(), "", mostListed, time.Now())
	if err != nil || p.count != 1 {
		t.Errorf("there are %d rows, %v", p.count, err)
	}
}

func TestTheRowThatWasDeletedFirstMakesRoom(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "registrations.db")
	flags := []string{"-db", file, "-verify-role=false"}
	r, _ := startScripted(t, scripted{}, flags, func(o *options) { o.limits.rows = 3 })
	send := func(requestType, role string) {
		t.Helper()
		r.expect(t, r.newCall(somebody, requestType, map[string]any{"roleArn": roleArn + role}), nil)
	}
	holder := database(t, file)
	for role, ago := range map[string]time.Duration{"a": time.Minute, "b": time.Hour, "c": time.Second} {
		send("Create", role)
		send("Delete", role)
		taken := time.Now().Add(-ago).Unix()
		do(t, holder, "UPDATE registrations SET taken_at = ? WHERE role_arn = ?", taken, roleArn+role)
	}
	send("Create", "d")
	for _, row := range r.list(t) {
		if row.RoleArn == roleArn+"b" {
			t.Error("another row than the oldest made room")
		}
	}
}

// TestADeleteForgetsBothExternalIDs: the one that the row says, and the one that it said before. SQLite would leave
// either in its file, until something else is written there.
func TestADeleteForgetsBothExternalIDs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "registrations.db")
	sts := countSTS(t, scripted{})
	process, r := startProcess(t, "-sts", sts.url, "-db", file, "-verify-role=false")
	base := time.Now().Add(-time.Hour)
	const rows = 20 // some pages of the file
	event := func(at int, requestType func(int, map[string]any, *Problem) step, externalID string) {
		for row := range rows {
			members := map[string]any{"roleArn": fmt.Sprint(roleArn, row), "externalId": fmt.Sprint(externalID, row)}
			r.expect(t, requestType(at, members, nil).call(r, base), nil)
		}
	}
	event(1, create, "the-former-one-")
	event(2, update, "the-last-one-of-all-")
	event(3, deletion, "the-last-one-of-all-")
	r.http.CloseIdleConnections()
	end(t, process, syscall.SIGTERM)
	kept, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(kept, []byte(roleArn)) {
		t.Errorf("the database has no row, %v", err)
	}
	for _, forgotten := range []string{"the-former-one", "the-last-one"} {
		if left := bytes.Count(kept, []byte(forgotten)); left > 0 {
			t.Errorf("%s stands in the file %d times", forgotten, left)
		}
	}
	if _, err := os.Stat(file + "-wal"); err == nil {
		t.Error("its log is left")
	}
}

// TestTheDatabaseIsItsOwnersAlone, where whoever starts the endpoint has forbidden nothing to new files.
func TestTheDatabaseIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "registrations.db")
	sts := countSTS(t, scripted{})
	process := program(t, "-sts", sts.url, "-db", file, "-verify-role=false")
	process.Path = "/bin/sh"
	process.Args = append([]string{"sh", "-c", `umask 0 && exec "$0" "$@"`}, process.Args...)
	r := startProgram(t, process)
	r.expect(t, r.newCall(somebody, "Create", nil), nil)
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		about, err := os.Stat(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if mode := about.Mode(); mode != 0o600 {
			t.Errorf("%s is %v", filepath.Base(name), mode)
		}
	}
}
