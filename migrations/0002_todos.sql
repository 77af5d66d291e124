-- Departments, employees, tags, todos.

-- Gives GIN indexes a bigint column, so that they too begin with the workspace. A trusted extension: the owner of the database
-- may create it.
CREATE EXTENSION IF NOT EXISTS btree_gin;

CREATE TABLE departments (
    workspace_id bigint NOT NULL CONSTRAINT departments_workspace_fkey REFERENCES workspaces (id),
    id           bigint GENERATED ALWAYS AS IDENTITY,
    uid          uuid NOT NULL,
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    version      bigint NOT NULL DEFAULT 1,
    CONSTRAINT departments_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT departments_uid_key UNIQUE (workspace_id, uid),
    CONSTRAINT departments_name_key UNIQUE (workspace_id, name)
);

CREATE TABLE employees (
    workspace_id  bigint NOT NULL CONSTRAINT employees_workspace_fkey REFERENCES workspaces (id),
    id            bigint GENERATED ALWAYS AS IDENTITY,
    uid           uuid NOT NULL,
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    email         text NOT NULL CHECK (char_length(email) BETWEEN 1 AND 254),
    department_id bigint,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    version       bigint NOT NULL DEFAULT 1,
    CONSTRAINT employees_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT employees_uid_key UNIQUE (workspace_id, uid),
    CONSTRAINT employees_department_fkey FOREIGN KEY (workspace_id, department_id) REFERENCES departments (workspace_id, id)
);
-- Addresses are ASCII; the collation keeps lower() from depending on the locale of the database.
CREATE UNIQUE INDEX employees_email_key ON employees (workspace_id, lower(email COLLATE "C"));
CREATE INDEX employees_department ON employees (workspace_id, department_id, id);

CREATE TABLE tags (
    workspace_id bigint NOT NULL CONSTRAINT tags_workspace_fkey REFERENCES workspaces (id),
    id           bigint GENERATED ALWAYS AS IDENTITY,
    uid          uuid NOT NULL,
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 50),
    -- What identifies it: the name with its case folded by the application.
    folded       text COLLATE "C" NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    version      bigint NOT NULL DEFAULT 1,
    CONSTRAINT tags_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT tags_uid_key UNIQUE (workspace_id, uid),
    CONSTRAINT tags_folded_key UNIQUE (workspace_id, folded)
);

CREATE TABLE todos (
    workspace_id bigint NOT NULL CONSTRAINT todos_workspace_fkey REFERENCES workspaces (id),
    id           bigint GENERATED ALWAYS AS IDENTITY,
    uid          uuid NOT NULL,
    title        text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    description  text CHECK (char_length(description) <= 10000),
    status       text COLLATE "C" NOT NULL DEFAULT 'pending'
                 CHECK (status IN ('pending', 'in_progress', 'completed', 'cancelled')),
    -- 1 low, 2 medium, 3 high, 4 urgent: numbers, because they are an order.
    priority     smallint NOT NULL DEFAULT 2 CHECK (priority BETWEEN 1 AND 4),
    due_date     timestamptz,
    assignee_id  bigint,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    -- In the bin since.
    deleted_at   timestamptz,
    version      bigint NOT NULL DEFAULT 1,
    -- 'simple' and not 'english': titles are written in any language, and a search for "it" or "to do" must find them. Word
    -- stems would serve one language and drop such words for all. The default parser skips the markup of descriptions.
    search       tsvector NOT NULL GENERATED ALWAYS AS (
                     setweight(to_tsvector('simple', title), 'A') ||
                     setweight(to_tsvector('simple', coalesce(description, '')), 'B')
                 ) STORED,
    CONSTRAINT todos_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT todos_uid_key UNIQUE (workspace_id, uid),
    CONSTRAINT todos_assignee_fkey FOREIGN KEY (workspace_id, assignee_id) REFERENCES employees (workspace_id, id),
    CONSTRAINT todos_completed_at_check CHECK ((status = 'completed') = (completed_at IS NOT NULL))
);

-- One index per order of the list. Rows without a due date are read by the same index as a second run (store/todo_query.rs).
CREATE INDEX todos_by_created ON todos (workspace_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX todos_by_updated ON todos (workspace_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX todos_by_due ON todos (workspace_id, due_date, id) WHERE deleted_at IS NULL;
CREATE INDEX todos_by_priority ON todos (workspace_id, priority, id) WHERE deleted_at IS NULL;
CREATE INDEX todos_by_title ON todos (workspace_id, (lower(title COLLATE "und-x-icu") COLLATE "C"), id)
    WHERE deleted_at IS NULL;
-- The filters that many requests use, in the default order. The second also serves the statistics without touching the table.
CREATE INDEX todos_by_status ON todos (workspace_id, status, priority, created_at, id) INCLUDE (due_date, completed_at)
    WHERE deleted_at IS NULL;
CREATE INDEX todos_by_assignee ON todos (workspace_id, assignee_id, created_at, id);
CREATE INDEX todos_search ON todos USING gin (workspace_id, search) WHERE deleted_at IS NULL;
-- The bin: its list, and what is due for purging.
CREATE INDEX todos_in_bin ON todos (workspace_id, deleted_at, id) WHERE deleted_at IS NOT NULL;

CREATE TABLE todo_tags (
    workspace_id bigint NOT NULL,
    todo_id      bigint NOT NULL,
    tag_id       bigint NOT NULL,
    CONSTRAINT todo_tags_pkey PRIMARY KEY (workspace_id, todo_id, tag_id),
    CONSTRAINT todo_tags_todo_fkey FOREIGN KEY (workspace_id, todo_id) REFERENCES todos (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT todo_tags_tag_fkey FOREIGN KEY (workspace_id, tag_id) REFERENCES tags (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX todo_tags_by_tag ON todo_tags (workspace_id, tag_id, todo_id);

-- Few tags are on most todos and most tags are on few: the planner must know which.
ALTER TABLE todo_tags ALTER COLUMN tag_id SET STATISTICS 1000;
-- Rare words must be known to be rare: else a search would walk the list until it has found enough.
ALTER TABLE todos ALTER COLUMN search SET STATISTICS 1000;
ALTER TABLE todos ALTER COLUMN workspace_id SET STATISTICS 1000;
ALTER TABLE todos ALTER COLUMN assignee_id SET STATISTICS 1000;

CREATE FUNCTION priority_name_v1(smallint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (ARRAY['low', 'medium', 'high', 'urgent'])[$1];

-- Used in conditions on lists. Marked immutable, which they are for the moment of one statement: so they are evaluated once, by
-- the planner, which then knows how common the tag is or how many work in the department. Right only where the arguments are
-- parameters of a statement that is planned for each execution, as every statement of the application is.
CREATE FUNCTION tag_id_v1(p_workspace bigint, p_folded text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT id FROM tags WHERE workspace_id = p_workspace AND folded = p_folded);

CREATE FUNCTION members_v1(p_workspace bigint, p_department bigint, p_department_uid uuid) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(
        SELECT e.id FROM employees e
        JOIN departments d ON d.workspace_id = e.workspace_id AND d.id = e.department_id
        WHERE d.workspace_id = p_workspace AND (d.id = p_department OR d.uid = p_department_uid)
    );

CREATE FUNCTION employee_id_v1(p_workspace bigint, p_uid uuid) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT id FROM employees WHERE workspace_id = p_workspace AND uid = p_uid);
