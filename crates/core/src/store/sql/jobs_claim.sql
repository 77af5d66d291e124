-- $1 the new lease, $2 its length in milliseconds, $3 how many deaths of workers in a row a job survives. Index:
-- jobs_due. A row that somebody holds is being worked on or claimed: skipped. Going on with a job that its worker gave
-- back for others is no new attempt. Workspaces take turns: the one that was served longest ago comes first, then its
-- oldest job. All due jobs are sorted for that, of which a workspace has a bounded number. What is the rest of a change
-- that was answered is never given up.
WITH due AS (
    SELECT j.workspace_id, j.id, j.consecutive_failures < $3 OR job_is_required_v1(j.kind) AS goes_on
    FROM jobs j LEFT JOIN job_turns turn ON turn.workspace_id = j.workspace_id
    WHERE j.status IN ('queued', 'running') AND j.due_at <= now()
    ORDER BY turn.served_at NULLS FIRST, j.due_at LIMIT 1 FOR NO KEY UPDATE OF j SKIP LOCKED
), turn AS (
    INSERT INTO job_turns (workspace_id, served_at) SELECT workspace_id, clock_timestamp() FROM due
    ON CONFLICT (workspace_id) DO UPDATE SET served_at = excluded.served_at
), claimed AS (
    UPDATE jobs j SET
        status = CASE WHEN due.goes_on THEN 'running' ELSE 'failed' END,
        lease = CASE WHEN due.goes_on THEN $1::text::uuid END,
        error = CASE WHEN due.goes_on THEN j.error
            ELSE coalesce(j.error, 'given up: its worker died again and again') END,
        finished_at = CASE WHEN due.goes_on THEN NULL ELSE clock_timestamp() END,
        due_at = clock_timestamp() + $2::bigint * interval '1 millisecond',
        attempts = j.attempts + CASE
            WHEN j.status = 'queued' AND j.started_at IS NOT NULL AND j.consecutive_failures = 0 THEN 0 ELSE 1 END,
        consecutive_failures = j.consecutive_failures + 1,
        started_at = coalesce(j.started_at, clock_timestamp())
    FROM due
    WHERE j.workspace_id = due.workspace_id AND j.id = due.id
    RETURNING j.*
)
SELECT NOT log_failed_job_v1(workspace_id, uid, status), workspace_id, id, uid::text, filter::text, change::text,
    position, ceiling, consecutive_failures
FROM claimed
