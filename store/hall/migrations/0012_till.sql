-- +goose Up
-- every payment that the channel has told of, and what became of it
CREATE TABLE payments (
    number   TEXT PRIMARY KEY, -- the channel's
    order_id TEXT NOT NULL,
    channel  TEXT NOT NULL,
    amount   BIGINT NOT NULL, -- fen
    currency TEXT NOT NULL,
    merchant TEXT NOT NULL,
    verdict  TEXT NOT NULL CHECK (verdict IN ('taken', 'late', 'second', 'wrong', 'stray')),
    paid_at  BIGINT NOT NULL,
    seen_at  BIGINT NOT NULL
);
CREATE INDEX payments_order ON payments (order_id);
CREATE INDEX payments_paid ON payments (paid_at);
CREATE INDEX orders_standing ON orders (standing);
CREATE INDEX orders_made ON orders (made_at);
CREATE INDEX order_lines_serial ON order_lines (serial);
CREATE INDEX order_lines_key ON order_lines (key_number);
CREATE INDEX refunds_standing ON refunds (standing);
CREATE INDEX refunds_made ON refunds (made_at);
CREATE INDEX refunds_payment ON refunds (payment_number);

ALTER TABLE refunds ADD COLUMN round BIGINT NOT NULL DEFAULT 0; -- how often it was asked for anew, under another number
ALTER TABLE refunds ADD COLUMN sent_at BIGINT NOT NULL DEFAULT 0; -- when the channel took it
CREATE INDEX refunds_sent ON refunds (sent_at);

-- the channel's bills, by day of Beijing: 2026-11-22
CREATE TABLE bills (
    day        TEXT PRIMARY KEY,
    fetched_at BIGINT NOT NULL, -- 0: not yet
    entries    BIGINT NOT NULL,
    trouble    TEXT NOT NULL, -- code of what went wrong last
    due        BIGINT NOT NULL, -- when the till fetches it; 0: never
    looks      BIGINT NOT NULL
);
CREATE INDEX bills_due ON bills (due) WHERE due > 0;

CREATE TABLE bill_rows (
    day       TEXT NOT NULL,
    number    TEXT NOT NULL, -- of the payment
    refund_id TEXT NOT NULL, -- '' where it is the payment itself
    order_id  TEXT NOT NULL,
    amount    BIGINT NOT NULL,
    state     TEXT NOT NULL, -- as the bill words it
    at        BIGINT NOT NULL,
    PRIMARY KEY (number, refund_id, day)
);
CREATE INDEX bill_rows_day ON bill_rows (day);

-- what the books of hall and channel do not agree on
CREATE TABLE payment_differences (
    id           TEXT PRIMARY KEY,
    day          TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('unknown-here', 'unknown-there', 'amount', 'state', 'unsettled', 'stray')),
    number       TEXT NOT NULL,
    refund_id    TEXT NOT NULL,
    order_id     TEXT NOT NULL,
    here         TEXT NOT NULL,
    there        TEXT NOT NULL,
    found_at     BIGINT NOT NULL,
    explained_at BIGINT NOT NULL, -- 0: open
    operator     TEXT NOT NULL,
    note         TEXT NOT NULL,
    UNIQUE (day, kind, number, refund_id)
);
CREATE INDEX payment_differences_open ON payment_differences (day) WHERE explained_at = 0;

-- what officers did about an order, or asked for on a day
CREATE TABLE payment_acts (
    id       TEXT PRIMARY KEY,
    at       BIGINT NOT NULL,
    operator TEXT NOT NULL,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    reason   TEXT NOT NULL
);
CREATE INDEX payment_acts_subject ON payment_acts (subject);

-- +goose Down
DROP TABLE payment_acts;
DROP TABLE payment_differences;
DROP TABLE bill_rows;
DROP TABLE bills;
DROP INDEX refunds_sent;
ALTER TABLE refunds DROP COLUMN sent_at;
ALTER TABLE refunds DROP COLUMN round;
DROP INDEX refunds_payment;
DROP INDEX refunds_made;
DROP INDEX refunds_standing;
DROP INDEX order_lines_key;
DROP INDEX order_lines_serial;
DROP INDEX orders_made;
DROP INDEX orders_standing;
DROP TABLE payments;
