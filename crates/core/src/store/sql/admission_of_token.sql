-- $1 the token's hash. Indexes: tokens_hash_key, jobs_due, then primary keys. Changes nothing, so that it also runs where
-- Postgres is read-only.
SELECT row_to_json(principal)::text
FROM (
    SELECT t.workspace_id, w.uid AS workspace_uid, w.name AS workspace_name, t.uid AS token_uid, t.name AS token_name,
        t.scopes, rfc3339_v1(t.expires_at) AS expires_at,
        CASE WHEN EXISTS (SELECT FROM cache_invalidations i WHERE i.workspace_id = t.workspace_id)
            THEN pg_current_snapshot()::text END AS pending_invalidations,
        installation_v1() AS installation,
        EXISTS (SELECT FROM jobs WHERE status IN ('queued', 'running') AND due_at <= now())
            OR EXISTS (SELECT FROM purges WHERE due_at <= now()) AS work_due,
        t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute' AS use_due
    FROM tokens t JOIN workspaces w ON w.id = t.workspace_id
    WHERE t.hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
) principal
