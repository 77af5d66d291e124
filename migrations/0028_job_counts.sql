-- How many jobs there are of each status, kept as jobs change: a scrape of the metrics reads these rows and not all jobs. A shard
-- belongs to one writer until it commits, as with the counts of todos (count_shard_v1). Most updates of a job leave its status as
-- it is, and do not fire the trigger.
CREATE TABLE job_counts (
    status text COLLATE "C" NOT NULL,
    shard  smallint NOT NULL,
    jobs   bigint NOT NULL,
    CONSTRAINT job_counts_pkey PRIMARY KEY (status, shard)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

CREATE FUNCTION count_job_v1() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- No workspace has the number 0: the counts are of all workspaces together.
    own CONSTANT integer := count_shard_v1(0);
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO job_counts AS c (status, shard, jobs) VALUES (OLD.status, own, -1)
        ON CONFLICT (status, shard) DO UPDATE SET jobs = c.jobs + excluded.jobs;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO job_counts AS c (status, shard, jobs) VALUES (NEW.status, own, 1)
        ON CONFLICT (status, shard) DO UPDATE SET jobs = c.jobs + excluded.jobs;
    END IF;
    RETURN NULL;
END $$;

-- The triggers come first: they keep writers away until the counts are there.
CREATE TRIGGER jobs_count AFTER INSERT OR DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION count_job_v1();
CREATE TRIGGER jobs_recount AFTER UPDATE OF status ON jobs FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION count_job_v1();
INSERT INTO job_counts (status, shard, jobs) SELECT status, 0, count(*) FROM jobs GROUP BY status;
