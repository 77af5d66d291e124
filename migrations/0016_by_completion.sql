-- no-transaction
-- What was completed lately, counted without a look at the table.
CREATE INDEX CONCURRENTLY todos_by_completion ON todos (workspace_id, completed_at)
    WHERE deleted_at IS NULL AND completed_at IS NOT NULL;
