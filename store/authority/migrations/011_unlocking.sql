-- Administrators' PINs of USB keys, sealed, and the answers that were given to
-- unlock keys.

-- +goose Up
CREATE TABLE admin_pins (
	n INTEGER PRIMARY KEY,
	key_serial TEXT NOT NULL,     -- of the USB key
	state TEXT NOT NULL,          -- known, lost, forgotten
	key_digest BLOB NOT NULL,     -- of the unlock key that both are sealed to
	sealed BLOB,                  -- lies on the key, as far as is known; NULL once forgotten
	pending BLOB,                 -- drawn for an unlocking without a report: may lie on the key
	last BLOB,                    -- digest of the request that was answered last
	imported_at BIGINT NOT NULL,
	changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX admin_pins_key_serial ON admin_pins (key_serial);

CREATE TABLE unlockings (
	n INTEGER PRIMARY KEY,
	digest BLOB NOT NULL,         -- of the request
	key_serial TEXT NOT NULL,
	request BLOB NOT NULL,        -- UnlockRequest
	decision BLOB NOT NULL,       -- Signed of the UnlockDecision
	answer BLOB NOT NULL,         -- Signed of the UnlockAnswer
	answered_at BIGINT NOT NULL,
	outcome TEXT NOT NULL,        -- of the report; '' until there is one
	report BLOB,                  -- Signed of the UnlockReport
	reported_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX unlockings_digest ON unlockings (digest); -- one answer a request
CREATE INDEX unlockings_of_key ON unlockings (key_serial, answered_at);
CREATE INDEX unlockings_by_time ON unlockings (answered_at);

CREATE INDEX pairs_by_key_serial ON pairs (key_serial, n);
