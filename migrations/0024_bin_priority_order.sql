-- no-transaction
-- The bin in the order of priorities. Only what goes there is written here, too.
CREATE INDEX CONCURRENTLY todos_in_bin_by_priority ON todos (workspace_id, priority, id) INCLUDE (deleted_at)
    WHERE deleted_at IS NOT NULL;
