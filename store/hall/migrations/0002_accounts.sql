-- +goose Up
ALTER TABLE persons ADD COLUMN user_name TEXT NOT NULL DEFAULT ''; -- as it was chosen
ALTER TABLE persons ADD COLUMN name_key TEXT NOT NULL DEFAULT ''; -- as it is compared
ALTER TABLE persons ADD COLUMN password TEXT NOT NULL DEFAULT ''; -- Argon2id; '' is none of his own
ALTER TABLE persons ADD COLUMN last_login_at BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX persons_name_key ON persons (name_key) WHERE name_key <> '';

-- who has logged in, until he leaves or stays away
CREATE TABLE visits (
    session           TEXT PRIMARY KEY,
    person            TEXT NOT NULL REFERENCES persons (id),
    must_set_password BOOLEAN NOT NULL,
    started_at        BIGINT NOT NULL,
    seen_at           BIGINT NOT NULL
);
CREATE INDEX visits_person ON visits (person);
CREATE INDEX visits_started ON visits (started_at);

-- what may be tried so often an hour: a row for each name, address or person it counts for
CREATE TABLE tries (
    id      TEXT NOT NULL,
    subject TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (id, subject)
);
CREATE INDEX tries_subject ON tries (subject, at);
CREATE INDEX tries_at ON tries (at);

-- what was answered to requests with an idempotency key
CREATE TABLE answers (
    session TEXT NOT NULL,
    key     TEXT NOT NULL,
    input   BLOB NOT NULL,
    owner   TEXT NOT NULL,
    leased  BIGINT NOT NULL,
    body    BLOB,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (session, key)
);
CREATE INDEX answers_made ON answers (made_at);

-- what is swept with every code
CREATE INDEX codes_sent ON codes (sent_at);
CREATE INDEX proofs_until ON proofs (until);

-- names are locked without a row each, see sqldb.Tx.Lock
DROP TABLE counters;

-- +goose Down
CREATE TABLE counters (
    name TEXT PRIMARY KEY
);
DROP INDEX proofs_until;
DROP INDEX codes_sent;
DROP TABLE answers;
DROP TABLE tries;
DROP TABLE visits;
DROP INDEX persons_name_key;
ALTER TABLE persons DROP COLUMN last_login_at;
ALTER TABLE persons DROP COLUMN password;
ALTER TABLE persons DROP COLUMN name_key;
ALTER TABLE persons DROP COLUMN user_name;
