-- $1 workspace, $2 time zone. Index: todos_by_status, index-only. The day is worked out once, not per row.
WITH today AS MATERIALIZED (
    SELECT date_trunc('day', now() AT TIME ZONE $2) AT TIME ZONE $2 AS starts,
        (date_trunc('day', now() AT TIME ZONE $2) + interval '1 day') AT TIME ZONE $2 AS ends
), counted AS (
    SELECT status, priority, count(*) AS todos,
        count(*) FILTER (WHERE due_date < now()) AS past_due,
        count(*) FILTER (WHERE due_date >= (SELECT starts FROM today) AND due_date < (SELECT ends FROM today)) AS due_today,
        count(*) FILTER (WHERE completed_at > now() - interval '7 days') AS lately
    FROM todos
    WHERE workspace_id = $1 AND deleted_at IS NULL
    GROUP BY status, priority
), summed AS (
    SELECT
        coalesce(sum(todos), 0) AS total,
        coalesce(sum(todos) FILTER (WHERE status = 'pending'), 0) AS pending,
        coalesce(sum(todos) FILTER (WHERE status = 'in_progress'), 0) AS in_progress,
        coalesce(sum(todos) FILTER (WHERE status = 'completed'), 0) AS completed,
        coalesce(sum(todos) FILTER (WHERE status = 'cancelled'), 0) AS cancelled,
        coalesce(sum(todos) FILTER (WHERE priority = 1), 0) AS low,
        coalesce(sum(todos) FILTER (WHERE priority = 2), 0) AS medium,
        coalesce(sum(todos) FILTER (WHERE priority = 3), 0) AS high,
        coalesce(sum(todos) FILTER (WHERE priority = 4), 0) AS urgent,
        coalesce(sum(past_due) FILTER (WHERE status IN ('pending', 'in_progress')), 0) AS overdue,
        coalesce(sum(due_today) FILTER (WHERE status IN ('pending', 'in_progress')), 0) AS due_today,
        coalesce(sum(lately), 0) AS lately
    FROM counted
)
SELECT json_build_object(
    'total', total,
    'by_status', json_build_object(
        'pending', pending, 'in_progress', in_progress, 'completed', completed, 'cancelled', cancelled
    ),
    'by_priority', json_build_object('low', low, 'medium', medium, 'high', high, 'urgent', urgent),
    'overdue', overdue,
    'due_today', due_today,
    'completed_last_7_days', lately
)::text
FROM summed
-- Without todos nobody asks for the day; asking here has an unknown zone refused all the same.
JOIN today ON today.starts < today.ends
