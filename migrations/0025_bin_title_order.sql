-- no-transaction
-- The bin in the order of titles. Only what goes there is written here, too.
CREATE INDEX CONCURRENTLY todos_in_bin_by_title ON todos (workspace_id, (lower(title COLLATE "und-x-icu") COLLATE "C"), id)
    INCLUDE (deleted_at) WHERE deleted_at IS NOT NULL;
