-- The authority's rows. Written for SQLite; store/sqldb says what PostgreSQL
-- reads instead. Times are milliseconds since 1970, 0 where nothing has
-- happened yet. Text ids lie in an index beside the rows, never clustered.
-- There are no foreign keys: nothing is ever deleted, and fsck checks what
-- points where. What carries the sign ◆ keeps a rule of the protocol.

-- +goose Up
CREATE TABLE lineages (
	n INTEGER PRIMARY KEY,
	id TEXT NOT NULL,
	added_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX lineages_id ON lineages (id);

CREATE TABLE cases (
	n INTEGER PRIMARY KEY,
	id TEXT NOT NULL,
	service TEXT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'closed')),
	lineage TEXT NOT NULL,   -- '' for apply until its first intent
	old_pair TEXT NOT NULL,  -- '' for apply
	opened_at BIGINT NOT NULL,
	ended_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX cases_id ON cases (id);
CREATE INDEX cases_of_lineage ON cases (lineage) WHERE state = 'open';
CREATE INDEX cases_by_age ON cases (opened_at) WHERE state = 'open';

CREATE TABLE attempts (
	n INTEGER PRIMARY KEY,
	case_id TEXT NOT NULL,
	number BIGINT NOT NULL CHECK (number >= 1),
	standing TEXT NOT NULL CHECK (standing IN ('open', 'acknowledged', 'void')),
	opened_at BIGINT NOT NULL,
	nonce BLOB NOT NULL,     -- of the live ticket
	expiry BIGINT NOT NULL,
	ticket BLOB
);
CREATE UNIQUE INDEX attempts_case_id_number ON attempts (case_id, number);
CREATE UNIQUE INDEX attempts_case_id_open ON attempts (case_id) WHERE standing = 'open'; -- ◆

-- A pair's row holds what is searched and what changes; papers holds what is
-- written once with the intent, certificates what is written once when issued.
-- The three share n.
CREATE TABLE pairs (
	n INTEGER PRIMARY KEY,
	id TEXT NOT NULL,
	lineage TEXT NOT NULL CHECK (lineage <> ''),
	case_id TEXT NOT NULL,
	attempt BIGINT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('intended', 'issued', 'current', 'superseded', 'revoked', 'void')),
	suspended BOOLEAN NOT NULL DEFAULT FALSE,
	given_up BOOLEAN NOT NULL DEFAULT FALSE,
	subject TEXT NOT NULL,
	organisation TEXT NOT NULL,
	project TEXT NOT NULL,
	profile TEXT NOT NULL,
	term_years BIGINT NOT NULL,
	key_number TEXT NOT NULL,
	key_serial TEXT NOT NULL,
	sign_serial TEXT NOT NULL,
	enc_serial TEXT NOT NULL,
	not_before BIGINT NOT NULL,
	not_after BIGINT NOT NULL,
	entitlement TEXT NOT NULL,
	old_pair TEXT NOT NULL,
	old_serial TEXT NOT NULL,
	disposal TEXT NOT NULL,
	evidence_kind TEXT NOT NULL,
	key_digest BLOB NOT NULL,
	request_digest BLOB NOT NULL,
	intended_at BIGINT NOT NULL,
	issued_at BIGINT NOT NULL DEFAULT 0,
	acknowledged_at BIGINT NOT NULL DEFAULT 0,
	superseded_at BIGINT NOT NULL DEFAULT 0,
	grace_ends BIGINT NOT NULL DEFAULT 0,
	retired_at BIGINT NOT NULL DEFAULT 0,
	revoked_at BIGINT NOT NULL DEFAULT 0,
	reason BIGINT NOT NULL DEFAULT 0,
	receipt BLOB
);
CREATE UNIQUE INDEX pairs_id ON pairs (id);
CREATE INDEX pairs_of_lineage ON pairs (lineage);
CREATE UNIQUE INDEX pairs_lineage_current ON pairs (lineage) WHERE state = 'current';                  -- ◆
CREATE UNIQUE INDEX pairs_lineage_coming ON pairs (lineage) WHERE state IN ('intended', 'issued');     -- ◆
CREATE UNIQUE INDEX pairs_entitlement ON pairs (entitlement) WHERE state <> 'void';                    -- ◆
CREATE UNIQUE INDEX pairs_case_id_attempt ON pairs (case_id, attempt) WHERE NOT given_up;              -- ◆
CREATE INDEX pairs_unsigned ON pairs (id) WHERE state = 'intended';
CREATE INDEX pairs_in_grace ON pairs (grace_ends) WHERE state = 'superseded';

CREATE TABLE papers (
	n INTEGER PRIMARY KEY,
	subject_der BLOB NOT NULL,
	identity_der BLOB,
	request BLOB NOT NULL,
	evidence BLOB NOT NULL,
	sign_tbs BLOB NOT NULL,
	enc_tbs BLOB NOT NULL,
	envelope BLOB NOT NULL,
	nonce BLOB NOT NULL,
	sealed_nonce BLOB NOT NULL
);

CREATE TABLE certificates (
	n INTEGER PRIMARY KEY,
	sign BLOB NOT NULL,
	enc BLOB NOT NULL
);

-- Every serial the authority ever gave away, of both certificates of a pair
-- and of its staff.
CREATE TABLE serials (
	n INTEGER PRIMARY KEY,
	serial TEXT NOT NULL,
	pair TEXT NOT NULL  -- '' for staff
);
CREATE UNIQUE INDEX serials_serial ON serials (serial); -- ◆

-- The escrow: encryption keys, sealed to a key that is unsealed only to recover.
CREATE TABLE escrow (
	n INTEGER PRIMARY KEY, -- of the pair
	sealed BLOB NOT NULL
);

CREATE TABLE staff (
	n INTEGER PRIMARY KEY,
	serial TEXT NOT NULL,
	role TEXT NOT NULL,
	name TEXT NOT NULL,
	key_digest BLOB NOT NULL,
	tbs BLOB NOT NULL,
	certificate BLOB,
	evidence BLOB,
	state TEXT NOT NULL CHECK (state IN ('intended', 'active', 'retired')),
	at BIGINT NOT NULL
);
CREATE UNIQUE INDEX staff_serial ON staff (serial);

CREATE TABLE nonces (
	n INTEGER PRIMARY KEY,
	nonce BLOB NOT NULL,
	used_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX nonces_nonce ON nonces (nonce);

-- The record. n is the order of writing; seq and hash are given after commit,
-- by one sequencer, because rows written first may be committed last.
CREATE TABLE records (
	n INTEGER PRIMARY KEY,
	seq BIGINT,
	at BIGINT NOT NULL,
	kind TEXT NOT NULL,
	case_id TEXT NOT NULL,
	attempt BIGINT NOT NULL,
	lineage TEXT NOT NULL,
	pair TEXT NOT NULL,
	salt BLOB NOT NULL,
	data BLOB,
	digest BLOB NOT NULL,
	hash BLOB
);
CREATE UNIQUE INDEX records_seq ON records (seq) WHERE seq IS NOT NULL;
CREATE INDEX records_waiting ON records (n) WHERE seq IS NULL;
CREATE INDEX records_of_suspensions ON records (at) WHERE kind = 'suspended';

-- The end of the chain: the row that the sequencer locks.
CREATE TABLE chain (
	n INTEGER PRIMARY KEY CHECK (n = 1),
	seq BIGINT NOT NULL,
	hash BLOB
);
INSERT INTO chain (n, seq) VALUES (1, 0);
