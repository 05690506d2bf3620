//! History by Prometheus remote write (version 1.0), for Mimir, Thanos, `VictoriaMetrics`, or a Prometheus that takes
//! samples out of order.
//!
//! <https://prometheus.io/docs/specs/prw/remote_write_spec/>

use std::time::Duration;

use prost::Message;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, USER_AGENT};
use reqwest::{Client, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};

use super::open_metrics::History;
use crate::address;
use crate::sources::http::redirect_target;

/// The samples of a request, about: receivers refuse what is much larger.
const SAMPLES_OF_REQUEST: usize = 20_000;

/// How often a request is tried in all.
const TRIES: u32 = 5;

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    /// In milliseconds.
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// Sends a history; says after each request how many samples have been taken.
///
/// # Errors
/// A sentence: what the receiver answered, and what to do.
pub async fn send(
    history: &History,
    url: &Url,
    token: Option<&SecretString>,
    mut progress: impl FnMut(usize),
) -> Result<(), String> {
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_mins(2))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| format!("no HTTP client can be made: {error}"))?;
    let (mut request, mut waiting, mut sent) = (WriteRequest::default(), 0, 0);
    for series in all_series(history) {
        waiting += series.samples.len();
        request.timeseries.push(series);
        if waiting >= SAMPLES_OF_REQUEST {
            post(&client, url, token, &std::mem::take(&mut request)).await?;
            sent += std::mem::take(&mut waiting);
            progress(sent);
        }
    }
    if waiting > 0 {
        post(&client, url, token, &request).await?;
        progress(sent + waiting);
    }
    Ok(())
}

fn all_series(history: &History) -> impl Iterator<Item = TimeSeries> {
    history.series().map(|series| {
        let mut all: Vec<Label> = series.labels.into_iter().map(|(name, value)| Label { name, value }).collect();
        all.push(Label { name: "__name__".to_owned(), value: series.name.to_owned() });
        // Receivers want them sorted.
        all.sort_by(|one, other| one.name.cmp(&other.name));
        let samples = series.points.into_iter().map(|(second, value)| Sample { value, timestamp: second * 1000 });
        TimeSeries { labels: all, samples: samples.collect() }
    })
}

async fn post(client: &Client, url: &Url, token: Option<&SecretString>, request: &WriteRequest) -> Result<(), String> {
    let compressed = snap::raw::Encoder::new().compress_vec(&request.encode_to_vec());
    let body = compressed.map_err(|error| format!("the samples cannot be compressed: {error}"))?;
    let mut attempt = 1;
    loop {
        let mut sending = client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(CONTENT_ENCODING, "snappy")
            .header(USER_AGENT, concat!("chiplog/", env!("CARGO_PKG_VERSION")))
            .header(HeaderName::from_static("x-prometheus-remote-write-version"), "0.1.0")
            .body(body.clone());
        if let Some(token) = token {
            sending = sending.bearer_auth(token.expose_secret());
        }
        let problem = match sending.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) if let Some(target) = redirect_target(&answer) => {
                let target = address::shown(&target);
                return Err(format!(
                    "the receiver redirects to {target}, which is not followed: name the right address"
                ));
            }
            Ok(answer) => {
                let status = answer.status();
                let text = answer.text().await.unwrap_or_default();
                let problem = format!("the receiver answers {status}: {}", text.trim());
                if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS {
                    return Err(format!("{problem}. Does it take remote write at this address, and samples this old?"));
                }
                problem
            }
            Err(_) => format!("{} cannot be reached", url.host_str().unwrap_or_default()),
        };
        if attempt == TRIES {
            return Err(format!(
                "{problem}, after {TRIES} tries. Prometheus takes old samples only with out_of_order_time_window"
            ));
        }
        tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        attempt += 1;
    }
}
