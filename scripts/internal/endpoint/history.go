package endpoint

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// record writes the row and the event, in one transaction.
func record(ctx context.Context, tx *sql.Tx, e event, r row) error {
	var before []byte
	now, err := json.Marshal(r.now)
	if err != nil {
		return fmt.Errorf("write registration %s: %w", r.id, err)
	}
	if r.before != nil {
		if before, err = json.Marshal(r.before); err != nil {
			return fmt.Errorf("write registration %s: %w", r.id, err)
		}
	}
	happened, err := json.Marshal(registrations.Event{
		At: e.at.UTC().Format(time.RFC3339), RequestType: e.requestType, RequestID: e.requestID,
		IssuedAt: e.issuedAt.Format(time.RFC3339), TicketID: e.ticketID, Access: e.access, AccessExpires: e.accessExpires,
		TemplateVersion: e.templateVersion, ClaimedAccount: e.accountID, ProvedAccount: e.caller.account, Caller: e.caller.arn, Role: e.role,
	})
	if err != nil {
		return fmt.Errorf("write registration %s: %w", r.id, err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO registrations (id, stack_id, role_arn, account_id, region, saying, previous, deleted, issued_at, events)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (stack_id, role_arn) DO UPDATE SET saying = excluded.saying, previous = excluded.previous,
			deleted = excluded.deleted, issued_at = excluded.issued_at, events = excluded.events`,
		r.id, e.stackID, e.roleArn, e.accountID, e.region, string(now), string(before), r.deleted, r.issuedAt.Unix(), r.events)
	if err != nil {
		return fmt.Errorf("write registration %s: %w", r.id, err)
	}
	_, err = tx.ExecContext(ctx, `INSERT OR IGNORE INTO history (registration_id, number, request, issued_at, entry) VALUES (?, ?, ?, ?, ?)`,
		r.id, r.events, e.digest, e.issuedAt.Unix(), string(happened))
	if err != nil {
		return fmt.Errorf("write the history of registration %s: %w", r.id, err)
	}
	return nil
}

// list returns all registrations by account, each with its history.
func (s *store) list(ctx context.Context, now time.Time) (all []registrations.Registration, err error) {
	all = []registrations.Registration{}
	err = s.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		histories, err := histories(ctx, tx)
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT id, account_id, region, stack_id, role_arn, saying, deleted FROM registrations ORDER BY account_id, role_arn, stack_id`)
		if err != nil {
			return fmt.Errorf("list registrations: %w", err)
		}
		defer func() { _ = rows.Close() }() // rows.Err tells
		for rows.Next() {
			var l registrations.Registration
			var text string
			var said saying
			var deleted bool
			if err := rows.Scan(&l.RegistrationID, &l.AccountID, &l.Region, &l.StackID, &l.RoleArn, &text, &deleted); err != nil {
				return fmt.Errorf("list registrations: %w", err)
			}
			if err := json.Unmarshal([]byte(text), &said); err != nil {
				return fmt.Errorf("list registrations: %w", err)
			}
			l.ExternalID, l.TicketID, l.Access, l.AccessExpires = said.ExternalID, said.TicketID, said.Access, said.AccessExpires
			l.Status, l.History = said.status(deleted, now), histories[l.RegistrationID]
			all = append(all, l)
		}
		return rows.Err()
	})
	return all, err
}

func histories(ctx context.Context, tx *sql.Tx) (map[string][]registrations.Event, error) {
	rows, err := tx.QueryContext(ctx, `SELECT registration_id, entry FROM history ORDER BY registration_id, number`)
	if err != nil {
		return nil, fmt.Errorf("list histories: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	all := map[string][]registrations.Event{}
	for rows.Next() {
		var id, text string
		var happened registrations.Event
		if err := rows.Scan(&id, &text); err != nil {
			return nil, fmt.Errorf("list histories: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &happened); err != nil {
			return nil, fmt.Errorf("list histories: %w", err)
		}
		all[id] = append(all[id], happened)
	}
	return all, rows.Err()
}

// status is derived and not stored: an access that ends by its date ends without an event.
func (s saying) status(deleted bool, now time.Time) string {
	switch {
	case deleted:
		return registrations.Deleted
	case s.ended(now):
		return registrations.Suspended
	}
	return registrations.Active
}

// ended tells whether the access is dismissed or has run out.
func (s saying) ended(now time.Time) bool {
	if s.Access == "dismissed" {
		return true
	}
	expires, err := utcTime(s.AccessExpires)
	return err == nil && !expires.IsZero() && !now.Before(expires)
}
