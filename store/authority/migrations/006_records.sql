-- Checkpoints of the record, and what becomes of personal data once its time
-- is over.

-- +goose Up
-- What the notary signed: the chain's hash at a number. Numbers only grow, and
-- there is one for each.
CREATE TABLE checkpoints (
	n INTEGER PRIMARY KEY,
	number BIGINT NOT NULL,
	hash BLOB NOT NULL,
	at BIGINT NOT NULL,
	signed BLOB NOT NULL
);
CREATE UNIQUE INDEX checkpoints_number ON checkpoints (number); -- ◆

-- When a pair's names, request, evidence and certificates were erased; 0 while
-- they stand.
ALTER TABLE pairs ADD COLUMN erased_at BIGINT NOT NULL DEFAULT 0;
