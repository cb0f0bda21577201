-- +goose Up
-- what officers search by
CREATE INDEX certificates_key_number ON certificates (key_number);
CREATE INDEX certificates_organisation ON certificates (organisation);
CREATE INDEX cases_phone ON cases (phone, opened_at);

-- what officers did to people, phones masked
CREATE TABLE acts (
    id       TEXT PRIMARY KEY,
    at       BIGINT NOT NULL,
    operator TEXT NOT NULL,
    kind     TEXT NOT NULL,
    person   TEXT NOT NULL,
    was      TEXT NOT NULL,
    became   TEXT NOT NULL,
    reason   TEXT NOT NULL
);
CREATE INDEX acts_person ON acts (person, at);

-- +goose Down
DROP TABLE acts;
DROP INDEX cases_phone;
DROP INDEX certificates_organisation;
DROP INDEX certificates_key_number;
