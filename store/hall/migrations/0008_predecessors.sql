-- +goose Up
ALTER TABLE handlers ADD COLUMN name TEXT NOT NULL DEFAULT ''; -- as the earlier system wrote it
ALTER TABLE cases ADD COLUMN delay_params TEXT NOT NULL DEFAULT ''; -- values of what delays the case, JSON; '' for none

-- +goose Down
ALTER TABLE cases DROP COLUMN delay_params;
ALTER TABLE handlers DROP COLUMN name;
