-- no-transaction
-- The bin in the order of due dates. Only what goes there is written here, too.
CREATE INDEX CONCURRENTLY todos_in_bin_by_due ON todos (workspace_id, due_date, id) INCLUDE (deleted_at)
    WHERE deleted_at IS NOT NULL;
