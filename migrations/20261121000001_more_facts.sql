-- The families behind planning, security, testing, service health and reported KPIs; each of the common shape.

CREATE TABLE work_items (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX work_items_scope ON work_items (scope, started_at_ms);

CREATE TABLE iterations (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX iterations_scope ON iterations (scope, started_at_ms);

CREATE TABLE security_alerts (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX security_alerts_scope ON security_alerts (scope, started_at_ms);

CREATE TABLE test_reports (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX test_reports_scope ON test_reports (scope, started_at_ms);

CREATE TABLE coverage_reports (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX coverage_reports_scope ON coverage_reports (scope, started_at_ms);

CREATE TABLE samples (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX samples_scope ON samples (scope, started_at_ms);

CREATE TABLE inventories (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX inventories_scope ON inventories (scope, started_at_ms);

CREATE TABLE reported_values (
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    version_at_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE INDEX reported_values_scope ON reported_values (scope, started_at_ms);

-- Who reported facts, when and how many: read by administrators in the database, shown nowhere.
CREATE TABLE report_audit (
    reported_at_ms BIGINT NOT NULL,
    reporter TEXT NOT NULL,
    template TEXT NOT NULL,
    origin TEXT NOT NULL,
    accepted BIGINT NOT NULL,
    rejected BIGINT NOT NULL
);
CREATE INDEX report_audit_reported_at ON report_audit (reported_at_ms);

-- The targets of the scorecards as they were, so that a change of target keeps its date.
CREATE TABLE scorecard_targets (
    team TEXT NOT NULL,
    role TEXT NOT NULL,
    measure TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (team, role, measure, since_ms)
);
