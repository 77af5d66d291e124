-- $1 hashes of tokens, one behind the other. Index: tokens_hash_key. Nobody waits for a token that another instance is
-- noting.
WITH due AS (
    SELECT workspace_id, id FROM tokens
    WHERE hash = ANY (ARRAY(SELECT substr($1::bytea, n, 32) FROM generate_series(1, length($1::bytea), 32) AS n))
        AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
    ORDER BY workspace_id, id
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE tokens t SET last_used_at = now() FROM due WHERE t.workspace_id = due.workspace_id AND t.id = due.id
