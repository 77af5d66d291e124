-- no-transaction
-- What is overdue or due today, counted without a look at the table.
CREATE INDEX CONCURRENTLY todos_open_by_due ON todos (workspace_id, due_date, id)
    WHERE deleted_at IS NULL AND status IN ('pending', 'in_progress');
