-- Issuing CAs of earlier systems whose certificates the authority succeeds.
-- Their certificates are pairs like all others: issuer is the predecessor's
-- name, evidence_kind 'import', entitlement the pair's own id; the papers are
-- empty but for the names, and a single certificate has an empty enc.

-- +goose Up
CREATE TABLE predecessors (
	n INTEGER PRIMARY KEY,
	name TEXT NOT NULL,           -- as in pairs.issuer
	certificate BLOB NOT NULL,    -- of its issuing CA
	crl TEXT NOT NULL,            -- addresses; '' for none
	ocsp TEXT NOT NULL,
	evidence BLOB NOT NULL,       -- the last Takeover that two officers signed
	added_at BIGINT NOT NULL,
	withdrawn_at BIGINT NOT NULL  -- 0 while its certificates are succeeded
);
CREATE UNIQUE INDEX predecessors_name ON predecessors (name);

-- The last CRL of each, in parts so that no row is too large to store. Its
-- signature is checked again by whoever relies on it.
CREATE TABLE predecessor_lists (
	n INTEGER PRIMARY KEY,
	predecessor TEXT NOT NULL,
	digest BLOB NOT NULL,        -- SM3 of the whole
	number TEXT NOT NULL,        -- cRLNumber in hex; '' for none
	this_update BIGINT NOT NULL, -- never falls
	next_update BIGINT NOT NULL,
	tag TEXT NOT NULL,           -- ETag and Last-Modified of where it was fetched
	modified TEXT NOT NULL,
	fetched_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX predecessor_lists_predecessor ON predecessor_lists (predecessor);
CREATE TABLE predecessor_list_parts (
	n INTEGER PRIMARY KEY,
	predecessor TEXT NOT NULL,
	part BIGINT NOT NULL,
	bytes BLOB NOT NULL
);
CREATE UNIQUE INDEX predecessor_list_parts_part ON predecessor_list_parts (predecessor, part);

-- Serials of open cases that a responder is to be asked about, and what it said.
CREATE TABLE predecessor_questions (
	n INTEGER PRIMARY KEY,
	predecessor TEXT NOT NULL,
	serial TEXT NOT NULL,
	asked_at BIGINT NOT NULL,    -- when somebody last wanted to know
	answer BLOB,                 -- OCSPResponse; NULL until there is one
	this_update BIGINT NOT NULL
);
CREATE UNIQUE INDEX predecessor_questions_serial ON predecessor_questions (predecessor, serial);
CREATE INDEX predecessor_questions_asked ON predecessor_questions (predecessor, asked_at);

-- What is exported for the earlier system.
CREATE INDEX pairs_of_predecessors ON pairs (issuer, superseded_at) WHERE evidence_kind = 'import' AND superseded_at <> 0;
