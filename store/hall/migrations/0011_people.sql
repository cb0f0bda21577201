-- +goose Up
ALTER TABLE persons ADD COLUMN real_name TEXT NOT NULL DEFAULT ''; -- as he wrote it
ALTER TABLE persons ADD COLUMN mail TEXT NOT NULL DEFAULT ''; -- proved
ALTER TABLE persons ADD COLUMN phone_at BIGINT NOT NULL DEFAULT 0; -- since when he has this phone; 0: since there is an account
ALTER TABLE persons ADD COLUMN phone_unproved BOOLEAN NOT NULL DEFAULT FALSE; -- an administrator set it

-- who belongs to an organisation
CREATE TABLE members (
    organisation TEXT NOT NULL,
    person       TEXT NOT NULL REFERENCES persons (id),
    role         TEXT NOT NULL CHECK (role IN ('administrator', 'handler')),
    source       TEXT NOT NULL,
    made_at      BIGINT NOT NULL,
    PRIMARY KEY (organisation, person)
);
CREATE INDEX members_person ON members (person);

-- phones whose owners become members when they log in
CREATE TABLE invitations (
    id           TEXT PRIMARY KEY,
    organisation TEXT NOT NULL,
    phone        TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('administrator', 'handler')),
    made_at      BIGINT NOT NULL,
    UNIQUE (organisation, phone)
);
CREATE INDEX invitations_phone ON invitations (phone);

-- log-ins that succeeded, and that were refused; person is '' where the name was nobody's
CREATE TABLE logins (
    id      TEXT PRIMARY KEY,
    person  TEXT NOT NULL,
    at      BIGINT NOT NULL,
    way     TEXT NOT NULL,
    refused TEXT NOT NULL, -- code of the error; '' for none
    address TEXT NOT NULL,
    browser TEXT NOT NULL,
    system  TEXT NOT NULL
);
CREATE INDEX logins_person ON logins (person, at);
CREATE INDEX logins_at ON logins (at);

-- where a visit comes from; id is what it is called by
ALTER TABLE visits ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE visits ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE visits ADD COLUMN browser TEXT NOT NULL DEFAULT '';
ALTER TABLE visits ADD COLUMN system TEXT NOT NULL DEFAULT '';

-- asked for by somebody whom the hall did not know
ALTER TABLE codes ADD COLUMN stranger BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE acts ADD COLUMN organisation TEXT NOT NULL DEFAULT '';
CREATE INDEX acts_organisation ON acts (organisation, at);

ALTER TABLE outbox ADD COLUMN mail TEXT NOT NULL DEFAULT ''; -- address; '' for a short message

CREATE TABLE favourites (
    id      TEXT PRIMARY KEY,
    person  TEXT NOT NULL REFERENCES persons (id),
    project TEXT NOT NULL,
    brand   TEXT NOT NULL,
    lineage TEXT NOT NULL, -- '' for a project
    made_at BIGINT NOT NULL,
    UNIQUE (person, lineage, project, brand)
);

-- +goose Down
DROP TABLE favourites;
ALTER TABLE outbox DROP COLUMN mail;
DROP INDEX acts_organisation;
ALTER TABLE acts DROP COLUMN organisation;
ALTER TABLE codes DROP COLUMN stranger;
ALTER TABLE visits DROP COLUMN system;
ALTER TABLE visits DROP COLUMN browser;
ALTER TABLE visits DROP COLUMN address;
ALTER TABLE visits DROP COLUMN id;
DROP TABLE logins;
DROP TABLE invitations;
DROP TABLE members;
ALTER TABLE persons DROP COLUMN phone_unproved;
ALTER TABLE persons DROP COLUMN phone_at;
ALTER TABLE persons DROP COLUMN mail;
ALTER TABLE persons DROP COLUMN real_name;
