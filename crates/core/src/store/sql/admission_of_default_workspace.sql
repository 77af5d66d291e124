-- Indexes: workspaces_name_key, jobs_due. Changes nothing, so that it also runs where Postgres is read-only.
SELECT row_to_json(principal)::text
FROM (
    SELECT id AS workspace_id, uid AS workspace_uid, name AS workspace_name, NULL AS token_uid, NULL AS token_name,
        ARRAY['todos:read', 'todos:write', 'admin'] AS scopes, NULL AS expires_at,
        CASE WHEN EXISTS (SELECT FROM cache_invalidations i WHERE i.workspace_id = workspaces.id)
            THEN pg_current_snapshot()::text END AS pending_invalidations,
        installation_v1() AS installation,
        EXISTS (SELECT FROM jobs WHERE status IN ('queued', 'running') AND due_at <= now())
            OR EXISTS (SELECT FROM purges WHERE due_at <= now()) AS work_due
    FROM workspaces WHERE name = 'default'
) principal
