-- +goose Up
-- what somebody agreed to pay at one time
CREATE TABLE orders (
    id             TEXT PRIMARY KEY,
    person         TEXT NOT NULL, -- '' for a visitor with the key
    case_id        TEXT NOT NULL, -- at whose counter it was made; '' from the cart
    standing       TEXT NOT NULL CHECK (standing IN ('unpaid', 'closing', 'paid', 'closed')),
    total          BIGINT NOT NULL, -- fen
    catalog        BIGINT NOT NULL,
    channel        TEXT NOT NULL,
    code_url       TEXT NOT NULL,
    payment_number TEXT NOT NULL, -- the channel's
    made_at        BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    paid_at        BIGINT NOT NULL,
    due            BIGINT NOT NULL, -- when the till looks at it next; 0: never
    looks          BIGINT NOT NULL
);
CREATE INDEX orders_person ON orders (person, made_at);
CREATE INDEX orders_due ON orders (due) WHERE due > 0;

CREATE TABLE order_lines (
    order_id     TEXT NOT NULL REFERENCES orders (id),
    place        BIGINT NOT NULL,
    live         BOOLEAN NOT NULL, -- the order may still be paid
    entitlement  TEXT NOT NULL UNIQUE,
    lineage      TEXT NOT NULL,
    serial       TEXT NOT NULL,
    service      TEXT NOT NULL,
    years        BIGINT NOT NULL,
    price        BIGINT NOT NULL, -- for a year
    project      TEXT NOT NULL,
    brand        TEXT NOT NULL,
    type         TEXT NOT NULL,
    names        TEXT NOT NULL, -- by language, JSON
    picture      TEXT NOT NULL,
    subject      TEXT NOT NULL,
    organisation TEXT NOT NULL,
    key_number   TEXT NOT NULL,
    PRIMARY KEY (order_id, place)
);
-- nobody pays twice for one certificate
CREATE UNIQUE INDEX order_lines_live ON order_lines (lineage) WHERE live;

CREATE TABLE refunds (
    id             TEXT PRIMARY KEY,
    order_id       TEXT NOT NULL,
    payment_number TEXT NOT NULL,
    whole          BOOLEAN NOT NULL, -- a payment that bought nothing
    amount         BIGINT NOT NULL,
    total          BIGINT NOT NULL,
    reason         TEXT NOT NULL,
    asked_by       TEXT NOT NULL,
    standing       TEXT NOT NULL CHECK (standing IN ('waiting', 'wanted', 'sent', 'done', 'dropped', 'failed')),
    number         TEXT NOT NULL, -- the channel's
    trouble        TEXT NOT NULL,
    made_at        BIGINT NOT NULL,
    ended_at       BIGINT NOT NULL,
    due            BIGINT NOT NULL,
    looks          BIGINT NOT NULL
);
CREATE INDEX refunds_order ON refunds (order_id);
CREATE INDEX refunds_due ON refunds (due) WHERE due > 0;

-- entitlements outlive their cases, and their money may go back
CREATE TABLE entitlements_new (
    id        TEXT PRIMARY KEY,
    lineage   TEXT NOT NULL,
    order_id  TEXT NOT NULL, -- '' where there was nothing to buy
    years     BIGINT NOT NULL, -- 0: as the old pair
    case_id   TEXT NOT NULL, -- that has it, or spent it; '' for none
    refund_id TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('open', 'refunding', 'spent', 'refunded', 'freed')),
    made_at   BIGINT NOT NULL,
    ended_at  BIGINT
);
INSERT INTO entitlements_new (id, lineage, order_id, years, case_id, refund_id, state, made_at, ended_at)
    SELECT e.id, COALESCE(c.lineage, ''), '', 0, e.case_id, '', e.state, e.made_at, e.ended_at
    FROM entitlements e LEFT JOIN cases c ON c.id = e.case_id;
DROP TABLE entitlements;
ALTER TABLE entitlements_new RENAME TO entitlements;
CREATE INDEX entitlements_case ON entitlements (case_id);
CREATE INDEX entitlements_order ON entitlements (order_id);
CREATE INDEX entitlements_refund ON entitlements (refund_id);
CREATE INDEX entitlements_lineage ON entitlements (lineage) WHERE state = 'open';

ALTER TABLE cases ADD COLUMN max_years BIGINT NOT NULL DEFAULT 0; -- longest term that fits; 0: not asked

-- +goose Down
ALTER TABLE cases DROP COLUMN max_years;
CREATE TABLE entitlements_old (
    id      TEXT PRIMARY KEY,
    case_id TEXT NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('open', 'spent', 'freed')),
    made_at BIGINT NOT NULL,
    ended_at BIGINT
);
INSERT INTO entitlements_old (id, case_id, state, made_at, ended_at)
    SELECT id, case_id, CASE state WHEN 'refunding' THEN 'open' WHEN 'refunded' THEN 'freed' ELSE state END, made_at, ended_at FROM entitlements;
DROP TABLE entitlements;
ALTER TABLE entitlements_old RENAME TO entitlements;
CREATE INDEX entitlements_case ON entitlements (case_id);
DROP TABLE refunds;
DROP TABLE order_lines;
DROP TABLE orders;
