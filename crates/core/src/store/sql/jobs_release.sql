-- $1 workspace, $2 job, $3 lease, $4 whether only if other jobs are due. Index: jobs_due; this one is not due, its
-- lease runs. To go on with it later is no new attempt (jobs_claim.sql).
UPDATE jobs SET status = 'queued', lease = NULL, due_at = clock_timestamp(), consecutive_failures = 0
WHERE workspace_id = $1 AND id = $2 AND status = 'running' AND lease = $3::text::uuid
    AND (NOT $4 OR EXISTS (SELECT FROM jobs WHERE status IN ('queued', 'running') AND due_at <= clock_timestamp()))
RETURNING true
