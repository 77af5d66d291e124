-- no-transaction
-- The bin in the order of changes. Only what goes there is written here, too.
CREATE INDEX CONCURRENTLY todos_in_bin_by_updated ON todos (workspace_id, updated_at, id) INCLUDE (deleted_at)
    WHERE deleted_at IS NOT NULL;
