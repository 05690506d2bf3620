//! The HTTP client that sources share: time limits, no redirect to another origin, retries that wait as they are told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::Value;

use super::source::{SourceError, Telemetry};
use crate::address;

/// How often a request is tried in all.
const TRIES: u32 = 5;

/// How many redirects are followed.
const MOST_REDIRECTS: usize = 4;

/// The longest wait between two tries; a host that asks for more is given up until the next collection.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The largest answer that is read, in bytes: pages of a tool's API take some hundred kilobytes, the largest some megabytes.
pub(super) const LARGEST_ANSWER: usize = 64 << 20;

/// Why an answer was not read to its end.
pub(super) enum ReadError {
    /// It is larger than it may be, in bytes.
    TooLarge(u64),
    /// The connection broke.
    Broken(reqwest::Error),
}

/// Reads an answer of at most so many bytes.
pub(super) async fn body_of(mut answer: Response, largest: u64) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(ReadError::Broken)? {
        body.extend_from_slice(&piece);
        if body.len() as u64 > largest {
            return Err(ReadError::TooLarge(largest));
        }
    }
    Ok(body)
}

/// An answer was larger than it may be.
pub(super) fn too_large(host: &str, largest: u64) -> SourceError {
    SourceError::Malformed(format!("{host} sends more than {largest} bytes in one answer: nothing of it is taken"))
}

/// Makes ring the crypto provider of TLS. To be called once, before the first connection; later calls do nothing.
pub fn install_crypto_provider() {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client for JSON over HTTP with one set of headers.
pub struct JsonClient {
    client: Client,
    /// What the client talks to, for messages: `PagerDuty`.
    host: &'static str,
    requests: AtomicU64,
    retries: AtomicU64,
}

impl JsonClient {
    /// A client that sends `headers` with each request, and waits for each answer so long at most.
    pub fn new(host: &'static str, headers: HeaderMap, timeout: Duration) -> Result<Self, SourceError> {
        install_crypto_provider();
        let same_origin = reqwest::redirect::Policy::custom(|attempt| {
            // A token must never follow to another host, nor out of TLS.
            let is_there = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
            if is_there && attempt.previous().len() <= MOST_REDIRECTS { attempt.follow() } else { attempt.stop() }
        });
        let client = Client::builder()
            .user_agent(concat!("chiplog/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(Duration::from_secs(10))
            .timeout(timeout)
            .redirect(same_origin)
            .build()
            .map_err(|error| SourceError::Unavailable(format!("no HTTP client can be made: {error}")))?;
        Ok(Self { client, host, requests: AtomicU64::new(0), retries: AtomicU64::new(0) })
    }

    /// Gets a JSON document. Answers of 5xx and 429, and connections that break, are tried again; everything else is
    /// returned as it is: the status and the document (`null` where the body is no JSON).
    pub async fn get(&self, url: Url) -> Result<(StatusCode, Value), SourceError> {
        let mut attempt = 1;
        loop {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let (problem, wait) = match self.client.request(Method::GET, url.clone()).send().await {
                Ok(answer) if answer.status().is_server_error() || answer.status() == StatusCode::TOO_MANY_REQUESTS => {
                    let wait = retry_after(answer.headers(), server_time(&answer));
                    let status = answer.status();
                    (format!("{} answers {status}", self.host), wait)
                }
                Ok(answer) if is_redirect(answer.status()) => return Err(self.sent_elsewhere(&answer)),
                Ok(answer) => {
                    let status = answer.status();
                    match body_of(answer, LARGEST_ANSWER as u64).await {
                        Ok(body) if status.is_success() => match serde_json::from_slice(&body) {
                            Ok(document) => return Ok((status, document)),
                            Err(error) => (format!("{} answers with broken JSON ({error})", self.host), None),
                        },
                        Ok(body) => return Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null))),
                        Err(ReadError::TooLarge(largest)) => return Err(too_large(self.host, largest)),
                        Err(ReadError::Broken(error)) => (self.unreachable(&url, &error), None),
                    }
                }
                Err(error) => (self.unreachable(&url, &error), None),
            };
            let wait = wait.unwrap_or_else(|| Duration::from_millis(200) * 2_u32.pow(attempt));
            if attempt == TRIES || wait > LONGEST_WAIT {
                return Err(SourceError::Unavailable(format!(
                    "{problem}, after {attempt} tries; chiplog goes on trying"
                )));
            }
            attempt += 1;
            self.retries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(wait).await;
        }
    }

    /// Gets a JSON document that must be there. `what` is asked for, and the token came from `place`, for messages.
    pub async fn document(&self, url: Url, what: &str, place: &str) -> Result<Value, SourceError> {
        let address = url.host_str().unwrap_or_default().to_owned();
        let (status, body) = self.get(url).await?;
        let host = self.host;
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::UNAUTHORIZED => Err(SourceError::Unauthorized(format!(
                "{host} refuses the token in {place} (401): make a new one and start chiplog again"
            ))),
            StatusCode::FORBIDDEN => Err(SourceError::Forbidden(format!(
                "{host} does not let the token in {place} read {what} (403): give it the right to read them"
            ))),
            StatusCode::NOT_FOUND => {
                Err(SourceError::NotFound(format!("{host} at {address} shows no {what} (404): check base_url and ids")))
            }
            status => {
                let texts = [&body["message"], &body["errorMessages"][0], &body["errors"][0]["message"]];
                let message = texts.into_iter().find_map(Value::as_str).unwrap_or_default();
                Err(SourceError::Malformed(format!("{host} refuses to list {what}: {status} {message}")))
            }
        }
    }

    /// Requests and repeated tries so far.
    pub fn telemetry(&self) -> Vec<Telemetry> {
        let sample = |name, help, counter: &AtomicU64| Telemetry {
            name,
            help,
            labels: Vec::new(),
            value: counter.load(Ordering::Relaxed) as f64,
        };
        vec![
            sample("requests_total", "Requests that the source has made.", &self.requests),
            sample("retries_total", "Requests that had to be made again.", &self.retries),
        ]
    }

    /// Why a redirect was not followed, and what to do about it.
    fn sent_elsewhere(&self, answer: &Response) -> SourceError {
        let (host, asked) = (self.host, answer.url());
        SourceError::Malformed(match redirect_target(answer) {
            Some(target) if target.origin() == asked.origin() => {
                format!("{host} redirects within {} again and again: check base_url", address::shown(asked))
            }
            Some(target) => format!(
                "{host} redirects from {} to {}, where chiplog takes no token: base_url must be the address of the API \
                 itself, as it answers without a redirect",
                address::shown(asked),
                address::shown(&target)
            ),
            None => format!("{host} redirects nowhere: check base_url"),
        })
    }

    fn unreachable(&self, url: &Url, error: &reqwest::Error) -> String {
        let place = url.host_str().unwrap_or_default();
        let why = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
        format!("{} {why} at {place}: check base_url and the network", self.host)
    }
}

/// Whether an answer sends elsewhere.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where an answer sends. `None` where it does not, or nowhere.
pub fn redirect_target(answer: &Response) -> Option<Url> {
    let location = answer.headers().get(LOCATION).filter(|_| is_redirect(answer.status()))?;
    answer.url().join(location.to_str().ok()?).ok()
}

/// The server's own time, so that no clock has to be read.
fn server_time(answer: &Response) -> Option<DateTime<Utc>> {
    let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    Some(DateTime::parse_from_rfc2822(date).ok()?.with_timezone(&Utc))
}

/// How long an answer asks to wait: seconds, or a moment to be compared with the server's own time.
fn retry_after(headers: &HeaderMap, now: Option<DateTime<Utc>>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER).or_else(|| headers.get("ratelimit-reset"))?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?.with_timezone(&Utc);
    (at - now?).to_std().ok()
}
