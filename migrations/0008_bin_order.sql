-- The bin in the default order: after a bulk delete it can be large, and its pages must cost no more than others.
CREATE INDEX todos_in_bin_by_created ON todos (workspace_id, created_at, id) INCLUDE (deleted_at)
    WHERE deleted_at IS NOT NULL;
