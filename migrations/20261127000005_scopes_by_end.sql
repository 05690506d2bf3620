-- What is read of a scope is what had not ended before some moment; what is open sorts behind all that ended. Nothing asks
-- for facts by when they began.

DROP INDEX repositories_scope;
CREATE INDEX repositories_scope ON repositories (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX team_repositories_scope;
CREATE INDEX team_repositories_scope ON team_repositories (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX commits_scope;
CREATE INDEX commits_scope ON commits (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX pull_requests_scope;
CREATE INDEX pull_requests_scope ON pull_requests (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX deployments_scope;
CREATE INDEX deployments_scope ON deployments (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX releases_scope;
CREATE INDEX releases_scope ON releases (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX tags_scope;
CREATE INDEX tags_scope ON tags (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX ci_runs_scope;
CREATE INDEX ci_runs_scope ON ci_runs (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX incidents_scope;
CREATE INDEX incidents_scope ON incidents (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX work_items_scope;
CREATE INDEX work_items_scope ON work_items (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX iterations_scope;
CREATE INDEX iterations_scope ON iterations (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX security_alerts_scope;
CREATE INDEX security_alerts_scope ON security_alerts (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX test_reports_scope;
CREATE INDEX test_reports_scope ON test_reports (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX coverage_reports_scope;
CREATE INDEX coverage_reports_scope ON coverage_reports (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX samples_scope;
CREATE INDEX samples_scope ON samples (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX inventories_scope;
CREATE INDEX inventories_scope ON inventories (scope, COALESCE(ended_at_ms, 9223372036854775807));
DROP INDEX reported_values_scope;
CREATE INDEX reported_values_scope ON reported_values (scope, COALESCE(ended_at_ms, 9223372036854775807));
