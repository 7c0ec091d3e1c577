CREATE TABLE IF NOT EXISTS registrations (
	id         TEXT PRIMARY KEY,
	account_id TEXT NOT NULL,
	role_arn   TEXT NOT NULL,
	stack_id   TEXT NOT NULL,
	region     TEXT NOT NULL,
	saying     TEXT NOT NULL,    -- what the customer says of the role, as JSON
	previous   TEXT NOT NULL,    -- what it said before the last change, or nothing
	deleted    INTEGER NOT NULL,
	issued_at  INTEGER NOT NULL, -- of the last event that was taken, in Unix seconds
	taken_at   INTEGER NOT NULL, -- when that was, by the endpoint's clock
	events     INTEGER NOT NULL, -- how many were taken
	UNIQUE (account_id, role_arn, stack_id)
) STRICT;

CREATE INDEX IF NOT EXISTS forgettable ON registrations (taken_at) WHERE deleted;

CREATE TABLE IF NOT EXISTS history (
	registration_id TEXT NOT NULL REFERENCES registrations (id) ON DELETE CASCADE,
	number          INTEGER NOT NULL,
	request         TEXT NOT NULL, -- which event it was: an event that comes again is known by it
	entry           TEXT NOT NULL, -- JSON
	PRIMARY KEY (registration_id, number),
	UNIQUE (registration_id, request)
) STRICT, WITHOUT ROWID;

-- The roles that DoiT was ever let into. Whoever is in them cannot speak for the
-- customer; no deleted or forgotten registration takes a role from here.
CREATE TABLE IF NOT EXISTS opened (
	account_id TEXT NOT NULL,
	role_name  TEXT NOT NULL COLLATE NOCASE, -- IAM's names differ by more than case
	number     INTEGER NOT NULL,             -- counts the account's roles
	PRIMARY KEY (account_id, role_name),
	UNIQUE (account_id, number)
) STRICT, WITHOUT ROWID;
