-- Which installation this database belongs to. Everything in Redis is kept under this id, so that two databases on one Redis have
-- nothing in common there. A copy or a restored backup has the id of its original until `cargo xtask installation renew`.
CREATE TABLE installation (
    only_one   boolean DEFAULT true CONSTRAINT installation_pkey PRIMARY KEY CONSTRAINT installation_only_one_check CHECK (only_one),
    id         uuid NOT NULL DEFAULT gen_random_uuid(),
    renewed_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO installation DEFAULT VALUES;

-- The id, or null in the first minute after it was renewed. Instances that still use the former id tell the latter's part of Redis
-- of their writes, so nothing may be cached under the new one before they have all learnt of it: each learns within a second of
-- its next check of a token, a worker with its next run, at most 20 seconds later.
CREATE FUNCTION installation_v1() RETURNS text STABLE LANGUAGE sql AS $$
    SELECT id::text FROM installation WHERE renewed_at < clock_timestamp() - interval '1 minute'
$$;

-- A new id, under which nothing is known to Redis yet; so what Redis was not told of has become meaningless.
CREATE FUNCTION installation_renew_v1() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    renewed uuid;
BEGIN
    UPDATE installation SET id = gen_random_uuid(), renewed_at = clock_timestamp() RETURNING id INTO renewed;
    DELETE FROM cache_invalidations;
    RETURN renewed::text;
END $$;
