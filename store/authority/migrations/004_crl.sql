-- Publishing CRLs. A signed CRL lies here in parts, so that every node serves
-- it, also one without a key, and no row is ever too large to store.

-- +goose Up
-- Since when a pair is on hold; 0 while it is not.
ALTER TABLE pairs ADD COLUMN suspended_at BIGINT NOT NULL DEFAULT 0;

-- What changed the status of certificates, by number: whether a CRL is out of
-- date is read here and never counted over the pairs.
CREATE INDEX records_of_status ON records (seq)
	WHERE kind IN ('revoked', 'retired', 'voided', 'suspended', 'resumed', 'staff-retired', 'serials-lost');

-- The CRLs that can be had: the last two of every issuer.
CREATE TABLE crls (
	n INTEGER PRIMARY KEY,
	issuer TEXT NOT NULL,
	number BIGINT NOT NULL,      -- cRLNumber: only grows
	this_update BIGINT NOT NULL, -- never falls
	next_update BIGINT NOT NULL,
	made_at BIGINT NOT NULL,     -- by the clock of the node that made it
	ended BIGINT NOT NULL,       -- entries whose certificate ended, and that were told, before this are left out
	seen BIGINT NOT NULL,        -- number of the last record that it tells of
	entries BIGINT NOT NULL,
	size BIGINT NOT NULL,        -- bytes
	digest BLOB NOT NULL         -- SHA-256 of the whole
);
CREATE UNIQUE INDEX crls_issuer_number ON crls (issuer, number);

CREATE TABLE crl_parts (
	n INTEGER PRIMARY KEY,
	issuer TEXT NOT NULL,
	number BIGINT NOT NULL,
	part BIGINT NOT NULL,        -- from 0
	bytes BLOB NOT NULL          -- all but the last of one length
);
CREATE UNIQUE INDEX crl_parts_issuer_number_part ON crl_parts (issuer, number, part);

-- Whose turn it is to make an issuer's next CRL. The number is given out with
-- the turn; only the turn that was given out last can publish.
CREATE TABLE crl_turns (
	n INTEGER PRIMARY KEY,
	issuer TEXT NOT NULL,
	number BIGINT NOT NULL,
	holder TEXT NOT NULL,
	until BIGINT NOT NULL
);
CREATE UNIQUE INDEX crl_turns_issuer ON crl_turns (issuer);
