-- +goose Up
-- what an import said last of a certificate's handler: said again, it decides nothing
CREATE TABLE imported_handlers (
    lineage TEXT PRIMARY KEY,
    phone   TEXT NOT NULL,
    name    TEXT NOT NULL
);
INSERT INTO imported_handlers (lineage, phone, name)
    SELECT handlers.lineage, persons.phone, handlers.name FROM handlers JOIN persons ON persons.id = handlers.person
    WHERE handlers.source = 'import' ON CONFLICT DO NOTHING;
INSERT INTO imported_handlers (lineage, phone, name)
    SELECT certificates.lineage, persons.phone, '' FROM acts
    JOIN certificates ON certificates.sign_serial = acts.was JOIN persons ON persons.id = acts.person
    WHERE acts.kind = 'handler-remove' ON CONFLICT DO NOTHING;

-- whom imports have called an organisation's administrators
CREATE TABLE imported_administrators (
    organisation TEXT NOT NULL,
    phone        TEXT NOT NULL,
    PRIMARY KEY (organisation, phone)
);
INSERT INTO imported_administrators (organisation, phone)
    SELECT members.organisation, persons.phone FROM members JOIN persons ON persons.id = members.person
    WHERE members.source = 'import' ON CONFLICT DO NOTHING;

-- +goose Down
DROP TABLE imported_administrators;
DROP TABLE imported_handlers;
