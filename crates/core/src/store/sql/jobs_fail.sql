-- $1 workspace, $2 job, $3 lease, $4 reason, $5 whether it is final, $6 how many consecutive failures end a job. Gives
-- whether it ended. The wait doubles with each failure, up to five minutes. What is the rest of a change that was
-- answered never ends so.
WITH put_back AS (
    UPDATE jobs SET
        status = CASE WHEN ($5 OR consecutive_failures >= $6) AND NOT job_is_required_v1(kind) THEN 'failed'
            ELSE 'queued' END,
        finished_at = CASE
            WHEN ($5 OR consecutive_failures >= $6) AND NOT job_is_required_v1(kind) THEN clock_timestamp()
        END,
        lease = NULL,
        error = $4,
        due_at = clock_timestamp() + least(300, 2 ^ least(consecutive_failures, 10)) * interval '1 second'
    WHERE workspace_id = $1 AND id = $2 AND status = 'running' AND lease = $3::text::uuid
    RETURNING uid, status
)
SELECT log_failed_job_v1($1, uid, status) FROM put_back
