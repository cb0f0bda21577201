-- +goose Up
-- requests to unlock a locked USB key
CREATE TABLE unlocks (
    id         TEXT PRIMARY KEY,
    digest     BLOB NOT NULL,   -- of the request
    person     TEXT NOT NULL REFERENCES persons (id),
    key_serial TEXT NOT NULL,
    key_label  TEXT NOT NULL,
    request    BLOB NOT NULL,   -- proof.UnlockRequest
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'answered', 'done', 'failed', 'unknown', 'refused', 'withdrawn')),
    made_at    BIGINT NOT NULL,
    operator   TEXT NOT NULL,   -- who decided last
    reason     TEXT NOT NULL,   -- of a refusal
    trouble    TEXT NOT NULL,   -- code: why the authority did not take the decision, or the report
    decided_at BIGINT NOT NULL, -- 0 until then
    decision   BLOB,
    response   BLOB,            -- the maker's
    answer     BLOB,
    report     BLOB,
    passed     BOOLEAN NOT NULL, -- the authority has the report
    told       BOOLEAN NOT NULL  -- the person was told of the answer or the refusal
);
CREATE UNIQUE INDEX unlocks_digest ON unlocks (digest);
CREATE INDEX unlocks_person ON unlocks (person, made_at);
CREATE INDEX unlocks_key_serial ON unlocks (key_serial, made_at);
CREATE INDEX unlocks_state ON unlocks (state, made_at);
CREATE INDEX unlocks_made_at ON unlocks (made_at);
CREATE INDEX unlocks_owed ON unlocks (made_at) WHERE state = 'approved' OR report IS NOT NULL AND NOT passed OR NOT told AND state IN ('answered', 'unknown', 'refused');
CREATE INDEX certificates_key_serial ON certificates (key_serial);

-- +goose Down
DROP INDEX certificates_key_serial;
DROP TABLE unlocks;
