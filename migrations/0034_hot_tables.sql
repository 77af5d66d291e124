-- Settings of the tables and indexes that change most.

-- Lists and statistics are bounded because they read indexes alone, which takes pages known to be visible to all: that is what
-- vacuuming makes known. By default it waits until a fifth of the table has changed, so half a million of todos are few. The
-- statistics of the planner grow old with them.
ALTER TABLE todos SET (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000,
    autovacuum_vacuum_cost_limit = 1000
);
ALTER TABLE todo_tags SET (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000,
    autovacuum_vacuum_cost_limit = 1000
);
-- Each row comes, stays for a day and goes.
ALTER TABLE idempotency_keys SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
-- Small tables whose rows change often or live briefly, and which every request or run of the worker reads: room for new versions
-- of a row in its own page, and no long rows of dead ones.
ALTER TABLE jobs SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
ALTER TABLE job_turns SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
ALTER TABLE purges SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
ALTER TABLE tokens SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE cache_invalidations SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- New words go into the index at once. Else they wait in a list that each search reads from end to end, until one writer, whose
-- turn it happens to be, sorts up to 4 MB of them in.
ALTER INDEX todos_search SET (fastupdate = off);
