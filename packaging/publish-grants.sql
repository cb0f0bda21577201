-- What the user of the role publish may do in the schema of the authority: read
-- what status answers, CRLs and checkpoints are made of, and keep what it fetches
-- of predecessors' status. It sees no names, no evidence, no requests, no escrow.
-- Run by the owner of the schema (certhall_issue) after certhall init and after
-- every upgrade.

GRANT SELECT ON goose_db_version, serials, lost_serials, restorations, chain, checkpoints, crls, crl_parts, predecessors
	TO certhall_publish;
GRANT SELECT (n, id, issuer, state, suspended, suspended_at, given_up, sign_serial, enc_serial, not_before, not_after, issued_at, revoked_at, reason)
	ON pairs TO certhall_publish;
GRANT SELECT (n, seq, at, kind, pair, hash) ON records TO certhall_publish;
GRANT SELECT (serial, state, retired_at, reason) ON staff TO certhall_publish;

GRANT SELECT, INSERT, UPDATE ON predecessor_lists TO certhall_publish;
GRANT SELECT, INSERT, DELETE ON predecessor_list_parts TO certhall_publish;
GRANT SELECT, UPDATE (answer, this_update) ON predecessor_questions TO certhall_publish;
