package endpoint

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// record takes an event into its row, in a transaction. The row is looked at
// again first: since it was seen, other events may have come.
func (s *store) record(ctx context.Context, tx transaction, e event) (id string, gone bool, err error) {
	r, err := find(ctx, tx, e)
	if err != nil {
		return "", false, err
	}
	if err := r.stillTakes(e); err != nil {
		return "", false, err
	}
	gone = e.deletes() && !r.stands()
	if r.repeats() {
		return r.id, gone, nil
	}
	if r.events == 0 {
		made, err := s.makeRoom(ctx, tx, e.accountID)
		if err != nil {
			return "", false, err
		}
		if !made && gone {
			return "", true, nil
		}
		if !made {
			return "", false, accountIsFull
		}
		// The time first: what is written together then stands together in the indexes, on
		// a few pages of the disk.
		r.id = strconv.FormatInt(e.at.UnixNano(), 36) + rand.Text()
	}
	r.apply(e)
	return r.id, gone, s.writeEvent(ctx, tx, e, r)
}

// stillTakes tells whether what was found out of an event holds for the row as it is now.
func (r row) stillTakes(e event) error {
	if r.callerOpened {
		return fromSupportRole
	}
	if r.overtakes(e) {
		return overtaken
	}
	if e.look != registrations.AsItWas && e.look != registrations.Narrowed {
		return nil
	}
	if _, sure := r.unlooked(e); !sure {
		return storageUnavailable // somebody changed it meanwhile: the next try looks at the role
	}
	return nil
}

// makeRoom sees that an account has fewer rows than it may have; the oldest
// deleted one makes room.
func (s *store) makeRoom(ctx context.Context, tx transaction, account string) (made bool, err error) {
	var rows int
	if err := tx.QueryRowContext(ctx, countRows, account).Scan(&rows); err != nil {
		return false, fmt.Errorf("count the registrations of an account: %w", err)
	}
	if rows < s.limits.rows {
		return true, nil
	}
	removed, err := tx.ExecContext(ctx, `
		DELETE FROM registrations WHERE id = (
			SELECT id FROM registrations WHERE account_id = ? AND deleted ORDER BY taken_at, id LIMIT 1)`, account)
	if err != nil {
		return false, fmt.Errorf("make room for a registration: %w", err)
	}
	count, err := removed.RowsAffected()
	return count > 0, err
}

// writeEvent writes the row, the event, and which role it opened.
func (s *store) writeEvent(ctx context.Context, tx transaction, e event, r row) error {
	type part func(context.Context, transaction, event, row) error
	for _, write := range []part{writeRow, s.writeHistory, s.writeOpened} {
		if err := write(ctx, tx, e, r); err != nil {
			return fmt.Errorf("write registration %s: %w", r.id, err)
		}
	}
	return nil
}

func writeRow(ctx context.Context, tx transaction, e event, r row) error {
	now, err := json.Marshal(r.now)
	if err != nil {
		return err
	}
	var before []byte
	if r.before != nil {
		if before, err = json.Marshal(r.before); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, putRow,
		r.id, e.accountID, e.roleArn, e.stackID, e.region,
		string(now), string(before), r.deleted, r.issuedAt.Unix(), e.at.Unix(), r.events)
	return err
}

func (s *store) writeHistory(ctx context.Context, tx transaction, e event, r row) error {
	entry, err := json.Marshal(registrations.Event{
		At: e.at.UTC().Format(time.RFC3339), RequestType: e.requestType, RequestID: e.requestID,
		IssuedAt: r.issuedAt.Format(time.RFC3339), TicketID: e.ticketID,
		Access: e.access, AccessExpires: e.accessExpires, TemplateVersion: e.templateVersion,
		ClaimedAccount: e.accountID, ProvedAccount: e.caller.account, Caller: e.caller.arn, Role: e.look,
	})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, putHistory, r.id, r.events, e.key(), string(entry))
	if err != nil || r.events <= s.limits.history {
		return err
	}
	_, err = tx.ExecContext(ctx, cutHistory, r.id, r.events-s.limits.history)
	return err
}

// writeOpened remembers the role, where the row lets DoiT in.
func (s *store) writeOpened(ctx context.Context, tx transaction, e event, r row) error {
	if r.now.status(r.deleted, e.at) != registrations.Active {
		return nil
	}
	var number int
	err := tx.QueryRowContext(ctx, putOpened, e.accountID, e.roleName()).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // it is there
	}
	if err != nil || number <= s.limits.opened {
		return err
	}
	_, err = tx.ExecContext(ctx, cutOpened, e.accountID, number-s.limits.opened)
	return err
}
