package endpoint

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// errNoSuchRow is about a page that begins behind a registration that is not there.
var errNoSuchRow = errors.New("no such registration")

// page is a part of the list, by account and role.
type page struct {
	rows []registrations.Registration
	next bool // there are more
}

// list reads at most limit registrations, those behind the one given, each with
// its history. A page has a connection of its own, and nobody waits for it.
func (s *store) list(ctx context.Context, after string, limit int, now time.Time) (page, error) {
	var from struct{ account, role, stack string }
	if after != "" {
		query := `SELECT account_id, role_arn, stack_id FROM registrations WHERE id = ?`
		err := s.readers.QueryRowContext(ctx, query, after).Scan(&from.account, &from.role, &from.stack)
		if errors.Is(err, sql.ErrNoRows) {
			return page{}, errNoSuchRow
		}
		if err != nil {
			return page{}, fmt.Errorf("list registrations: %w", err)
		}
	}
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, account_id, region, stack_id, role_arn, saying, deleted, (
			SELECT json_group_array(json(entry)) FROM (
				SELECT entry FROM history WHERE registration_id = id ORDER BY number))
		FROM registrations WHERE (account_id, role_arn, stack_id) > (?, ?, ?)
		ORDER BY account_id, role_arn, stack_id LIMIT ?`,
		from.account, from.role, from.stack, limit+1)
	if err != nil {
		return page{}, fmt.Errorf("list registrations: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	p := page{rows: []registrations.Registration{}}
	for rows.Next() {
		if len(p.rows) == limit {
			p.next = true
			break
		}
		one, err := scan(rows, now)
		if err != nil {
			return page{}, fmt.Errorf("list registrations: %w", err)
		}
		p.rows = append(p.rows, one)
	}
	return p, rows.Err()
}

func scan(rows *sql.Rows, now time.Time) (r registrations.Registration, err error) {
	var (
		text, history string
		said          saying
		deleted       bool
	)
	if err := rows.Scan(
		&r.RegistrationID, &r.AccountID, &r.Region, &r.StackID, &r.RoleArn, &text, &deleted, &history,
	); err != nil {
		return r, err
	}
	err = errors.Join(json.Unmarshal([]byte(text), &said), json.Unmarshal([]byte(history), &r.History))
	r.ExternalID, r.TicketID, r.Access, r.AccessExpires = said.ExternalID, said.TicketID, said.Access, said.AccessExpires
	r.Status = said.status(deleted, now)
	return r, err
}
