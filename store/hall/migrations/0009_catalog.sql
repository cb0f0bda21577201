-- +goose Up
-- versions of the catalogue, each whole; the highest counts
CREATE TABLE catalogs (
    version  BIGINT PRIMARY KEY,
    at       BIGINT NOT NULL,
    operator TEXT NOT NULL,
    reason   TEXT NOT NULL,
    document TEXT NOT NULL -- TOML
);

CREATE TABLE pictures (
    digest TEXT PRIMARY KEY, -- SHA-256 in hex
    kind   TEXT NOT NULL,    -- content type
    body   BLOB NOT NULL
);

-- what a version's document calls its pictures
CREATE TABLE catalog_pictures (
    version BIGINT NOT NULL REFERENCES catalogs (version),
    name    TEXT NOT NULL,
    digest  TEXT NOT NULL REFERENCES pictures (digest),
    PRIMARY KEY (version, name)
);

-- +goose Down
DROP TABLE catalog_pictures;
DROP TABLE pictures;
DROP TABLE catalogs;
