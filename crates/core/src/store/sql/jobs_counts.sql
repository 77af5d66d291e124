-- Over all workspaces; finished jobs are kept for 30 days. What waits is what a worker could take up: also the job of a dead
-- worker, but not one whose next attempt is still to come.
SELECT json_build_object(
    'queued', count(*) FILTER (WHERE status = 'queued'),
    'running', count(*) FILTER (WHERE status = 'running'),
    'succeeded', count(*) FILTER (WHERE status = 'succeeded'),
    'failed', count(*) FILTER (WHERE status = 'failed'),
    'cancelled', count(*) FILTER (WHERE status = 'cancelled'),
    'oldest_queued_seconds',
    coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE status IN ('queued', 'running') AND due_at <= now())), 0)
)::text
FROM jobs
