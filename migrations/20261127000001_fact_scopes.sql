-- Which scopes of facts have changed since they were last evaluated: a repository's commits, a project's items. A change
-- counts one version up in the transaction that makes it; whoever has evaluated a scope notes the version that it had read.
CREATE TABLE fact_scopes (
    family TEXT NOT NULL,
    source TEXT NOT NULL,
    scope TEXT NOT NULL,
    changed_version BIGINT NOT NULL,
    evaluated_version BIGINT NOT NULL,
    PRIMARY KEY (family, source, scope)
);
CREATE INDEX fact_scopes_changed ON fact_scopes (family, source, scope) WHERE changed_version <> evaluated_version;

INSERT INTO fact_scopes SELECT DISTINCT 'repositories', source, scope, 1, 0 FROM repositories;
INSERT INTO fact_scopes SELECT DISTINCT 'team_repositories', source, scope, 1, 0 FROM team_repositories;
INSERT INTO fact_scopes SELECT DISTINCT 'commits', source, scope, 1, 0 FROM commits;
INSERT INTO fact_scopes SELECT DISTINCT 'pull_requests', source, scope, 1, 0 FROM pull_requests;
INSERT INTO fact_scopes SELECT DISTINCT 'deployments', source, scope, 1, 0 FROM deployments;
INSERT INTO fact_scopes SELECT DISTINCT 'releases', source, scope, 1, 0 FROM releases;
INSERT INTO fact_scopes SELECT DISTINCT 'tags', source, scope, 1, 0 FROM tags;
INSERT INTO fact_scopes SELECT DISTINCT 'ci_runs', source, scope, 1, 0 FROM ci_runs;
INSERT INTO fact_scopes SELECT DISTINCT 'incidents', source, scope, 1, 0 FROM incidents;
INSERT INTO fact_scopes SELECT DISTINCT 'work_items', source, scope, 1, 0 FROM work_items;
INSERT INTO fact_scopes SELECT DISTINCT 'iterations', source, scope, 1, 0 FROM iterations;
INSERT INTO fact_scopes SELECT DISTINCT 'security_alerts', source, scope, 1, 0 FROM security_alerts;
INSERT INTO fact_scopes SELECT DISTINCT 'test_reports', source, scope, 1, 0 FROM test_reports;
INSERT INTO fact_scopes SELECT DISTINCT 'coverage_reports', source, scope, 1, 0 FROM coverage_reports;
INSERT INTO fact_scopes SELECT DISTINCT 'samples', source, scope, 1, 0 FROM samples;
INSERT INTO fact_scopes SELECT DISTINCT 'inventories', source, scope, 1, 0 FROM inventories;
INSERT INTO fact_scopes SELECT DISTINCT 'reported_values', source, scope, 1, 0 FROM reported_values;
