-- no-transaction
-- The same for the order of priorities.
CREATE INDEX CONCURRENTLY todos_priority_order ON todos (workspace_id, priority, id)
    INCLUDE (created_at, updated_at, due_date, assignee_id, status) WHERE deleted_at IS NULL;
