-- Where a transfer is found, and by whom: see hub/core/listing.py. Everything here follows from `transfer`.
CREATE TABLE listing (
    key BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    transfer UUID NOT NULL,
    side TEXT NOT NULL,
    CONSTRAINT pk_listing PRIMARY KEY (key, created_ms, transfer, side)
);


-- What was there before this table.
INSERT INTO listing (key, created_ms, transfer, side)
SELECT DISTINCT
    ('x' || encode(substr(sha256(convert_to(v.viewer || E'\n' || a.name || E'\n' || a.value, 'UTF8')), 1, 8), 'hex'))
        ::bit(64)::bigint,
    t.created_ms, t.id, a.side
FROM transfer AS t
CROSS JOIN LATERAL (
    SELECT DISTINCT viewer FROM unnest(ARRAY[t.caller, t.payer_fsp, t.payee_fsp]) AS viewer WHERE viewer <> ''
) AS v
CROSS JOIN LATERAL (
    SELECT p.key AS name, p.value, 'debit' AS side
    FROM json_to_recordset(t.body -> 'payer') AS p(key TEXT, value TEXT)
    UNION ALL
    SELECT p.key, p.value, 'debit'
    FROM json_to_recordset(coalesce(t.body -> 'payer_account', '[]')) AS p(key TEXT, value TEXT)
    WHERE v.viewer = t.payer_fsp
    UNION ALL
    SELECT p.key, p.value, 'credit'
    FROM json_to_recordset(t.body -> 'payee') AS p(key TEXT, value TEXT)
    UNION ALL
    SELECT p.key, p.value, 'credit'
    FROM json_to_recordset(coalesce(t.body -> 'payee_account', '[]')) AS p(key TEXT, value TEXT)
    WHERE v.viewer = t.payee_fsp
    UNION ALL
    SELECT 'organisationid', v.viewer, 'debit' WHERE v.viewer = t.payer_fsp
    UNION ALL
    SELECT 'organisationid', v.viewer, 'credit' WHERE v.viewer = t.payee_fsp
    UNION ALL
    SELECT 'organisationid', v.viewer, 'asked' WHERE v.viewer NOT IN (t.payer_fsp, t.payee_fsp)
) AS a
WHERE t.flow <> 'errand';
