//! Grafana dashboards, generated from the catalogue: classic JSON of schema version 39, which Grafana 11 to 13 read.
//!
//! Every expression looks back over a day, so that points of a backfilled history are seen; status colours come from
//! chiplog's own status, targets from its series.

mod panel;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::panel::{Grid, Query, description_of, selector, unit_of_panel, value_query};
use crate::kpi::{CATALOGUE, Kpi, find, metric_name};
use crate::report::alerts::looked_back;

/// The version of Grafana's schema.
const SCHEMA_VERSION: u32 = 39;

/// DORA's five, speed beside stability.
const DORA: [&str; 5] = [
    "lead_time_for_changes",
    "deployment_frequency",
    "change_failure_rate",
    "failed_deployment_recovery_time",
    "deployment_rework_rate",
];

const FLOW: [&str; 8] = [
    "lead_time_for_changes",
    "pr_cycle_time",
    "review_turnaround_time",
    "work_item_cycle_time",
    "throughput",
    "delivery_predictability",
    "ci_duration",
    "ci_success_rate",
];

const STABILITY: [&str; 7] = [
    "change_failure_rate",
    "deployment_rework_rate",
    "failed_deployment_recovery_time",
    "time_to_restore",
    "incident_rate",
    "severe_incidents",
    "deployment_success_rate",
];

/// Every dashboard by the name of its file.
pub fn dashboards() -> Vec<(&'static str, Value)> {
    vec![
        ("team-overview.json", team_overview()),
        (
            "flow.json",
            of_kpis("chiplog-flow", "Flow", "How work flows: stages, pull requests, reviews, checks.", &FLOW, true),
        ),
        (
            "stability.json",
            of_kpis("chiplog-stability", "Stability", "What breaks, and how it is mended.", &STABILITY, false),
        ),
        ("scorecard.json", scorecard()),
        ("kpi-explorer.json", explorer()),
        ("organisation.json", organisation()),
        ("data-quality.json", data_quality()),
    ]
}

fn kpis(ids: &[&str]) -> Vec<&'static Kpi> {
    ids.iter().filter_map(|id| find(id)).collect()
}

/// What all dashboards share. `variables` come after the data source.
fn dashboard(uid: &str, title: &str, description: &str, variables: Vec<Value>, panels: &[Value]) -> Value {
    let datasource = json!({
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1,
        "hide": 0, "current": { "text": "", "value": "" }, "options": [], "regex": "", "multi": false, "includeAll": false,
    });
    let links = ["team-overview", "flow", "stability", "scorecard", "kpi-explorer", "organisation", "data-quality"];
    let links: Vec<Value> = links
        .iter()
        .map(|name| {
            json!({
                "type": "link", "title": name.replace('-', " "), "url": format!("/d/chiplog-{name}"), "keepTime": true,
                "includeVars": true, "targetBlank": false, "asDropdown": false, "icon": "dashboard", "tags": [],
                "tooltip": "",
            })
        })
        .collect();
    let address = json!({
        "name": "chiplog", "label": "chiplog", "type": "textbox", "query": "http://127.0.0.1:9847", "hide": 0,
        "description": "Where chiplog's own pages are: links to evidence lead there.",
        "current": { "text": "http://127.0.0.1:9847", "value": "http://127.0.0.1:9847" }, "options": [],
    });
    let variables: Vec<Value> = [datasource, address].into_iter().chain(variables).collect();
    json!({
        "uid": uid, "id": null, "title": format!("chiplog: {title}"), "description": description, "tags": ["chiplog"],
        "schemaVersion": SCHEMA_VERSION, "version": 1, "editable": false, "graphTooltip": 1, "timezone": "browser",
        "weekStart": "monday", "refresh": "", "time": { "from": "now-180d", "to": "now" }, "fiscalYearStartMonth": 0,
        "templating": { "list": variables }, "annotations": { "list": annotations() },
        "links": links, "panels": panels, "timepicker": {}, "liveNow": false,
    })
}

fn variable(name: &str, label: &str, query: &str) -> Value {
    json!({
        "name": name, "label": label, "type": "query", "datasource": panel::datasource(),
        "query": { "query": query, "refId": "variable" }, "refresh": 2, "sort": 1, "hide": 0, "multi": false,
        "includeAll": false, "current": { "text": "", "value": "" }, "options": [], "regex": "",
    })
}

fn team() -> Value {
    variable("team", "Team", "label_values(chiplog_team_info, team)")
}

fn window() -> Value {
    let options: Vec<Value> = ["7d", "28d", "84d", "364d"]
        .iter()
        .map(|window| json!({ "text": window, "value": window, "selected": *window == "28d" }))
        .collect();
    json!({
        "name": "window", "label": "Window", "type": "custom", "query": "7d,28d,84d,364d", "hide": 0, "multi": false,
        "includeAll": false, "current": { "text": "28d", "value": "28d", "selected": true }, "options": options,
    })
}

/// Deployments, incidents and changes of targets of the team, and of definitions.
fn annotations() -> Vec<Value> {
    let of = |name: &str, colour: &str, expression: String, title: &str, by_value: bool| {
        json!({
            "name": name, "datasource": panel::datasource(), "enable": true, "hide": false, "iconColor": colour,
            "target": { "refId": "annotation", "expr": expression, "interval": "1d" },
            "titleFormat": title, "textFormat": "", "useValueForTime": by_value,
        })
    };
    let moments = |metric: &str| format!("1000 * {}", looked_back(&selector(metric, "")));
    vec![
        of("Deployments", "green", moments("chiplog_last_deployment_timestamp_seconds"), "deployment", true),
        of("Incidents", "red", moments("chiplog_last_incident_timestamp_seconds"), "incident", true),
        of(
            "Target changes",
            "blue",
            "1000 * last_over_time(chiplog_scorecard_target_changed_timestamp_seconds{team=\"$team\"}[26h])".to_owned(),
            "target of {{kpi}} changed",
            true,
        ),
        of(
            "Definition changes",
            "purple",
            "count by (team, kpi) (last_over_time(chiplog_kpi_trend_enough{team=\"$team\"}[26h])) * on (kpi) group_left (definition_version) (last_over_time(chiplog_kpi_info{definition_version!=\"1\"}[26h]) unless on (kpi) last_over_time(chiplog_kpi_info{definition_version!=\"1\"}[26h] offset 1d))".to_owned(),
            "{{kpi}} has a new definition",
            false,
        ),
    ]
}

/// How some KPIs stand against their targets, over time.
fn standing(grid: &mut Grid, ids: &[&str], height: u64) {
    let series = selector("chiplog_scorecard_status", &format!("kpi=~\"{}\"", ids.join("|")));
    let expression = format!("max by (team, kpi) ({})", looked_back(&series));
    let description = "0 not judged, 1 on target, 2 near, 3 off; the worst of the rows of all roles.";
    grid.timeline("Status against targets", description, &Query::range("{{kpi}}", &expression), height);
}

fn team_overview() -> Value {
    let mut grid = Grid::default();
    standing(&mut grid, &DORA, 6);
    for kpi in kpis(&DORA) {
        grid.stat(kpi);
    }
    grid.row();
    for kpi in kpis(&DORA) {
        grid.trend(kpi);
    }
    grid.row();
    grid.table(
        "Confirmed regressions",
        "KPIs that have got worse: large enough, not by chance, in two weeks running. None is shown as 0.",
        &[Query::instant("regressions", &looked_back(&selector("chiplog_kpi_regression_confirmed", "")))],
    );
    grid.table(
        "Trends",
        "The last weeks against those before: their ratio, or the difference of shares, and the q-value of having got worse over all teams' series.",
        &[
            Query::instant("ratio", &looked_back(&selector("chiplog_kpi_trend_effect_ratio", ""))),
            Query::instant("difference", &looked_back(&selector("chiplog_kpi_trend_effect_points", ""))),
            Query::instant("q", &looked_back(&selector("chiplog_kpi_trend_qvalue", ""))),
            Query::instant("n", &looked_back(&selector("chiplog_kpi_trend_observations", "span=\"current\""))),
        ],
    );
    dashboard(
        "chiplog-team-overview",
        "team overview",
        "DORA's five together, with n, interval and trend.",
        vec![team(), window()],
        &grid.panels,
    )
}

/// Stats and trends of some KPIs; with the stages of pull requests in front where asked for.
fn of_kpis(uid: &str, title: &str, description: &str, ids: &[&str], with_stages: bool) -> Value {
    let mut grid = Grid::default();
    if let Some(stages) = find("lead_time_stage").filter(|_| with_stages) {
        let expression = looked_back(&selector("chiplog_lead_time_stage_seconds", "window=\"$window\",stat=\"mean\""));
        let query = Query::range("{{stage}}", &expression);
        grid.series("Where the lead time goes", description_of(stages), unit_of_panel(stages), &[query], true);
    }
    if with_stages {
        let open = looked_back(&selector("chiplog_kpi_censored", "kpi=\"pr_cycle_time\",window=\"$window\""));
        let aged = looked_back(&selector("chiplog_pr_cycle_time_seconds", "window=\"$window\",stat=\"p50_with_open\""));
        grid.series(
            "Age of pull requests, open ones included",
            "The median by Kaplan and Meier of those opened in the window: what is still open counts as not ended yet.",
            "s",
            &[Query::range("{{clock}} p50 with open", &aged)],
            false,
        );
        grid.series("Open pull requests", "How many wait to be merged.", "none", &[Query::range("open", &open)], false);
        grid.row();
    }
    for kpi in kpis(ids) {
        grid.stat(kpi);
    }
    grid.row();
    standing(&mut grid, ids, 8);
    for kpi in kpis(ids) {
        grid.trend(kpi);
    }
    dashboard(uid, &title.to_lowercase(), description, vec![team(), window()], &grid.panels)
}

fn scorecard() -> Value {
    let mut grid = Grid::default();
    let status = looked_back(&selector("chiplog_scorecard_status", "role=\"$role\""));
    grid.timeline(
        "Status of each row",
        "0 not judged, 1 on target, 2 near, 3 off.",
        &Query::range("{{row}} · {{kpi}}", &status),
        16,
    );
    grid.table(
        "Rows and targets",
        "The status now, and the bounds of the target in the KPI's own unit.",
        &[
            Query::instant("status", &status),
            Query::instant("target", &looked_back(&selector("chiplog_scorecard_target", "role=\"$role\""))),
        ],
    );
    grid.table(
        "n of each KPI",
        "How many observations stand behind each KPI over the window.",
        &[Query::instant("n", &looked_back(&selector("chiplog_kpi_observations", "window=\"$window\"")))],
    );
    let role = variable("role", "Role", "label_values(chiplog_scorecard_status, role)");
    dashboard(
        "chiplog-scorecard",
        "scorecard",
        "A role's scorecard of a team.",
        vec![team(), role, window()],
        &grid.panels,
    )
}

fn explorer() -> Value {
    let mut grid = Grid::default();
    let of_kpi = |metric: &str| looked_back(&selector(metric, "kpi=\"$kpi\",window=\"$window\""));
    // The metric of a KPI ends in its unit, and others begin with its name.
    let unit = |kpi: &Kpi| metric_name(kpi).strip_prefix(&format!("chiplog_{}", kpi.id)).map(str::to_owned);
    let units: BTreeSet<String> = CATALOGUE.iter().copied().filter_map(unit).collect();
    let name = format!("chiplog_${{kpi}}({})", Vec::from_iter(units).join("|"));
    let series = format!("{{__name__=~\"{name}\",team=\"$team\",window=\"$window\"}}");
    let values = Query::range("{{stat}} {{stage}}{{severity}}{{measure}}", &looked_back(&series));
    grid.series("Value", "The statistics of the KPI, in its own unit.", "none", &[values], false);
    grid.series(
        "Interval",
        "The 95 % interval of the headline statistic.",
        "none",
        &[
            Query::range("low", &of_kpi("chiplog_kpi_interval_low")),
            Query::range("high", &of_kpi("chiplog_kpi_interval_high")),
        ],
        false,
    );
    grid.series(
        "n and open",
        "How many observations stand behind the value, and how many items had begun and not ended.",
        "none",
        &[
            Query::range("n", &of_kpi("chiplog_kpi_observations")),
            Query::range("open", &of_kpi("chiplog_kpi_censored")),
        ],
        false,
    );
    let of_trend = |metric: &str| looked_back(&selector(metric, "kpi=\"$kpi\""));
    grid.series(
        "Trend",
        "1 while a regression or an improvement is confirmed, and the q-value of having got worse. Only the KPIs that are alerted on have one.",
        "none",
        &[
            Query::range("regression", &of_trend("chiplog_kpi_regression_confirmed")),
            Query::range("improvement", &of_trend("chiplog_kpi_improvement_confirmed")),
            Query::range("q", &of_trend("chiplog_kpi_trend_qvalue")),
        ],
        false,
    );
    grid.table(
        "Targets",
        "The bounds of the KPI in the scorecards.",
        &[Query::instant("target", &looked_back(&selector("chiplog_scorecard_target", "kpi=\"$kpi\"")))],
    );
    let kpi = variable("kpi", "KPI", "label_values(chiplog_kpi_info, kpi)");
    dashboard(
        "chiplog-kpi-explorer",
        "KPI explorer",
        "One KPI of one team, with all that is known of it.",
        vec![team(), kpi, window()],
        &grid.panels,
    )
}

fn organisation() -> Value {
    let mut grid = Grid::default();
    let status = looked_back("chiplog_scorecard_status");
    for (title, code) in [("Rows on target", 1), ("Rows near", 2), ("Rows off", 3)] {
        let expression = format!("count by (team) (max by (team, role, row) ({status}) == {code})");
        grid.series(
            title,
            "How many rows of its scorecards a team has there. Teams stand in the order of the alphabet: they are not to be ranked, their work differs.",
            "none",
            &[Query::range("{{team}}", &expression)],
            false,
        );
    }
    let confirmed = looked_back("chiplog_kpi_regression_confirmed");
    grid.series(
        "Confirmed regressions",
        "How many of a team's KPIs have got worse.",
        "none",
        &[Query::range("{{team}}", &format!("sum by (team) ({confirmed})"))],
        false,
    );
    for kpi in kpis(&DORA[..3]) {
        let expression = value_query(kpi, "window=\"$window\"");
        let title = format!("{}, team by team", kpi.title);
        grid.series(&title, description_of(kpi), unit_of_panel(kpi), &[Query::range("{{team}}", &expression)], false);
    }
    dashboard("chiplog-organisation", "organisation", "All teams, without a ranking.", vec![window()], &grid.panels)
}

fn data_quality() -> Value {
    let mut grid = Grid::default();
    let age = format!("time() - {}", looked_back("chiplog_source_last_success_timestamp_seconds"));
    let panels: [(&str, &str, &str, String, &str); 7] = [
        ("Age of what is known", "How long ago each source was last collected.", "s", age, "{{source}}"),
        (
            "What belongs nowhere",
            "Facts without service, team or deployment; `chiplog doctor` says how to mend it.",
            "none",
            looked_back("chiplog_unmapped_items"),
            "{{kind}}: {{reason}}",
        ),
        (
            "API budget left",
            "What is left of each hourly budget.",
            "none",
            looked_back("chiplog_source_rate_limit_remaining"),
            "{{source}} {{resource}}",
        ),
        (
            "Requests",
            "Requests of the last day.",
            "none",
            "increase(chiplog_source_requests_total[1d])".to_owned(),
            "{{source}}",
        ),
        (
            "Items collected",
            "Facts that were new or different, of the last day.",
            "none",
            "increase(chiplog_source_items_total[1d])".to_owned(),
            "{{source}} {{kind}}",
        ),
        (
            "Time of collection",
            "How long the last collection of each source took.",
            "s",
            looked_back("chiplog_source_collect_duration_seconds"),
            "{{source}}",
        ),
        (
            "Time of evaluation",
            "How long the last evaluation of all KPIs took.",
            "s",
            looked_back("chiplog_kpi_evaluation_duration_seconds"),
            "evaluation",
        ),
    ];
    for (title, description, unit, expression, legend) in panels {
        grid.series(title, description, unit, &[Query::range(legend, &expression)], false);
    }
    dashboard(
        "chiplog-data-quality",
        "data quality",
        "Whether the numbers can be trusted: freshness, gaps, budgets.",
        Vec::new(),
        &grid.panels,
    )
}
