package endpoint

import (
	"context"
	"database/sql"
	"fmt"
)

// What each registration asks of the database. To prepare it takes SQLite longer
// than to do it, so it is prepared once a connection.
const (
	findRow = `
		SELECT EXISTS (SELECT 1 FROM opened WHERE account_id = ?1 AND role_name = ?2),
			coalesce(id, ''), coalesce(saying, ''), coalesce(previous, ''), coalesce(deleted, 0),
			coalesce(issued_at, 0), coalesce(events, 0),
			coalesce((SELECT number FROM history WHERE registration_id = id AND request = ?5), 0)
		FROM (SELECT 1) LEFT JOIN registrations ON account_id = ?1 AND role_arn = ?3 AND stack_id = ?4`
	countRows = `SELECT count(*) FROM registrations WHERE account_id = ?`
	putRow    = `
		INSERT INTO registrations (id, account_id, role_arn, stack_id, region,
			saying, previous, deleted, issued_at, taken_at, events)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET saying = excluded.saying, previous = excluded.previous,
			deleted = excluded.deleted, issued_at = excluded.issued_at, taken_at = excluded.taken_at,
			events = excluded.events`
	putHistory = `INSERT INTO history (registration_id, number, request, entry) VALUES (?, ?, ?, ?)`
	cutHistory = `DELETE FROM history WHERE registration_id = ? AND number <= ?`
	putOpened  = `
		INSERT INTO opened (account_id, role_name, number)
		SELECT ?1, ?2, coalesce(max(number), 0) + 1 FROM opened WHERE account_id = ?1
		ON CONFLICT DO NOTHING RETURNING number`
	cutOpened = `DELETE FROM opened WHERE account_id = ? AND number <= ?`
)

// preparedDB is a database that has its statements ready.
type preparedDB struct {
	*sql.DB
	ready map[string]*sql.Stmt
}

func (d *preparedDB) prepare(ctx context.Context, statements ...string) error {
	d.ready = map[string]*sql.Stmt{}
	for _, text := range statements {
		statement, err := d.PrepareContext(ctx, text) // closed with the database
		if err != nil {
			return fmt.Errorf("prepare %q: %w", text, err)
		}
		d.ready[text] = statement
	}
	return nil
}

func (d *preparedDB) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	if statement, ok := d.ready[text]; ok {
		return statement.QueryRowContext(ctx, args...)
	}
	return d.DB.QueryRowContext(ctx, text, args...)
}

// transaction is one of a database, with its statements.
type transaction struct {
	*sql.Tx
	ready map[string]*sql.Stmt
}

func (t transaction) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if statement, ok := t.ready[text]; ok {
		return t.StmtContext(ctx, statement).ExecContext(ctx, args...)
	}
	return t.Tx.ExecContext(ctx, text, args...)
}

func (t transaction) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	if statement, ok := t.ready[text]; ok {
		return t.StmtContext(ctx, statement).QueryRowContext(ctx, args...)
	}
	return t.Tx.QueryRowContext(ctx, text, args...)
}
