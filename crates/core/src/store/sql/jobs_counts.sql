-- Over all workspaces; finished jobs are kept for 30 days. What waits is what a worker could take up: also the job of a dead
-- worker, but not one whose next attempt is still to come. Reads the kept counts and the head of the index jobs_due, never all
-- jobs.
SELECT json_build_object(
    'queued', coalesce(sum(jobs) FILTER (WHERE status = 'queued'), 0)::bigint,
    'running', coalesce(sum(jobs) FILTER (WHERE status = 'running'), 0)::bigint,
    'succeeded', coalesce(sum(jobs) FILTER (WHERE status = 'succeeded'), 0)::bigint,
    'failed', coalesce(sum(jobs) FILTER (WHERE status = 'failed'), 0)::bigint,
    'cancelled', coalesce(sum(jobs) FILTER (WHERE status = 'cancelled'), 0)::bigint,
    'oldest_queued_seconds',
    coalesce(extract(epoch FROM now() - (
        SELECT min(due_at) FROM jobs WHERE status IN ('queued', 'running') AND due_at <= now())), 0)
)::text
FROM job_counts
