package endpoint

import (
	"time"

	"github.com/doitintl/aws-ro-access/scripts/internal/registrations"
)

// saying is what an Update can change.
type saying struct {
	ExternalID    string `json:"externalId"`
	TicketID      string `json:"ticketId"`
	Access        string `json:"access"`
	AccessExpires string `json:"accessExpires"`
}

// ended tells whether the access is dismissed or has run out.
func (s saying) ended(now time.Time) bool {
	if s.Access == "dismissed" {
		return true
	}
	expires, err := utcTime(s.AccessExpires)
	return err == nil && !expires.IsZero() && !now.Before(expires)
}

// narrowedBy tells whether other is the same access with an earlier end, or with
// one where there was none.
func (s saying) narrowedBy(other saying) bool {
	was, err := utcTime(s.AccessExpires)
	if err != nil {
		return false
	}
	becomes, err := utcTime(other.AccessExpires)
	if err != nil || becomes.IsZero() {
		return false
	}
	earlier := was.IsZero() || becomes.Before(was)
	s.AccessExpires = other.AccessExpires
	return earlier && s == other
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

// event is a registration that passed the checks, ready to be recorded.
type event struct {
	registration
	digest string    // of the body
	proved time.Time // when its proof was made
	caller identity  // who STS says sent it
	at     time.Time // when it came
	look   registrations.Look
	id     string // of the row
}

// issued is the second that orders the event. One that claims to come from the
// future counts as issued when it came, or it would shut out all that follow it.
func (e event) issued() time.Time {
	at := e.issuedAt
	if !e.dated() {
		at = e.proved
	}
	if at.After(e.at) {
		at = e.at
	}
	return at.Truncate(time.Second)
}

// key knows the event when it comes again. The tries of a dated event are the
// same bytes; an event without a date is another one with each proof.
func (e event) key() string {
	if e.dated() {
		return e.digest
	}
	return e.digest + "@" + e.proved.Format(amzDate)
}

func (e event) saying() saying {
	return saying{
		ExternalID: e.externalID, TicketID: e.ticketID, Access: e.access, AccessExpires: e.accessExpires,
	}
}

func (e event) deletes() bool { return e.requestType == "Delete" }

// row is a registration as it is recorded.
type row struct {
	id       string
	now      saying
	before   *saying // what it said before its last change, where there was one
	deleted  bool
	issuedAt time.Time
	events   int // 0: there is no such row
	known    int // the number of the event that asks, where the history has it already

	callerOpened bool // DoiT was let into the role that sent the event
}

func (r row) stands() bool { return r.events > 0 && !r.deleted }

// repeats tells whether the event is the last one that the row took.
func (r row) repeats() bool { return r.known > 0 && r.known == r.events }

// overtakes tells whether the row has taken a later event. Times have whole
// seconds: of one second, a Delete is the last, and what is known already came
// before what was taken since.
func (r row) overtakes(e event) bool {
	switch at := e.issued(); {
	case r.events == 0 || r.repeats():
		return false
	case r.known > 0:
		return true
	case at.Equal(r.issuedAt):
		return r.deleted && !e.deletes()
	default:
		return at.Before(r.issuedAt)
	}
}

// saysOrSaid tells whether an event brings nothing new: CloudFormation takes an
// update back by sending again what was said before it.
func (r row) saysOrSaid(s saying) bool {
	said := r.before != nil && *r.before == s
	return r.stands() && (r.now == s || said)
}

// unlooked tells what of an event is known without asking for its ticket and
// looking at its role. Nothing is, where it gives more than there was.
func (r row) unlooked(e event) (known registrations.Look, sure bool) {
	said, update := e.saying(), e.requestType == "Update"
	switch {
	case e.deletes():
		return "", true
	case said.ended(e.at):
		return registrations.Ended, true
	case update && r.saysOrSaid(said):
		return registrations.AsItWas, true
	case update && r.stands() && r.now.narrowedBy(said):
		return registrations.Narrowed, true
	}
	return "", false
}

// narrows tells whether an event ends an access or brings its end forward.
func (e event) narrows() bool {
	return e.deletes() || e.look == registrations.Ended || e.look == registrations.Narrowed
}

// apply turns the row into what it is after the event.
func (r *row) apply(e event) {
	said := e.saying()
	switch {
	case r.events == 0, r.deleted && !e.deletes():
		r.now, r.before = said, nil
	case e.deletes():
		r.before = nil
	case r.now != said:
		before := r.now
		r.now, r.before = said, &before
	}
	if r.deleted = e.deletes(); r.deleted {
		r.now.ExternalID = ""
	}
	r.issuedAt = e.issued()
	r.events++
}
