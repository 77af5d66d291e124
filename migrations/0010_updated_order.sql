-- no-transaction
-- The same for the order of changes.
CREATE INDEX CONCURRENTLY todos_updated_order ON todos (workspace_id, updated_at, id)
    INCLUDE (created_at, due_date, assignee_id, priority, status) WHERE deleted_at IS NULL;
