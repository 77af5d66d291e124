-- no-transaction
-- The order of creation, with what conditions ask for: a row that a list passes over need not be fetched.
CREATE INDEX CONCURRENTLY todos_created_order ON todos (workspace_id, created_at, id)
    INCLUDE (updated_at, due_date, assignee_id, priority, status) WHERE deleted_at IS NULL;
