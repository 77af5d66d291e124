-- Over all workspaces; finished jobs are kept for 30 days. What waits is what a worker could take up: also the job of a
-- dead worker, but not one whose next attempt is still to come. Reads the kept counts and the head of the index
-- jobs_due, never all jobs.
SELECT json_build_object(
    'queued', coalesce(sum(jobs) FILTER (WHERE status = 'queued'), 0)::bigint,
    'running', coalesce(sum(jobs) FILTER (WHERE status = 'running'), 0)::bigint,
    'succeeded', coalesce(sum(jobs) FILTER (WHERE status = 'succeeded'), 0)::bigint,
    'failed', coalesce(sum(jobs) FILTER (WHERE status = 'failed'), 0)::bigint,
    'cancelled', coalesce(sum(jobs) FILTER (WHERE status = 'cancelled'), 0)::bigint,
    'oldest_queued_seconds',
    coalesce(extract(epoch FROM now() - (
        SELECT min(due_at) FROM jobs WHERE status IN ('queued', 'running') AND due_at <= now())), 0),
    'purged', (SELECT json_object_agg(name, removed) FROM purges),
    'purges_age_seconds',
    (SELECT json_object_agg(name, greatest(0, extract(epoch FROM clock_timestamp() - done_at))) FROM purges),
    -- The feed tells nothing of later transactions than the oldest that writes. Those of other roles show only to
    -- members of pg_read_all_stats.
    'feed_unsettled_seconds', greatest(0, coalesce(extract(epoch FROM clock_timestamp() - (
        SELECT min(begun) FROM (
            SELECT xact_start FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
            UNION ALL
            SELECT prepared FROM pg_prepared_xacts
        ) writers (begun))), 0))
)::text
FROM job_counts
