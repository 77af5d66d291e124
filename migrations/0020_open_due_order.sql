-- no-transaction
-- The order of due dates among what is still to be done, with the columns that conditions ask for: what most people look at, and
-- what is overdue.
CREATE INDEX CONCURRENTLY todos_open_due_order ON todos (workspace_id, due_date, id)
    INCLUDE (created_at, updated_at, assignee_id, priority, status)
    WHERE deleted_at IS NULL AND status IN ('pending', 'in_progress');
