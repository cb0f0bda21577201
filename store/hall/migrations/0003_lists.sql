-- +goose Up
-- what a person's lists are made by
CREATE INDEX handlers_person ON handlers (person);
CREATE INDEX cases_lineage ON cases (lineage, opened_at);

-- +goose Down
DROP INDEX cases_lineage;
DROP INDEX handlers_person;
