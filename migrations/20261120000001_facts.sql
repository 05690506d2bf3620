-- Facts are documents: one table per family, all of one shape, so that one upsert serves every family on both engines.
-- Times are milliseconds since 1970, UTC. The text is in the SQL that SQLite and PostgreSQL share.

CREATE TABLE repositories (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX repositories_scope ON repositories (scope, started_at_ms);

CREATE TABLE team_repositories (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX team_repositories_scope ON team_repositories (scope, started_at_ms);

CREATE TABLE commits (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX commits_scope ON commits (scope, started_at_ms);

CREATE TABLE pull_requests (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX pull_requests_scope ON pull_requests (scope, started_at_ms);

CREATE TABLE deployments (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX deployments_scope ON deployments (scope, started_at_ms);

CREATE TABLE releases (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX releases_scope ON releases (scope, started_at_ms);

CREATE TABLE tags (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX tags_scope ON tags (scope, started_at_ms);

CREATE TABLE ci_runs (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX ci_runs_scope ON ci_runs (scope, started_at_ms);

CREATE TABLE incidents (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX incidents_scope ON incidents (scope, started_at_ms);

-- Where each source goes on: the source's own JSON.
CREATE TABLE cursors (
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (source, name)
);

-- Records that could not be read. A good record of the same key clears its entry.
CREATE TABLE quarantine (
    source TEXT NOT NULL,
    family TEXT NOT NULL,
    external_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    first_seen_at_ms BIGINT NOT NULL,
    last_seen_at_ms BIGINT NOT NULL,
    PRIMARY KEY (source, family, external_id)
);

-- How each source's last collection went.
CREATE TABLE source_states (
    source TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    last_attempt_at_ms BIGINT NOT NULL,
    last_success_at_ms BIGINT,
    last_error TEXT
);

-- What belongs to this installation alone: the key that people are hashed with.
CREATE TABLE installation (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
