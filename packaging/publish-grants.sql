-- What the user of the role publish may do in the schema of the authority: read
-- what status answers are made of, and nothing of evidence, requests, escrow or
-- the officers. Run by the owner of the schema (certhall_issue) after certhall
-- init and after every upgrade.

GRANT SELECT ON goose_db_version, pairs, serials, lost_serials, records, chain TO certhall_publish;
