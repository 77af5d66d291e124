-- no-transaction
-- The same for the order of due dates.
CREATE INDEX CONCURRENTLY todos_due_order ON todos (workspace_id, due_date, id)
    INCLUDE (created_at, updated_at, assignee_id, priority, status) WHERE deleted_at IS NULL;
