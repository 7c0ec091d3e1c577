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
	rows  []registrations.Registration
	next  bool // there are more
	count int  // of all registrations
}

// listedAtOnce is how many rows are read before somebody else has a turn.
const listedAtOnce = 50

// list reads at most limit registrations, those behind the one given, each with
// its history.
func (s *store) list(ctx context.Context, after string, limit int, now time.Time) (page, error) {
	from, err := s.place(ctx, after)
	if err != nil {
		return page{}, fmt.Errorf("list registrations: %w", err)
	}
	p := page{rows: []registrations.Registration{}}
	if err := s.readers.QueryRowContext(ctx, `SELECT count(*) FROM registrations`).Scan(&p.count); err != nil {
		return page{}, fmt.Errorf("count registrations: %w", err)
	}
	for {
		most := min(listedAtOnce, limit+1-len(p.rows))
		piece, err := s.piece(ctx, from, most, now)
		if err != nil {
			return page{}, fmt.Errorf("list registrations: %w", err)
		}
		p.rows = append(p.rows, piece...)
		if len(p.rows) > limit {
			p.rows, p.next = p.rows[:limit], true
			return p, nil
		}
		if len(piece) < most {
			return p, nil
		}
		last := piece[most-1]
		from = place{account: last.AccountID, role: last.RoleArn, stack: last.StackID}
	}
}

// place is where a registration stands in the list.
type place struct{ account, role, stack string }

func (s *store) place(ctx context.Context, id string) (at place, err error) {
	if id == "" {
		return place{}, nil
	}
	query := `SELECT account_id, role_arn, stack_id FROM registrations WHERE id = ?`
	err = s.readers.QueryRowContext(ctx, query, id).Scan(&at.account, &at.role, &at.stack)
	if errors.Is(err, sql.ErrNoRows) {
		return place{}, errNoSuchRow
	}
	return at, err
}

func (s *store) piece(ctx context.Context, from place, most int, now time.Time) ([]registrations.Registration, error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, account_id, region, stack_id, role_arn, saying, deleted, (
			SELECT json_group_array(json(entry)) FROM (
				SELECT entry FROM history WHERE registration_id = id ORDER BY number))
		FROM registrations WHERE (account_id, role_arn, stack_id) > (?, ?, ?)
		ORDER BY account_id, role_arn, stack_id LIMIT ?`,
		from.account, from.role, from.stack, most)
	if err != nil {
		return nil, err
	}
	var raw []stored
	for rows.Next() {
		var one stored
		err := rows.Scan(&one.RegistrationID, &one.AccountID, &one.Region, &one.StackID, &one.RoleArn,
			&one.saying, &one.deleted, &one.history)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		raw = append(raw, one)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	// From here on others may read.
	var piece []registrations.Registration
	for _, one := range raw {
		r, err := one.registration(now)
		if err != nil {
			return nil, err
		}
		piece = append(piece, r)
	}
	return piece, nil
}

// stored is a registration as it comes from the database.
type stored struct {
	registrations.Registration
	saying, history []byte
	deleted         bool
}

func (s stored) registration(now time.Time) (registrations.Registration, error) {
	var said saying
	if err := json.Unmarshal(s.saying, &said); err != nil {
		return registrations.Registration{}, err
	}
	r := s.Registration
	r.ExternalID, r.TicketID = said.ExternalID, said.TicketID
	r.Access, r.AccessExpires = said.Access, said.AccessExpires
	r.Status = said.status(s.deleted, now)
	return r, json.Unmarshal(s.history, &r.History)
}
