//! Panels and where they stand.

use serde_json::{Value, json};

use crate::kpi::{Direction, Kpi, Statistic, Unit, metric_name};
use crate::report::alerts::looked_back;

/// The width of a dashboard.
const WIDTH: u64 = 24;

/// A query of a panel.
pub(super) struct Query {
    legend: String,
    expression: String,
    instant: bool,
}

impl Query {
    /// Over the time that is shown.
    pub(super) fn range(legend: &str, expression: &str) -> Self {
        Self { legend: legend.to_owned(), expression: expression.to_owned(), instant: false }
    }

    /// As it is now.
    pub(super) fn instant(legend: &str, expression: &str) -> Self {
        Self { instant: true, ..Self::range(legend, expression) }
    }

    fn target(&self, place: usize) -> Value {
        let letter = char::from(b'A' + u8::try_from(place).unwrap_or_default());
        json!({
            "refId": letter.to_string(), "datasource": datasource(), "expr": self.expression,
            "legendFormat": self.legend, "instant": self.instant, "range": !self.instant, "interval": "1d",
            "format": if self.instant { "table" } else { "time_series" }, "editorMode": "code",
        })
    }
}

/// The data source of the variable.
pub(super) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// The series of a metric of the chosen team.
pub(super) fn selector(metric: &str, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!(",{more}") };
    format!("{metric}{{team=\"$team\"{more}}}")
}

/// The headline of a KPI, for series that more labels select.
pub(super) fn value_query(kpi: &Kpi, labels: &str) -> String {
    let stat =
        if kpi.headline == Statistic::Share || kpi.headline == Statistic::PerDay { "" } else { kpi.headline.label() };
    let stat = if stat.is_empty() { String::new() } else { format!(",stat=\"{stat}\"") };
    looked_back(&format!("{}{{{labels}{stat}}}", metric_name(kpi)))
}

/// Grafana's name of a unit.
pub(super) fn unit_of_panel(kpi: &Kpi) -> &'static str {
    match kpi.unit {
        Unit::Seconds => "s",
        Unit::Ratio => "percentunit",
        Unit::PerSecond => "reqps",
        Unit::PerDay | Unit::PerPullRequest | Unit::Count | Unit::Score | Unit::CostPerUnit => "none",
    }
}

/// What a KPI tells, and which way is better.
pub(super) fn description_of(kpi: &Kpi) -> &'static str {
    kpi.meaning
}

fn better(kpi: &Kpi) -> &'static str {
    match kpi.direction {
        Direction::Lower => "Lower is better.",
        Direction::Higher => "Higher is better.",
        Direction::Stable => "Steady is better.",
    }
}

/// Panels, laid out from left to right.
#[derive(Default)]
pub(super) struct Grid {
    pub(super) panels: Vec<Value>,
    column: u64,
    line: u64,
    height: u64,
}

impl Grid {
    /// Goes on in a new line.
    pub(super) fn row(&mut self) {
        (self.column, self.line, self.height) = (0, self.line + self.height, 0);
    }

    fn place(
        &mut self,
        kind: &str,
        title: &str,
        description: &str,
        (width, height): (u64, u64),
        queries: &[Query],
    ) -> Value {
        if self.column + width > WIDTH {
            self.row();
        }
        let position = json!({ "x": self.column, "y": self.line, "w": width, "h": height });
        self.column += width;
        self.height = self.height.max(height);
        let targets: Vec<Value> = queries.iter().enumerate().map(|(place, query)| query.target(place)).collect();
        json!({
            "id": self.panels.len() + 1, "type": kind, "title": title, "description": description, "gridPos": position,
            "datasource": datasource(), "targets": targets, "transparent": false, "links": [],
        })
    }

    /// The value of a KPI with its n.
    pub(super) fn stat(&mut self, kpi: &Kpi) {
        let labels = "team=\"$team\",window=\"$window\"";
        let n = looked_back(&selector("chiplog_kpi_observations", &format!("kpi=\"{}\",window=\"$window\"", kpi.id)));
        let queries = [Query::range("", &value_query(kpi, labels)), Query::range("n", &n)];
        let description = format!("{} {}", kpi.meaning, better(kpi));
        let mut panel = self.place("stat", kpi.title, &description, (4, 4), &queries);
        panel["links"] = json!([evidence(kpi.id)]);
        panel["options"] = json!({
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false }, "textMode": "value_and_name",
            "colorMode": "none", "graphMode": "area", "justifyMode": "auto", "orientation": "auto",
        });
        let plain =
            json!({ "matcher": { "id": "byName", "options": "n" }, "properties": [{ "id": "unit", "value": "none" }] });
        panel["fieldConfig"] =
            json!({ "defaults": { "unit": unit_of_panel(kpi), "noValue": "no data" }, "overrides": [plain] });
        self.panels.push(panel);
    }

    /// A KPI over time, with its interval and the bounds of its targets.
    pub(super) fn trend(&mut self, kpi: &Kpi) {
        let of_kpi = |metric: &str| looked_back(&selector(metric, &format!("kpi=\"{}\",window=\"$window\"", kpi.id)));
        let target = looked_back(&selector(
            "chiplog_scorecard_target",
            &format!("kpi=\"{}\",bound=~\"(.+_)?(min|max)\"", kpi.id),
        ));
        let queries = [
            Query::range("value", &value_query(kpi, "team=\"$team\",window=\"$window\"")),
            Query::range("low", &of_kpi("chiplog_kpi_interval_low")),
            Query::range("high", &of_kpi("chiplog_kpi_interval_high")),
            Query::range("target {{bound}}", &format!("max by (team, bound) ({target})")),
        ];
        let description = format!("{} The band is the 95 % interval, dashes are targets. {}", kpi.meaning, better(kpi));
        let mut panel = self.place("timeseries", kpi.title, &description, (12, 8), &queries);
        panel["links"] = json!([evidence(kpi.id)]);
        panel["options"] = options();
        let quiet = |name: &str, properties: Value| json!({ "matcher": { "id": "byRegexp", "options": name }, "properties": properties });
        panel["fieldConfig"] = json!({
            "defaults": { "unit": unit_of_panel(kpi), "custom": { "lineWidth": 2, "spanNulls": 172_800_000, "fillOpacity": 0 } },
            "overrides": [
                quiet("low|high", json!([{ "id": "custom.lineWidth", "value": 0 }])),
                quiet("high", json!([{ "id": "custom.fillBelowTo", "value": "low" }, { "id": "custom.fillOpacity", "value": 15 }])),
                quiet("target.*", json!([{ "id": "custom.lineStyle", "value": { "fill": "dash", "dash": [10, 10] } }])),
            ],
        });
        self.panels.push(panel);
    }

    /// Several series over time; stacked where they add up.
    pub(super) fn series(&mut self, title: &str, description: &str, unit: &str, queries: &[Query], stacked: bool) {
        let mut panel = self.place("timeseries", title, description, (12, 8), queries);
        let stacking = if stacked { json!({ "mode": "normal", "group": "A" }) } else { json!({ "mode": "none" }) };
        panel["options"] = options();
        panel["fieldConfig"] = json!({
            "defaults": {
                "unit": unit,
                "custom": { "lineWidth": 2, "spanNulls": 172_800_000, "fillOpacity": if stacked { 40 } else { 0 }, "stacking": stacking },
            },
            "overrides": [],
        });
        self.panels.push(panel);
    }

    /// A status over time, coloured by what it means.
    pub(super) fn timeline(&mut self, title: &str, description: &str, query: &Query, height: u64) {
        let mut panel = self.place("state-timeline", title, description, (24, height), std::slice::from_ref(query));
        let state = |code: &str, text: &str, colour: &str| {
            (code.to_owned(), json!({ "text": text, "color": colour, "index": 0 }))
        };
        let states: serde_json::Map<String, Value> = [
            state("0", "not judged", "text"),
            state("1", "on target", "green"),
            state("2", "near", "yellow"),
            state("3", "off", "red"),
        ]
        .into_iter()
        .collect();
        panel["options"] = json!({ "mergeValues": true, "showValue": "never", "rowHeight": 0.9, "legend": { "displayMode": "list", "placement": "bottom" } });
        panel["fieldConfig"] = json!({
            "defaults": { "unit": "none", "mappings": [{ "type": "value", "options": states }] }, "overrides": [],
        });
        self.panels.push(panel);
    }

    /// Values as they are now.
    pub(super) fn table(&mut self, title: &str, description: &str, queries: &[Query]) {
        let mut panel = self.place("table", title, description, (12, 8), queries);
        panel["options"] = json!({ "showHeader": true, "cellHeight": "sm" });
        panel["transformations"] = json!([
            { "id": "merge", "options": {} },
            { "id": "organize", "options": { "excludeByName": { "Time": true, "__name__": true, "instance": true, "job": true } } },
        ]);
        panel["fieldConfig"] = json!({ "defaults": { "unit": "none", "noValue": "no data" }, "overrides": [] });
        self.panels.push(panel);
    }
}

fn options() -> Value {
    json!({
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
        "tooltip": { "mode": "multi", "sort": "none" },
    })
}

/// The page of chiplog with the items behind a number.
fn evidence(kpi: &str) -> Value {
    json!({
        "title": "Why is it what it is?", "type": "link", "targetBlank": true, "asDropdown": false, "tags": [],
        "icon": "external link", "includeVars": false, "keepTime": true, "tooltip": "The items behind the number",
        "url": format!("${{chiplog}}/teams/${{team}}/kpis/{kpi}"),
    })
}
