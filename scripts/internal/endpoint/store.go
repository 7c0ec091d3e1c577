package endpoint

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

//go:embed schema.sql
var schema string

// store keeps one row for a stack and a role, and what happened to it.
type store struct {
	db *sql.DB
}

// saying is what an Update can change.
type saying struct {
	ExternalID    string `json:"externalId"`
	TicketID      string `json:"ticketId"`
	Access        string `json:"access"`
	AccessExpires string `json:"accessExpires"`
}

// row is a registration as it is recorded.
type row struct {
	id       string
	now      saying
	before   *saying // what it said before its last change, where there was one
	deleted  bool
	issuedAt time.Time
	events   int // 0: there is no such row
}

// event is a registration that passed the checks, ready to be recorded.
type event struct {
	registration
	digest string   // of the body
	caller identity // who STS says sent it
	at     time.Time
	role   registrations.Look
	id     string // of the row
}

// openStore opens a file, or memory without one.
func openStore(ctx context.Context, file string) (*store, error) {
	name := ":memory:"
	if file != "" {
		// SQLite would make it readable for everybody; external IDs stand in it.
		f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- the operator names the file
		if err != nil {
			return nil, fmt.Errorf("open the database: %w", err)
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("open the database: %w", err)
		}
		name = (&url.URL{Path: file}).EscapedPath()
	}
	// FULL: an answer of 200 means that the row is on the disk.
	db, err := sql.Open("sqlite", "file:"+name+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db.SetMaxOpenConns(1) // memory belongs to one connection, and a file has one writer anyway
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the database %s: %w", name, err), db.Close())
	}
	return &store{db}, nil
}

// transact runs one transaction to its end, also when the caller has hung up: to
// break it off would save nothing and cost memory its only connection.
func (s *store) transact(ctx context.Context, work func(context.Context, *sql.Tx) error) error {
	ctx = context.WithoutCancel(ctx)
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	if err := work(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (s *store) find(ctx context.Context, stackID, roleArn string) (row, error) {
	return find(context.WithoutCancel(ctx), s.db, stackID, roleArn)
}

// querier is a transaction, or none.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func find(ctx context.Context, from querier, stackID, roleArn string) (row, error) {
	var (
		found       row
		now, before string
		issuedAt    int64
		query       = `SELECT id, saying, previous, deleted, issued_at, events FROM registrations WHERE stack_id = ? AND role_arn = ?`
		err         = from.QueryRowContext(ctx, query, stackID, roleArn).Scan(&found.id, &now, &before, &found.deleted, &issuedAt, &found.events)
	)
	if errors.Is(err, sql.ErrNoRows) {
		return row{}, nil
	}
	if err != nil {
		return row{}, fmt.Errorf("find a registration: %w", err)
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

// take records an event and returns the registration's ID. The row is looked at
// again first: since it was seen, other events may have come.
func (s *store) take(ctx context.Context, e event, seen row) (id string, gone bool, err error) {
	err = s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		current, err := find(ctx, tx, e.stackID, e.roleArn)
		if err != nil {
			return err
		}
		deletedMeanwhile := current.deleted && current.events != seen.events
		if current.overtakes(e) || deletedMeanwhile && e.requestType != "Delete" {
			return overtaken
		}
		if e.role == registrations.AsItWas && !current.saysOrSaid(e.saying()) {
			return storageUnavailable // somebody changed it meanwhile: the next try looks at the role
		}
		gone = e.requestType == "Delete" && !current.stands()
		current.apply(e)
		id = current.id
		return record(ctx, tx, e, current)
	})
	return id, gone, err
}

// overtakes tells whether the row has taken a later event. Times have whole
// seconds, so an event of the same one is not late.
func (r row) overtakes(e event) bool { return r.events > 0 && e.issuedAt.Before(r.issuedAt) }

func (r row) stands() bool { return r.events > 0 && !r.deleted }

// saysOrSaid tells whether an event brings nothing new: CloudFormation takes an
// update back by sending again what was said before it.
func (r row) saysOrSaid(s saying) bool {
	return r.stands() && (r.now == s || r.before != nil && *r.before == s)
}

// apply turns the row into what it is after the event.
func (r *row) apply(e event) {
	said := e.saying()
	switch {
	case r.events == 0:
		r.id, r.now = rand.Text(), said
	case e.requestType == "Delete":
	case r.deleted:
		r.now, r.before = said, nil
	case r.now != said:
		before := r.now
		r.now, r.before = said, &before
	}
	r.deleted = e.requestType == "Delete"
	r.issuedAt = e.issuedAt
	r.events++
}

func (e event) saying() saying {
	return saying{e.externalID, e.ticketID, e.access, e.accessExpires}
}
