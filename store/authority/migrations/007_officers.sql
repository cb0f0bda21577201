-- What officers need: since when a member of staff is retired, and ways to find
-- pairs and what belongs to a case.

-- +goose Up
-- staff.at is when the certificate was given, and stays.
ALTER TABLE staff ADD COLUMN retired_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE staff ADD COLUMN reason BIGINT NOT NULL DEFAULT 0; -- CRLReason once retired
UPDATE staff SET retired_at = at, reason = 9 WHERE state = 'retired';

-- Searches page by (what is searched, n).
CREATE INDEX pairs_by_organisation ON pairs (organisation, n);
CREATE INDEX pairs_by_key_number ON pairs (key_number, n);
CREATE INDEX pairs_by_subject ON pairs (subject COLLATE BINARY, n);
CREATE INDEX pairs_by_end ON pairs (not_after, n) WHERE state = 'current';
CREATE INDEX cases_by_lineage ON cases (lineage);
CREATE INDEX records_of_case ON records (case_id, n) WHERE case_id <> '';
