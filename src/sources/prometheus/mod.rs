//! The user's Prometheus: service health, cost and volume by queries of their own, one value per service and day, kept so
//! that months stay known after Prometheus has forgotten them; and its alert rules for checklists.
//!
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

mod config;
mod convert;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Duration;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::clocks;
use super::finding::{Finding, Fix};
use super::http::JsonClient;
use super::shape;
use super::source::{BatchSink, ConfigureError, Kind, Source, SourceContext, SourceError, SourceTable, Telemetry};
use crate::facts::{Batch, Fact, FactFamily as _, Inventory, Moment, Sample};
use config::PrometheusConfig;

/// Prometheus.
pub(super) const KIND: Kind = Kind {
    name: "prometheus",
    summary: "Service level objectives, latency, errors, throughput, cost and volume of services, by PromQL.",
    families: FAMILIES,
    example: r#"[prometheus]
base_url = "http://prometheus:9090"
token_env = "PROMETHEUS_TOKEN"   # or token_file, or none: sent as a bearer token
service_label = "service"        # the label of the results that names the service
alert_rules = true               # read the alert rules, for [[readiness]]
name = "prometheus"              # the source's name, needed when there are several
# One value per service for the day that ends at the moment of the query; $window is that day. Latencies in seconds, shares
# from 0 to 1, request_throughput per second, cost in one currency.
[prometheus.queries]
slo_attainment = 'avg by (service) (avg_over_time(slo:met:ratio[$window]))'
latency_p95 = 'histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket[$window])))'
latency_p99 = 'histogram_quantile(0.99, sum by (service, le) (rate(http_request_duration_seconds_bucket[$window])))'
error_rate = 'sum by (service) (rate(http_requests_total{code=~"5.."}[$window])) / sum by (service) (rate(http_requests_total[$window]))'
request_throughput = 'sum by (service) (rate(http_requests_total[$window]))'
cost = 'sum by (service) (sum_over_time(cost_dollars_per_hour[$window:1h]))'
volume = 'sum by (service) (increase(http_requests_total[$window]))'
"#,
    privacy: "Only the service's name, the day and the value are kept; of alert rules their names and labels.",
    credential: "the bearer token that the server, or the proxy before it, expects; none where neither does",
    configure,
};

const FAMILIES: &[&str] = &[Sample::FAMILY, Inventory::FAMILY];

/// How many days one query asks for.
const DAYS_AT_ONCE: i64 = 60;

fn configure(table: SourceTable<'_>, context: &SourceContext) -> Result<Arc<dyn Source>, ConfigureError> {
    let config = PrometheusConfig::read(table, context)?;
    let client = JsonClient::new("Prometheus", config.headers()?, context.timeout)
        .map_err(|error| ConfigureError::Value { key: "base_url".to_owned(), problem: error.to_string() })?;
    Ok(Arc::new(PrometheusSource { config, client, context: context.clone() }))
}

struct PrometheusSource {
    config: PrometheusConfig,
    client: JsonClient,
    context: SourceContext,
}

#[async_trait]
impl Source for PrometheusSource {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn families(&self) -> Vec<&'static str> {
        if self.config.alert_rules { FAMILIES.to_vec() } else { vec![Sample::FAMILY] }
    }

    async fn collect(&self, sink: &dyn BatchSink) -> Result<(), SourceError> {
        let now = (self.context.now)();
        let mut failed = None;
        for (measure, query) in &self.config.queries {
            // A wrong query must not keep the others from being asked.
            if let Err(error) = self.measure(sink, measure, query, now).await {
                if matches!(error, SourceError::Malformed(_)) {
                    sink.report(measure, &error);
                } else {
                    failed = Some(error);
                    break;
                }
            }
        }
        if failed.is_none() && self.config.alert_rules {
            self.rules(sink, now).await?;
        }
        failed.map_or(Ok(()), Err)
    }

    async fn diagnose(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let now = (self.context.now)();
        for (measure, query) in &self.config.queries {
            findings.push(match self.range(measure, query, now, now).await {
                Err(error) => Finding::failed(&error, KIND.credential),
                Ok(result) => {
                    let names = convert::services(&result, &self.config.service_label);
                    if names.is_empty() {
                        let label = &self.config.service_label;
                        let message = format!("{measure}: no series has the label {label} now");
                        let step = format!("ask Prometheus for the query of {measure} in [prometheus.queries]; its result must have the label {label} (service_label names another)");
                        Finding::problem(message).fix(Fix::Elsewhere(step))
                    } else {
                        Finding::good(format!("{measure}: {}", names.join(", ")))
                    }
                }
            });
        }
        findings
    }

    fn shows_credentials_to(&self) -> Option<&str> {
        self.config.has_token().then_some(&self.config.base_url)
    }

    fn telemetry(&self) -> Vec<Telemetry> {
        self.client.telemetry()
    }
}

impl PrometheusSource {
    /// Reads the days of a measure that have ended and are not stored.
    async fn measure(&self, sink: &dyn BatchSink, measure: &str, query: &str, now: Moment) -> Result<(), SourceError> {
        // Another query is another history.
        let cursor = format!("{measure}/{}", digest(query));
        let last = midnight(now);
        let stored = sink.cursor(&cursor).await?.and_then(|day| day.parse::<Moment>().ok());
        let mut from = clocks::read_until(stored, now)
            .map_or_else(|| midnight(now - self.context.history), |day| day + Duration::days(1));
        while from <= last {
            let until = (from + Duration::days(DAYS_AT_ONCE - 1)).min(last);
            let result = self.range(measure, query, from, until).await?;
            let mut batch = convert::samples(&result, measure, &self.config.service_label, self.graph(query).as_ref());
            batch.cursors.push((cursor.clone(), Some(until.to_rfc3339())));
            sink.accept(batch).await?;
            from = until + Duration::days(1);
        }
        Ok(())
    }

    /// The alert rules, stored once a day and whenever they change.
    async fn rules(&self, sink: &dyn BatchSink, now: Moment) -> Result<(), SourceError> {
        let url = self.url("api/v1/rules", &[("type", "alert")])?;
        let (status, body) = self.client.get(url).await?;
        let mut data = self.data(status, body, "the alert rules")?;
        let groups = shape::list(&mut data, "groups", "Prometheus")?;
        let inventory = convert::alert_rules(&groups, &self.config.base_url, now);
        let state = format!("{} {}", now.date_naive(), digest(&json!(inventory.entries).to_string()));
        if sink.cursor("alert_rules").await?.as_deref() == Some(&state) {
            return Ok(());
        }
        let cursors = vec![("alert_rules".to_owned(), Some(state))];
        Ok(sink.accept(Batch { facts: vec![Fact::Inventory(inventory)], cursors, ..Batch::default() }).await?)
    }

    /// The values of a query at each midnight of a span.
    async fn range(&self, measure: &str, query: &str, from: Moment, until: Moment) -> Result<Value, SourceError> {
        let query = query.replace("$window", "1d");
        let (start, end) = (from.timestamp().to_string(), until.timestamp().to_string());
        let parameters = [("query", query.as_str()), ("start", &start), ("end", &end), ("step", "86400")];
        let (status, body) = self.client.get(self.url("api/v1/query_range", &parameters)?).await?;
        let mut data = self.data(status, body, &format!("the query {measure}"))?;
        Ok(Value::Array(shape::list(&mut data, "result", "Prometheus")?))
    }

    fn data(&self, status: StatusCode, mut body: Value, what: &str) -> Result<Value, SourceError> {
        match status {
            StatusCode::OK if body["status"] == "success" => shape::object(&mut body, "data", "Prometheus"),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(SourceError::Unauthorized(format!(
                "Prometheus at {} refuses the token ({status}): correct token_env of [prometheus]",
                self.config.base_url
            ))),
            status => {
                let message = body["error"].as_str().unwrap_or("it is no Prometheus API");
                Err(SourceError::Malformed(format!("Prometheus refuses {what} ({status}): {message}")))
            }
        }
    }

    fn url(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Url, SourceError> {
        let problem = |_| SourceError::Unavailable("base_url of [prometheus] is no URL".to_owned());
        Url::parse_with_params(&format!("{}/{path}", self.config.base_url), parameters).map_err(problem)
    }

    /// Where people see a query.
    fn graph(&self, query: &str) -> Option<String> {
        let query = query.replace("$window", "1d");
        self.url("graph", &[("g0.expr", &query), ("g0.tab", "0")]).ok().map(Into::into)
    }
}

fn midnight(moment: Moment) -> Moment {
    moment.date_naive().and_hms_opt(0, 0, 0).map_or(moment, |midnight| midnight.and_utc())
}

fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..6])
}
