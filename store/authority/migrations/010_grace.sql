-- How long the old pair counts beside the new one.

-- +goose Up
ALTER TABLE cases ADD COLUMN grace BIGINT NOT NULL DEFAULT 0; -- milliseconds; 0: as the authority's policy says
