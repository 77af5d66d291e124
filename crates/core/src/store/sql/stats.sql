-- $1 workspace, $2 time zone. Statuses, priorities and completions by the hour are counted as todos are written
-- (todo_counts, completion_counts). The rest is counted here, index-only, and costs as much as there is of it:
-- todos_open_due_order, and todos_by_completion for what is left of the hour with which the seven days begin. The day
-- is worked out once.
WITH today AS MATERIALIZED (
    SELECT date_trunc('day', now() AT TIME ZONE $2) AT TIME ZONE $2 AS starts,
        (date_trunc('day', now() AT TIME ZONE $2) + interval '1 day') AT TIME ZONE $2 AS ends
), week AS (
    SELECT now() - interval '7 days' AS starts,
        date_trunc('hour', now() - interval '7 days', 'UTC') + interval '1 hour' AS first_hour
), counted AS (
    SELECT
        coalesce(sum(todos), 0) AS total,
        coalesce(sum(todos) FILTER (WHERE status = 'pending'), 0) AS pending,
        coalesce(sum(todos) FILTER (WHERE status = 'in_progress'), 0) AS in_progress,
        coalesce(sum(todos) FILTER (WHERE status = 'completed'), 0) AS completed,
        coalesce(sum(todos) FILTER (WHERE status = 'cancelled'), 0) AS cancelled,
        coalesce(sum(todos) FILTER (WHERE priority = 1), 0) AS low,
        coalesce(sum(todos) FILTER (WHERE priority = 2), 0) AS medium,
        coalesce(sum(todos) FILTER (WHERE priority = 3), 0) AS high,
        coalesce(sum(todos) FILTER (WHERE priority = 4), 0) AS urgent
    FROM todo_counts WHERE workspace_id = $1
)
SELECT json_build_object(
    'total', total,
    'by_status', json_build_object(
        'pending', pending, 'in_progress', in_progress, 'completed', completed, 'cancelled', cancelled
    ),
    'by_priority', json_build_object('low', low, 'medium', medium, 'high', high, 'urgent', urgent),
    'overdue', (
        SELECT count(*) FROM todos
        WHERE workspace_id = $1 AND deleted_at IS NULL AND status IN ('pending', 'in_progress') AND due_date < now()
    ),
    'due_today', (
        SELECT count(*) FROM todos
        WHERE workspace_id = $1 AND deleted_at IS NULL AND status IN ('pending', 'in_progress')
            AND due_date >= today.starts AND due_date < today.ends
    ),
    'completed_last_7_days', (
        SELECT count(*) FROM todos
        WHERE workspace_id = $1 AND deleted_at IS NULL AND completed_at > week.starts AND completed_at < week.first_hour
    ) + (
        SELECT coalesce(sum(todos), 0) FROM completion_counts WHERE workspace_id = $1 AND hour >= week.first_hour
    )
)::text
FROM counted
CROSS JOIN week
-- Without todos nobody asks for the day; asking here has an unknown zone refused all the same.
JOIN today ON today.starts < today.ends
