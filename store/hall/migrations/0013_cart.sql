-- +goose Up
-- certificates that a person means to buy for
CREATE TABLE cart (
    person   TEXT NOT NULL REFERENCES persons (id),
    lineage  TEXT NOT NULL,
    years    BIGINT NOT NULL, -- 0: the first that is offered
    added_at BIGINT NOT NULL,
    PRIMARY KEY (person, lineage)
);

-- invoices (发票) that were asked for: one an order
CREATE TABLE invoices (
    order_id    TEXT PRIMARY KEY REFERENCES orders (id),
    version     BIGINT NOT NULL,
    standing    TEXT NOT NULL CHECK (standing IN ('requested', 'issued', 'refused', 'withdrawn')),
    person      TEXT NOT NULL, -- who asked
    holder      TEXT NOT NULL CHECK (holder IN ('organisation', 'person')),
    title       TEXT NOT NULL,
    tax_number  TEXT NOT NULL, -- '' for a person
    mail        TEXT NOT NULL,
    amount      BIGINT NOT NULL, -- fen, that it was issued over; 0 before
    number      TEXT NOT NULL,
    issued_on   BIGINT NOT NULL,
    reversed    BIGINT NOT NULL, -- fen, by red invoices (红字)
    red_number  TEXT NOT NULL, -- of the last of them
    reason      TEXT NOT NULL, -- why it was refused
    made_at     BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL
);
CREATE INDEX invoices_standing ON invoices (standing, changed_at);

-- every version of them, with who made it
CREATE TABLE invoice_changes (
    order_id TEXT NOT NULL REFERENCES invoices (order_id),
    version  BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    by_whom  TEXT NOT NULL, -- person or operator
    became   TEXT NOT NULL, -- the whole of it, JSON
    PRIMARY KEY (order_id, version)
);

-- +goose Down
DROP TABLE invoice_changes;
DROP TABLE invoices;
DROP TABLE cart;
