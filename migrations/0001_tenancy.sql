-- Workspaces and the tokens that open them.
--
-- Every table begins its keys and indexes with workspace_id: no row is reached without naming its tenant, references cannot
-- cross from one to another, and workspaces can be moved apart by id one day.

CREATE TABLE workspaces (
    id         bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT workspaces_pkey PRIMARY KEY,
    uid        uuid NOT NULL CONSTRAINT workspaces_uid_key UNIQUE,
    name       text NOT NULL CONSTRAINT workspaces_name_key UNIQUE CHECK (char_length(name) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tokens (
    workspace_id bigint NOT NULL CONSTRAINT tokens_workspace_fkey REFERENCES workspaces (id),
    id           bigint GENERATED ALWAYS AS IDENTITY,
    uid          uuid NOT NULL CONSTRAINT tokens_uid_key UNIQUE,
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- SHA-256 of the token's text. This index alone does not begin with the workspace: the hash is what tells it.
    hash         bytea NOT NULL CONSTRAINT tokens_hash_key UNIQUE CHECK (octet_length(hash) = 32),
    scopes       text[] NOT NULL CHECK (scopes <@ ARRAY['todos:read', 'todos:write', 'admin']),
    expires_at   timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz,
    CONSTRAINT tokens_pkey PRIMARY KEY (workspace_id, id)
);
-- Administrators page over all tokens.
CREATE INDEX tokens_live ON tokens (id) WHERE revoked_at IS NULL;

-- RFC 3339 in UTC with Z; a fraction only if it is not zero, without trailing zeros. Marked stable, as to_json is, so that
-- the planner can inline it.
CREATE FUNCTION rfc3339_v1(timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (to_json($1 AT TIME ZONE 'UTC') #>> '{}') || 'Z';
