-- $1 the token's hash. Indexes: tokens_hash_key, jobs_due, then primary keys.
WITH token AS (
    SELECT t.workspace_id, t.id, w.uid AS workspace_uid, w.name AS workspace_name, t.uid AS token_uid, t.name AS token_name,
        t.scopes, t.expires_at
    FROM tokens t JOIN workspaces w ON w.id = t.workspace_id
    WHERE t.hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
), due AS (
    SELECT t.workspace_id, t.id
    FROM tokens t JOIN token ON t.workspace_id = token.workspace_id AND t.id = token.id
    WHERE t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute'
    FOR NO KEY UPDATE OF t SKIP LOCKED
), touched AS (
    UPDATE tokens t SET last_used_at = now() FROM due WHERE t.workspace_id = due.workspace_id AND t.id = due.id
)
SELECT row_to_json(principal)::text
FROM (
    SELECT workspace_id, workspace_uid, workspace_name, token_uid, token_name, scopes, rfc3339_v1(expires_at) AS expires_at,
        CASE WHEN EXISTS (SELECT FROM cache_invalidations i WHERE i.workspace_id = token.workspace_id)
            THEN pg_current_snapshot()::text END AS pending_invalidations,
        installation_v1() AS installation,
        EXISTS (SELECT FROM jobs WHERE status IN ('queued', 'running') AND due_at <= now())
            OR EXISTS (SELECT FROM purges WHERE due_at <= now()) AS work_due
    FROM token
) principal
