//! The simulated Prometheus of the user: the daily values of the world's series, and its alert rules. The metric of a
//! measure is called `demo_` and the measure.

use axum::http::StatusCode;
use chrono::Duration;
use serde_json::{Value, json};

use crate::json_server::{Api, Asked};
use crate::world::{Moment, World};

/// Prometheus. It asks for no authorization.
pub const API: Api = Api { name: "Prometheus", authorization: "", error, respond };

fn error(status: StatusCode) -> Value {
    json!({ "status": "error", "errorType": "internal", "error": status.to_string() })
}

fn success(data: &Value) -> (StatusCode, Value) {
    (StatusCode::OK, json!({ "status": "success", "data": data }))
}

fn respond(world: &World, asked: &Asked) -> (StatusCode, Value) {
    match asked.parts().as_slice() {
        ["api", "v1", "query_range"] => query_range(world, asked),
        ["api", "v1", "rules"] => {
            let rules: Vec<Value> = world
                .alert_rules
                .iter()
                .map(|rule| json!({ "type": "alerting", "name": rule.name, "labels": rule.labels, "query": "up == 0" }))
                .collect();
            success(&json!({ "groups": [{ "name": "services", "file": "rules.yml", "rules": rules }] }))
        }
        _ => (StatusCode::NOT_FOUND, error(StatusCode::NOT_FOUND)),
    }
}

/// The only queries that are known are the names of metrics.
fn query_range(world: &World, asked: &Asked) -> (StatusCode, Value) {
    let moment = |name: &str| asked.parameter(name)?.parse::<i64>().ok().and_then(|at| Moment::from_timestamp(at, 0));
    let query = asked.parameter("query").unwrap_or_default();
    let step = Duration::seconds(i64::try_from(asked.number("step", 0)).unwrap_or_default());
    let (Some(measure), Some(start), Some(end)) = (query.strip_prefix("demo_"), moment("start"), moment("end")) else {
        let body = json!({ "status": "error", "errorType": "bad_data", "error": format!("no such metric: {query}") });
        return (StatusCode::BAD_REQUEST, body);
    };
    let of_measure = world.series.iter().filter(|series| series.measure == measure);
    let result = of_measure.filter_map(|series| {
        let mut values = Vec::new();
        let mut at = start;
        while at <= end {
            if let Some(value) = series.values.get(&at) {
                values.push(json!([at.timestamp(), value.to_string()]));
            }
            if step.is_zero() {
                break;
            }
            at += step;
        }
        (!values.is_empty())
            .then(|| json!({ "metric": { "__name__": query, "service": series.service }, "values": values }))
    });
    success(&json!({ "resultType": "matrix", "result": result.collect::<Vec<_>>() }))
}
