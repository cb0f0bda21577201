-- What the authority needs once others rely on it: several issuing CAs, and
-- serials that live in the world but not here.

-- +goose Up
-- The name of the issuing CA: "issuing" signs with SM2; others stand beside it.
ALTER TABLE pairs ADD COLUMN issuer TEXT NOT NULL DEFAULT 'issuing';
-- What status has to tell of: everything revoked, void or held.
CREATE INDEX pairs_not_good ON pairs (issuer, n) WHERE state IN ('revoked', 'void') OR suspended;

-- Serials that were given away according to somebody trustworthy (a published
-- status answer, a checkpoint's journal, an operator's list), but whose pairs
-- were lost with the database: revoked for good, never given away again.
CREATE TABLE lost_serials (
	n INTEGER PRIMARY KEY,
	issuer TEXT NOT NULL,
	serial TEXT NOT NULL,
	revoked_at BIGINT NOT NULL,
	reason BIGINT NOT NULL
);
CREATE UNIQUE INDEX lost_serials_serial ON lost_serials (serial);
