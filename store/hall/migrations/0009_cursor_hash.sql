-- +goose Up
-- the hash of the authority's chain at the event that was followed last: with
-- another hash under that number, the authority was restored from a backup
ALTER TABLE cursors ADD COLUMN hash BLOB;

-- +goose Down
ALTER TABLE cursors DROP COLUMN hash;
