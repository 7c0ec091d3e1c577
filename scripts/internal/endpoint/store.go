package endpoint

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed schema.sql
var schema string

const (
	schemaVersion = 3 // changes with schema.sql
	mostReaders   = 64
	writerRetry   = 20 * time.Millisecond
	gatherTime    = 10 * time.Millisecond // for others, before a transaction begins
	forgotten     = 7 * 24 * time.Hour    // a deleted row, after its last event
)

// store keeps one row for a stack and a role, and what happened to it. One
// goroutine writes; readers have connections of their own and wait for nobody.
type store struct {
	limits          limits
	readers, writer *preparedDB
	jobs            chan job
	written         chan struct{} // closed when the last job is done
}

// openStore opens a file, or memory without one.
func openStore(ctx context.Context, file string, most limits) (_ *store, err error) {
	s := &store{limits: most, jobs: make(chan job), written: make(chan struct{})}
	if file == "" {
		// Memory belongs to one connection. Nobody keeps it for long: there is no disk
		// to wait for, and the list is read in pieces.
		s.writer, err = connect(":memory:", "_txlock=immediate", 1)
		s.readers = s.writer
	} else {
		err = s.openFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the database %s: %w", file, err), s.closeAll())
	}
	go s.write()
	return s, nil
}

// openFile lets readers and the writer have connections of their own: with a
// write-ahead log they see what is committed, and wait for nobody.
func (s *store) openFile(file string) (err error) {
	if err := createPrivately(file); err != nil {
		return err
	}
	path := (&url.URL{Path: file}).EscapedPath()
	// FULL: an answer of 200 means that the row is on the disk. And what a row said before is not left behind in it.
	writing := "_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)"
	if s.writer, err = connect(path, writing, 1); err != nil {
		return err
	}
	if s.readers, err = connect(path, "_pragma=query_only(1)", mostReaders); err != nil {
		return errors.Join(err, s.writer.Close())
	}
	return nil
}

func connect(path, settings string, most int) (*preparedDB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=foreign_keys(1)&"+settings)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return &preparedDB{DB: db}, nil
}

// createPrivately makes the file for its owner alone. SQLite would make it
// readable for everybody, and external IDs stand in it.
func createPrivately(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- the operator names the file
	if err != nil {
		return err
	}
	return f.Close()
}

// prepare makes the tables, and finds out whether the database can be written.
func (s *store) prepare(ctx context.Context) error {
	if err := s.makeTables(ctx); err != nil {
		return err
	}
	err := s.writer.prepare(ctx, findRow, countRows, putRow, putHistory, cutHistory, putOpened, cutOpened)
	if err != nil || s.readers == s.writer {
		return err
	}
	return s.readers.prepare(ctx, findRow)
}

func (s *store) makeTables(ctx context.Context) error {
	return s.transact(ctx, time.Now(), func(ctx context.Context, tx transaction) error {
		var tables, version int
		query := `SELECT (SELECT count(*) FROM sqlite_master), user_version FROM pragma_user_version`
		if err := tx.QueryRowContext(ctx, query).Scan(&tables, &version); err != nil {
			return err
		}
		if tables > 0 && version != schemaVersion {
			return fmt.Errorf("its schema is version %d and not %d; name another file", version, schemaVersion)
		}
		_, err := tx.ExecContext(ctx, schema+fmt.Sprintf("PRAGMA user_version = %d;", schemaVersion))
		return err
	})
}

func (s *store) close() error {
	close(s.jobs)
	<-s.written
	return s.closeAll()
}

func (s *store) closeAll() error { return errors.Join(s.readers.Close(), s.writer.Close()) }

// transact runs one transaction to its end, once it has begun. While somebody
// else holds the database it tries again, until its patience is over.
func (s *store) transact(ctx context.Context, since time.Time, work func(context.Context, transaction) error) error {
	began := context.WithoutCancel(ctx)
	tx, err := s.writer.BeginTx(began, nil)
	for busy(err) && time.Since(since) < s.limits.writer && ctx.Err() == nil {
		time.Sleep(writerRetry)
		tx, err = s.writer.BeginTx(began, nil)
	}
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", errors.Join(err, ctx.Err()))
	}
	if err := work(began, transaction{tx, s.writer.ready}); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func busy(err error) bool {
	var told *sqlite.Error
	return errors.As(err, &told) && told.Code()&0xff == sqlite3.SQLITE_BUSY
}

// find reads the row that an event is about, and what is known of its caller.
func (s *store) find(ctx context.Context, e event) (row, error) {
	return find(ctx, s.readers, e)
}

// querier is a transaction, or none.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func find(ctx context.Context, from querier, e event) (row, error) {
	var (
		found       row
		now, before string
		issuedAt    int64
	)
	err := from.QueryRowContext(ctx, findRow, e.accountID, e.caller.role, e.roleArn, e.stackID, e.key()).Scan(
		&found.callerOpened, &found.id, &now, &before, &found.deleted, &issuedAt, &found.events, &found.known)
	if err != nil {
		return row{}, fmt.Errorf("find a registration: %w", err)
	}
	if found.events == 0 {
		return found, nil
	}
	found.issuedAt = time.Unix(issuedAt, 0).UTC()
	if err := json.Unmarshal([]byte(now), &found.now); err != nil {
		return row{}, fmt.Errorf("read registration %s: %w", found.id, err)
	}
	if before != "" {
		if err := json.Unmarshal([]byte(before), &found.before); err != nil {
			return row{}, fmt.Errorf("read registration %s: %w", found.id, err)
		}
	}
	return found, nil
}

// job is an event on its way to the database.
type job struct {
	event
	ctx   context.Context
	since time.Time
	done  chan<- outcome
}

// outcome is what became of it.
type outcome struct {
	id   string
	gone bool // there was nothing to delete
	err  error
}

// take records an event, unless its time is over before. A caller who hangs up
// changes nothing: what it asked for is what it wants.
func (s *store) take(ctx context.Context, e event) outcome {
	if end, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(context.WithoutCancel(ctx), end)
		defer cancel()
	}
	done := make(chan outcome, 1)
	select {
	case s.jobs <- job{event: e, ctx: ctx, since: time.Now(), done: done}:
	case <-ctx.Done():
		return outcome{err: fmt.Errorf("wait for the writer: %w", ctx.Err())}
	}
	select {
	case o := <-done:
		return o
	case <-ctx.Done():
		return outcome{err: fmt.Errorf("write a registration: %w", ctx.Err())}
	}
}

// write does the jobs: all that come within a moment in one transaction, since to
// have it on the disk takes longer than all the rest. Nobody is answered before.
func (s *store) write() {
	defer close(s.written)
	for first := range s.jobs {
		s.together(s.gather(first))
	}
}

// gather waits a moment for other jobs to come along. There are no more of them
// than connections.
func (s *store) gather(first job) []job {
	jobs := []job{first}
	for over := time.After(gatherTime); ; {
		select {
		case j, open := <-s.jobs:
			if !open {
				return jobs
			}
			jobs = append(jobs, j)
		case <-over:
			return jobs
		}
	}
}

// together records the jobs' events, each in its turn. One that is refused changes
// nothing. Where one fails, each half has a transaction of its own, and so on until
// it fails alone.
func (s *store) together(jobs []job) {
	outcomes := make([]outcome, len(jobs))
	begun := false
	// While somebody else holds the database all wait for as long as the first one may. Then those
	// who came later are told too, or those behind them would wait for one after another.
	err := s.transact(context.Background(), jobs[0].since, func(ctx context.Context, tx transaction) error {
		begun = true
		for i, j := range jobs {
			o := &outcomes[i]
			if o.err = j.ctx.Err(); o.err != nil { // its caller was told so
				continue
			}
			o.id, o.gone, o.err = s.record(ctx, tx, j.event)
			var refusal *Problem
			if o.err != nil && !errors.As(o.err, &refusal) {
				return o.err
			}
		}
		return nil
	})
	if half := len(jobs) / 2; err != nil && begun && half > 0 {
		s.together(jobs[:half])
		s.together(jobs[half:])
		return
	}
	for i, j := range jobs {
		if err != nil { // nothing of it is on the disk
			outcomes[i] = outcome{err: err}
		}
		j.done <- outcomes[i]
	}
}

// forget removes what was deleted long ago.
func (s *store) forget(ctx context.Context, now time.Time) error {
	return s.transact(ctx, time.Now(), func(ctx context.Context, tx transaction) error {
		_, err := tx.ExecContext(ctx,
			`DELETE FROM registrations WHERE deleted AND taken_at < ?`, now.Add(-forgotten).Unix())
		return err
	})
}
