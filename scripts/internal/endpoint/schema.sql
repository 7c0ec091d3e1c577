CREATE TABLE IF NOT EXISTS registrations (
	id          TEXT PRIMARY KEY,
	stack_id    TEXT NOT NULL,
	role_arn    TEXT NOT NULL,
	account_id  TEXT NOT NULL,
	region      TEXT NOT NULL,
	saying      TEXT NOT NULL,    -- what the customer says of the role, as JSON
	previous    TEXT NOT NULL,    -- what it said before the last change, or nothing
	deleted     INTEGER NOT NULL,
	issued_at   INTEGER NOT NULL, -- of the last event that was taken, in Unix seconds
	events      INTEGER NOT NULL, -- how many were taken
	UNIQUE (stack_id, role_arn)
) STRICT;

CREATE TABLE IF NOT EXISTS history (
	registration_id TEXT NOT NULL REFERENCES registrations (id),
	number          INTEGER NOT NULL,
	request         TEXT NOT NULL,    -- the digest of the body: a redelivered event stands here once
	issued_at       INTEGER NOT NULL,
	entry           TEXT NOT NULL,    -- JSON
	PRIMARY KEY (registration_id, number),
	UNIQUE (registration_id, request, issued_at)
) STRICT;
