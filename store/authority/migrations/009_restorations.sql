-- What was restored from a backup, and whether the serials that the world knows
-- and the backup does not have been revoked since. Until they are, nothing is
-- issued.

-- +goose Up
CREATE TABLE restorations (
	n INTEGER PRIMARY KEY,
	archive TEXT NOT NULL,
	taken_at BIGINT NOT NULL,
	restored_at BIGINT NOT NULL,
	seq BIGINT NOT NULL,            -- the record's end in the backup
	reconciled_at BIGINT NOT NULL   -- 0 until then
);
