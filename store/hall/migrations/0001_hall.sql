-- +goose Up
CREATE TABLE persons (
    id      TEXT PRIMARY KEY,
    phone   TEXT NOT NULL UNIQUE,
    made_at BIGINT NOT NULL
);

CREATE TABLE handlers (
    lineage TEXT NOT NULL,
    person  TEXT NOT NULL REFERENCES persons (id),
    source  TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (lineage, person)
);

-- rows to lock while sends and tries are counted
CREATE TABLE counters (
    name TEXT PRIMARY KEY
);

CREATE TABLE codes (
    id      TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    phone   TEXT NOT NULL,
    address TEXT NOT NULL,
    digest  BLOB NOT NULL,
    sent_at BIGINT NOT NULL,
    tries   BIGINT NOT NULL,
    used    BOOLEAN NOT NULL
);
CREATE INDEX codes_phone ON codes (phone, sent_at);
CREATE INDEX codes_address ON codes (address, sent_at);

CREATE TABLE proofs (
    session TEXT NOT NULL,
    phone   TEXT NOT NULL,
    until   BIGINT NOT NULL,
    PRIMARY KEY (session, phone)
);

-- nonces that were used
CREATE TABLE nonces (
    nonce   BLOB PRIMARY KEY,
    expires BIGINT NOT NULL
);
CREATE INDEX nonces_expires ON nonces (expires);

CREATE TABLE tokens (
    session TEXT PRIMARY KEY,
    case_id TEXT NOT NULL UNIQUE,
    expires BIGINT NOT NULL
);

CREATE TABLE entitlements (
    id      TEXT PRIMARY KEY,
    case_id TEXT NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('open', 'spent', 'freed')),
    made_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX entitlements_case ON entitlements (case_id);

CREATE TABLE cases (
    id              TEXT PRIMARY KEY,
    version         BIGINT NOT NULL,
    service         TEXT NOT NULL,
    state           TEXT NOT NULL,
    busy            BOOLEAN NOT NULL,
    lineage         TEXT NOT NULL,
    serial          TEXT NOT NULL,
    opened_at       BIGINT NOT NULL,
    attempt         BIGINT NOT NULL,
    attempt_rank    BIGINT NOT NULL,
    acknowledged    BOOLEAN NOT NULL,
    new_serial      TEXT NOT NULL,
    acknowledged_at BIGINT NOT NULL,
    suspended       BOOLEAN NOT NULL,
    held_seq        BIGINT NOT NULL,
    closed_there    BOOLEAN NOT NULL,
    identified      BOOLEAN NOT NULL,
    project         TEXT NOT NULL,
    profile         TEXT NOT NULL,
    term_years      BIGINT NOT NULL,
    disposal        TEXT NOT NULL,
    key_serial      TEXT NOT NULL,
    phone           TEXT NOT NULL,
    phone_proved    BOOLEAN NOT NULL,
    entitlement     TEXT NOT NULL,
    request         BLOB,
    evidence        BLOB,
    installed       BOOLEAN NOT NULL,
    untestable      BOOLEAN NOT NULL,
    acknowledgement BLOB,
    claiming        BOOLEAN NOT NULL,
    claim           BLOB,
    lost            BOOLEAN NOT NULL,
    errands         TEXT NOT NULL,
    make_room       BOOLEAN NOT NULL,
    closing         BLOB,
    delay           TEXT NOT NULL,
    problem         TEXT NOT NULL
);
-- one case that leads to a new pair occupies a lineage
CREATE UNIQUE INDEX cases_lineage_busy ON cases (lineage) WHERE busy;
CREATE INDEX cases_serial ON cases (serial);
CREATE UNIQUE INDEX cases_new_serial ON cases (new_serial) WHERE new_serial <> '';

CREATE TABLE journal (
    case_id TEXT NOT NULL REFERENCES cases (id),
    version BIGINT NOT NULL,
    kind    TEXT NOT NULL,
    at      BIGINT NOT NULL,
    data    TEXT NOT NULL,
    PRIMARY KEY (case_id, version)
);

-- projection of the authority's events: may be emptied and followed anew
CREATE TABLE certificates (
    pair_id      TEXT PRIMARY KEY,
    seq          BIGINT NOT NULL,
    lineage      TEXT NOT NULL,
    case_id      TEXT NOT NULL,
    attempt      BIGINT NOT NULL,
    state        TEXT NOT NULL,
    suspended    BOOLEAN NOT NULL,
    subject      TEXT NOT NULL,
    organisation TEXT NOT NULL,
    project      TEXT NOT NULL,
    profile      TEXT NOT NULL,
    term_years   BIGINT NOT NULL,
    key_number   TEXT NOT NULL,
    key_serial   TEXT NOT NULL,
    sign_serial  TEXT NOT NULL,
    enc_serial   TEXT NOT NULL,
    not_before   BIGINT NOT NULL,
    not_after    BIGINT NOT NULL,
    entitlement  TEXT NOT NULL
);
CREATE INDEX certificates_lineage ON certificates (lineage);
CREATE INDEX certificates_sign_serial ON certificates (sign_serial);

CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    seq  BIGINT NOT NULL
);
INSERT INTO cursors (name, seq) VALUES ('authority', 0);

CREATE TABLE outbox (
    key      TEXT PRIMARY KEY,
    phone    TEXT NOT NULL,
    template TEXT NOT NULL,
    vars     TEXT NOT NULL,
    at       BIGINT NOT NULL
);
CREATE INDEX outbox_at ON outbox (at);

-- +goose Down
DROP TABLE outbox;
DROP TABLE cursors;
DROP TABLE certificates;
DROP TABLE journal;
DROP TABLE cases;
DROP TABLE entitlements;
DROP TABLE tokens;
DROP TABLE nonces;
DROP TABLE proofs;
DROP TABLE codes;
DROP TABLE counters;
DROP TABLE handlers;
DROP TABLE persons;
