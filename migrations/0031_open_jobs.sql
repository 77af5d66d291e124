-- no-transaction
-- The open jobs of a workspace, to count them.
CREATE INDEX CONCURRENTLY jobs_open ON jobs (workspace_id) WHERE status IN ('queued', 'running');
