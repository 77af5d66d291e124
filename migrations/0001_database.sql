-- What belongs to the database and to no table: the settings of sessions, the extension. May be applied again.

-- The service's sessions need these settings. They are set on the database, because a pooler between the service and
-- Postgres refuses startup options and resets or shares sessions, but every new session of the server gets them. An
-- operator may choose another `statement_timeout`, up to `database_timeout_ms`; `/health/ready` names what is missing
-- or too long.
--
-- A dump does not carry settings of a database unless it is made by `pg_dump --create` or `pg_dumpall`: after a restore
-- this file makes them again (docs/operations.md).
DO $$
DECLARE
    setting record;
BEGIN
    FOR setting IN
        SELECT * FROM (VALUES
            -- A statement ends by itself before the cache's write fence does.
            ('statement_timeout', '5s'),
            -- Every statement is a transaction of its own: nothing may idle in one.
            ('idle_in_transaction_session_timeout', '5s'),
            -- Both cost more than they save on statements of milliseconds, of which there are many at once.
            ('jit', 'off'),
            ('max_parallel_workers_per_gather', '0'),
            ('timezone', 'UTC')
        ) AS settings (name, value)
    LOOP
        EXECUTE format('ALTER DATABASE %I SET %I = %L', current_database(), setting.name, setting.value);
    END LOOP;
END
$$;

-- Lets a GIN index have a bigint column, so that the index of words begins with the workspace, too. A trusted
-- extension: the owner of the database may create it.
CREATE EXTENSION IF NOT EXISTS btree_gin;
