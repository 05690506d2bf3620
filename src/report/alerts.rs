//! Alert rules for Prometheus and routes for Alertmanager, generated from the catalogue. They read chiplog's own verdicts:
//! `PromQL` cannot test for significance.

use std::fmt::Write as _;

use super::health_alerts;
use crate::kpi::{Kpi, Unit, find};
use crate::trend::ALERTABLE;

/// Slow series are read over so long, because points that are farther apart than five minutes are invisible otherwise.
const LOOK_BACK: &str = "26h";

/// The last value of a day: points of a history are a day apart. Each replica tells the same of a team; those that were imported
/// know nothing of the scrape that the newer ones came with, and are one series with them.
pub(super) fn looked_back(series: &str) -> String {
    format!("max without (instance, job) (last_over_time({series}[{LOOK_BACK}]))")
}

/// The KPI that speaks when another is pushed too far: speed beside stability, and stability beside speed.
fn counterpart(kpi: &str) -> &'static str {
    match kpi {
        "change_failure_rate" => "deployment_frequency",
        "deployment_rework_rate" | "failed_deployment_recovery_time" => "lead_time_for_changes",
        "ci_success_rate" => "pr_cycle_time",
        _ => "change_failure_rate",
    }
}

/// `alerts.yml`.
pub fn alert_rules() -> String {
    let mut text = String::from(
        "# Alert rules of chiplog, generated from its catalogue of KPIs (a test keeps them so). They tell of teams, never of\n\
         # people, and page nobody: severity is notice or warning.\n\
         groups:\n\
         \x20 - name: chiplog-trends\n\
         \x20   rules:\n",
    );
    for kpi in ALERTABLE.iter().filter_map(|id| find(id)) {
        text.push_str(&regression(kpi));
    }
    text.push_str(SCORECARDS);
    text.push_str(&health_alerts::group());
    text
}

/// How an annotation shows a value of a unit.
fn shown(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "humanizeDuration",
        Unit::Ratio => "humanizePercentage",
        _ => "printf \"%.2f\"",
    }
}

/// An expression of a template: the first value of a query for the alert's team and a KPI.
fn value(metric: &str, kpi: &str, more: &str, format: &str) -> String {
    let selector = format!("{metric}{{kpi='{kpi}',team='%s'{more}}}");
    format!(
        "{{{{ with printf \"last_over_time({selector}[{LOOK_BACK}])\" .Labels.team | query }}}}\
         {{{{ . | first | value | {format} }}}}{{{{ else }}}}?{{{{ end }}}}"
    )
}

fn regression(kpi: &Kpi) -> String {
    let (id, title) = (kpi.id, kpi.title);
    let of_kpi = |metric: &str, more: &str, format: &str| value(metric, id, more, format);
    let (effect, low, high) = if kpi.unit == Unit::Ratio {
        ("chiplog_kpi_trend_effect_points", "chiplog_kpi_trend_points_low", "chiplog_kpi_trend_points_high")
    } else {
        ("chiplog_kpi_trend_effect_ratio", "chiplog_kpi_trend_ratio_low", "chiplog_kpi_trend_ratio_high")
    };
    let how = if kpi.unit == Unit::Ratio { "by" } else { "×" };
    let number = "printf \"%.2f\"";
    let counter = counterpart(id);
    let counter_title = find(counter).map_or(counter, |kpi| kpi.title);
    let mut text = String::new();
    let _ = write!(
        text,
        "\x20     - alert: ChiplogKpiTrendRegression\n\
         \x20       # Only while chiplog itself is up to date: stale verdicts say nothing.\n\
         \x20       expr: |\n\
         \x20         {confirmed} == 1\n\
         \x20         and on () (time() - max(last_over_time(chiplog_kpi_evaluation_timestamp_seconds[{LOOK_BACK}])) < 93600)\n\
         \x20       for: 30m\n\
         \x20       keep_firing_for: 1h\n\
         \x20       labels:\n\
         \x20         severity: warning\n\
         \x20       annotations:\n\
         \x20         summary: '{title} of {{{{ .Labels.team }}}} has got worse'\n\
         \x20         description: >-\n\
         \x20           {current} now (n {now}) against {baseline} before (n {before}), {how} {effect} (95 % interval {low} to\n\
         \x20           {high}), confirmed in two weeks running and corrected for all series.\n\
         \x20         since: '{since}'\n\
         \x20         counterpart: '{counter_title} is {{{{ with printf \"last_over_time(chiplog_kpi_regression_confirmed{{kpi=''{counter}'',team=''%s''}}[{LOOK_BACK}])\" .Labels.team | query }}}}{{{{ if eq (. | first | value) 1.0 }}}}worse as well{{{{ else }}}}not worse{{{{ end }}}}{{{{ else }}}}not known{{{{ end }}}}'\n\
         \x20         {runbook}\n\
         \x20         page_path: '/teams/{{{{ .Labels.team }}}}/kpis/{id}'\n\
         \x20         dashboard_path: '/d/chiplog-kpi-explorer?var-team={{{{ .Labels.team }}}}&var-kpi={id}'\n",
        confirmed = looked_back(&format!("chiplog_kpi_regression_confirmed{{kpi=\"{id}\"}}")),
        current = of_kpi("chiplog_kpi_trend_current", "", shown(kpi.unit)),
        baseline = of_kpi("chiplog_kpi_trend_baseline", "", shown(kpi.unit)),
        now = of_kpi("chiplog_kpi_trend_observations", ",span='current'", "printf \"%.0f\""),
        before = of_kpi("chiplog_kpi_trend_observations", ",span='baseline'", "printf \"%.0f\""),
        effect = of_kpi(effect, "", number),
        low = of_kpi(low, "", number),
        high = of_kpi(high, "", number),
        runbook = health_alerts::runbook("ChiplogKpiTrendRegression"),
        since = of_kpi("chiplog_kpi_trend_confirmed_timestamp_seconds", "", "humanizeTimestamp").replace('\'', "''"),
    );
    text
}

const SCORECARDS: &str = r"  - name: chiplog-scorecards
    rules:
      - alert: ChiplogScorecardOffTarget
        expr: max by (team, role, row, kpi) (last_over_time(chiplog_scorecard_status[26h])) == 3
        for: 7d
        labels:
          severity: notice
        annotations:
          summary: '{{ .Labels.row }} of {{ .Labels.team }} is off its target for a week'
          description: 'chiplog scorecard {{ .Labels.team }} --role {{ .Labels.role }} shows value, n and target.'
          runbook_url: docs/runbooks/ChiplogScorecardOffTarget.md
          page_path: '/teams/{{ .Labels.team }}/kpis/{{ .Labels.kpi }}'
";

/// `rules.yml`: what dashboards ask often.
pub fn recording_rules() -> String {
    let status = looked_back("chiplog_scorecard_status");
    let rules = [
        (
            "team:chiplog_regressions_confirmed:sum",
            format!("sum by (team) ({})", looked_back("chiplog_kpi_regression_confirmed")),
        ),
        (
            "team:chiplog_scorecard_rows_off:count",
            format!(
                "count by (team, role) (max by (team, role, row) ({status}) == 3) or 0 * count by (team, role) ({status})"
            ),
        ),
        (
            "source:chiplog_age_seconds:max",
            format!("max by (source) (time() - {})", looked_back("chiplog_source_last_success_timestamp_seconds")),
        ),
    ];
    let mut text = String::from(
        "# Recording rules of chiplog, generated (a test keeps them so).\ngroups:\n  - name: chiplog\n    rules:\n",
    );
    for (record, expression) in rules {
        let _ = writeln!(text, "      - record: {record}\n        expr: {expression}");
    }
    text
}

/// An Alertmanager configuration with a route and a receiver for each team.
pub fn alertmanager_example(teams: &[&str]) -> String {
    let mut text = String::from(
        "# Routes chiplog's alerts to teams: one group a team, a digest a day, a reminder a week. Put your receivers in.\n\
         # Start Alertmanager with --data.retention=192h: it forgets after 120h what it has told, and would tell it again.\n\
         route:\n\
         \x20 receiver: engineering\n\
         \x20 group_by: [team]\n\
         \x20 group_wait: 10m\n\
         \x20 group_interval: 24h\n\
         \x20 repeat_interval: 168h\n\
         \x20 routes:\n",
    );
    for team in teams {
        let _ = writeln!(text, "    - matchers: ['team=\"{team}\"']\n      receiver: team-{team}");
    }
    text.push_str(
        "receivers:\n  - name: engineering\n    webhook_configs:\n      - url: http://127.0.0.1:9099/engineering\n",
    );
    for team in teams {
        let _ = writeln!(
            text,
            "  - name: team-{team}\n    webhook_configs:\n      - url: http://127.0.0.1:9099/teams/{team}"
        );
    }
    text.push_str(
        "inhibit_rules:\n\
         \x20 # While a source stands still, or nothing is evaluated, trends tell nothing.\n\
         \x20 - source_matchers: ['alertname=~\"ChiplogDown|ChiplogStoreUnreachable|ChiplogSourceStale|ChiplogEvaluationFailed\"']\n\
         \x20   target_matchers: ['alertname=\"ChiplogKpiTrendRegression\"']\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alertable_kpi_has_its_rule_and_a_counterpart_of_the_other_kind() {
        let rules = alert_rules();
        assert_eq!(rules.matches("alert: ChiplogKpiTrendRegression").count(), ALERTABLE.len());
        for id in ALERTABLE {
            assert!(find(id).is_some() && rules.contains(&format!("kpi=\"{id}\"")), "{id}");
            assert_ne!(counterpart(id), id);
            assert!(find(counterpart(id)).is_some());
        }
    }
}
