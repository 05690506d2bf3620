//! What comes from outside, one function for each kind of it: it must be read or be refused, and nothing else. The fuzz
//! targets and the ordinary tests (`tests/it/bad_inputs`) share this file.
//!
//! Each function returns how large what it made of the input is, or why the input is refused, and panics where chiplog
//! does what it must not: what it makes of an input, a refusal as well, is never much larger than the input.

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use chiplog::config::{Config, Document};
use chiplog::facts::{Batch, Moment, PersonHasher, Reject};
use chiplog::reported::{Intake, Known, find};
use chiplog::sources::test_reports::{self, Origin};
use chiplog::sources::{
    BatchSink, FactLookup, KINDS, Receiver, SinkError, Source, SourceContext, SourceError, StoredDelivery, Verdict,
};
use chiplog_simulator::webhooks;
use serde_json::Value;

/// How large what was made of an input is, or why it is refused.
pub(crate) type Read = Result<usize, String>;

/// What is made of an input may be so many times larger: a byte that is no UTF-8 is replaced by three, and JSON writes a
/// control character in six.
const GROWTH: usize = 32;

/// What is made of an empty input may be so large.
const SMALLEST: usize = 4096;

const NOW: &str = "2026-10-10T00:00:00Z";

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// All sources that tools send to. None of them is ever asked for anything: nothing listens at the addresses.
const SOURCES: &str = r#"
[github]
token_env = "TOKEN"
organization = "acme"
base_url = "http://127.0.0.1:9"
workflow_runs = true
security_alerts = true
webhook = { secret_env = "SECRET" }
[jira]
base_url = "http://127.0.0.1:9"
user_env = "USER"
token_env = "TOKEN"
jql = "project = PAY"
boards = [1]
webhook = { secret_env = "SECRET" }
[pagerduty]
base_url = "http://127.0.0.1:9"
token_env = "TOKEN"
webhook = { secret_env = "SECRET" }
[incident_io]
base_url = "http://127.0.0.1:9"
token_env = "TOKEN"
webhook = { secret_env = "SECRET" }
[alertmanager]
match = { severity = "critical|page" }
[cdevents]
repositories = { "ledger" = "acme/ledger" }
"#;

struct World {
    runtime: tokio::runtime::Runtime,
    sources: Vec<Arc<dyn Source>>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    chiplog::sources::http::install_crypto_provider();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let document = Document::parse(Path::new("chiplog.toml"), SOURCES.to_owned()).unwrap();
    let context = SourceContext {
        people: PersonHasher::new("key"),
        history: chrono::Duration::days(456),
        retention: None,
        now: Arc::new(now),
        environment: Arc::new(environment),
        timeout: std::time::Duration::from_secs(1),
        readiness_files: Vec::new(),
        base_directory: "/nowhere".into(),
    };
    let _inside = runtime.enter();
    let configured = |kind: &&chiplog::sources::Kind| {
        document
            .tables(kind.name)
            .into_iter()
            .map(|table| (kind.configure)(table, &context).unwrap())
            .collect::<Vec<_>>()
    };
    let sources = KINDS.iter().flat_map(configured).collect();
    World { runtime, sources }
});

fn now() -> Moment {
    NOW.parse().unwrap()
}

fn environment(name: &str) -> Option<String> {
    match name {
        "SECRET" => Some(SECRET.to_owned()),
        // One variable is missing, for what is said then.
        "MISSING" => None,
        name if name.ends_with("_URL") => Some("https://example.org/hook".to_owned()),
        _ => Some("of-no-consequence".to_owned()),
    }
}

/// The source of a kind, and the runtime that it needs.
fn source(kind: &str) -> Option<(&'static World, &'static Arc<dyn Source>)> {
    let world = &*WORLD;
    Some((world, world.sources.iter().find(|source| source.kind() == kind)?))
}

/// A webhook. The first line names the kind of source and the event, the rest is the body; its signature is good.
pub(crate) fn webhook(input: &[u8]) -> Read {
    let (line, body) = first_line(input);
    let mut words = line.split_whitespace();
    let (kind, event) = (words.next().unwrap_or_default(), words.next().unwrap_or("none"));
    let Some((world, source)) = source(kind) else { return Err("line 1: names no source".to_owned()) };
    let headers = headers_of(webhooks::headers(kind, event, ("d-1", now()), SECRET, body));
    let Some(webhook) = source.webhook() else { return received(source, &headers, body) };
    let delivery = webhook.verify(&headers, body, now()).map_err(|refusal| refusal.to_string())?;
    assert_small("what is kept", delivery.body.len(), input);
    if !is_whole(&delivery.body) {
        return Ok(delivery.body.len());
    }
    let stored = StoredDelivery {
        id: delivery.id,
        event: delivery.event,
        received_at: now(),
        headers: delivery.headers,
        body: delivery.body,
    };
    let sink = Sink::default();
    let verdicts = world.runtime.block_on(webhook.process(&[stored], &sink)).unwrap();
    match verdicts.as_slice() {
        [Verdict::Bad(reason)] => Err(reason.clone()),
        [_] => size_of(&sink.0.into_inner().unwrap(), input),
        _ => panic!("not one verdict for one delivery"),
    }
}

/// Whether a delivery tells all that it is about: nobody is asked.
fn is_whole(kept: &str) -> bool {
    let Ok(kept) = serde_json::from_str::<Value>(kept) else { return false };
    let run = &kept["what"]["run"]["record"];
    let whole_run = run.is_object() && run["run_attempt"].as_u64().is_none_or(|attempt| attempt <= 1);
    whole_run || kept["what"]["alert"].is_object() || kept["sprint"].is_object() || kept["incident"].is_object()
}

/// `CDEvents` of one request. The first line is its content type, the rest is the body.
pub(crate) fn cdevents(input: &[u8]) -> Read {
    let (line, body) = first_line(input);
    let Some((_, source)) = source("cdevents") else { return Err("there is no such source".to_owned()) };
    received(source, &headers_of(vec![("content-type", line.to_owned())]), body)
}

fn received(source: &Arc<dyn Source>, headers: &http::HeaderMap, body: &[u8]) -> Read {
    let receiver: &dyn Receiver = source.receiver().unwrap();
    let id = receiver.delivery_id(headers, body).map_err(|error| error.to_string())?;
    assert_small("the id", id.len(), body);
    let batch = WORLD.runtime.block_on(receiver.receive(headers, body, &Sink::default()));
    size_of(&batch.map_err(|error| error.to_string())?, body)
}

/// Reported rows. The first line names the template, the rest is the file.
pub(crate) fn report_csv(input: &[u8]) -> Read {
    let (line, file) = first_line(input);
    let Some(template) = find(line.trim()) else { return Err("line 1: names no template".to_owned()) };
    let known = Known { teams: ["payments".to_owned()].into(), people: PersonHasher::new("key"), now: now() };
    let mut intake = Intake::csv(template, &known, file).map_err(|error| error.to_string())?;
    let lines = file.split(|byte| *byte == b'\n').count() as u64;
    let (mut size, mut first) = (0, None);
    while let Some(received) = intake.next(100) {
        assert!((1..=100).contains(&(received.facts.len() + received.problems.len())));
        size += json_size(&received.facts);
        for problem in received.problems {
            assert!((1..=lines).contains(&problem.line), "line {} of {lines}: {}", problem.line, problem.reason);
            first = first.or(Some(format!("line {}: {}", problem.line, problem.reason)));
        }
    }
    assert_small("the rows", size, input);
    first.map_or(Ok(size), Err)
}

/// A `JUnit` report.
pub(crate) fn junit(input: &[u8]) -> Read {
    let fact = test_reports::test_report(&String::from_utf8_lossy(input), &origin());
    sized(fact.map(|fact| json_size(&fact)), input)
}

/// A report of coverage.
pub(crate) fn coverage(input: &[u8]) -> Read {
    let fact = test_reports::coverage_report(&String::from_utf8_lossy(input), &origin());
    sized(fact.map(|fact| json_size(&fact)), input)
}

/// An artifact with reports, as one of tests and as one of coverage.
pub(crate) fn artifact(input: &[u8]) -> Read {
    let tests = test_reports::test_report_of_archive(input, &origin()).map(|fact| json_size(&fact));
    let coverage = test_reports::coverage_report_of_archive(input, &origin()).map(|fact| json_size(&fact));
    tests.or(coverage).map_err(|error| error.to_string())
}

/// A configuration file.
pub(crate) fn config(input: &[u8]) -> Read {
    let path = Path::new("/nowhere/chiplog.toml");
    let text = String::from_utf8_lossy(input).into_owned();
    let lines = text.matches('\n').count() + 1;
    let checked = Document::parse(path, text)
        .and_then(|document| Config::check(document, &chiplog::app::kind_names(), &environment))
        .and_then(|config| {
            let _inside = WORLD.runtime.enter();
            chiplog::app::check_sources(&config, &environment)
        });
    checked.map_err(|error| {
        let error = error.to_string();
        let line = error.strip_prefix("/nowhere/chiplog.toml:").and_then(|rest| rest.split(':').next()?.parse().ok());
        assert!(line.is_some_and(|line: usize| (1..=lines).contains(&line)), "names no line: {error}");
        error
    })
}

fn sized(size: Result<usize, test_reports::ReportError>, input: &[u8]) -> Read {
    let size = size.map_err(|error| error.to_string())?;
    assert_small("the report", size, input);
    Ok(size)
}

/// The size of a batch, or the reason of its first reject.
fn size_of(batch: &Batch, input: &[u8]) -> Read {
    let size = json_size(&batch.facts);
    assert_small("the batch", size, input);
    match batch.rejects.first() {
        Some(Reject { reason, .. }) => Err(reason.clone()),
        None => Ok(size),
    }
}

fn assert_small(what: &str, size: usize, input: &[u8]) {
    assert!(size <= SMALLEST + GROWTH * input.len(), "{what} is {size} bytes of {} bytes", input.len());
}

fn json_size(value: &impl serde::Serialize) -> usize {
    serde_json::to_vec(value).unwrap().len()
}

fn first_line(input: &[u8]) -> (&str, &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let rest = input.get(end + 1..).unwrap_or_default();
    (std::str::from_utf8(&input[..end]).unwrap_or_default(), rest)
}

fn headers_of(headers: Vec<(&'static str, String)>) -> http::HeaderMap {
    let parsed = headers.into_iter().filter_map(|(name, value)| {
        Some((http::HeaderName::from_static(name), http::HeaderValue::from_str(&value).ok()?))
    });
    parsed.collect()
}

fn origin() -> Origin {
    Origin {
        repository: "acme/ledger".to_owned(),
        id: "1".to_owned(),
        name: "unit".to_owned(),
        sha: "a".repeat(40),
        branch: None,
        at: now(),
        url: None,
    }
}

/// Keeps what it is given, and knows nothing.
#[derive(Default)]
pub(crate) struct Sink(Mutex<Batch>);

#[async_trait::async_trait]
impl BatchSink for Sink {
    async fn cursor(&self, _: &str) -> Result<Option<String>, SinkError> {
        Ok(None)
    }

    async fn stored(&self, _: &'static str, _: Vec<String>) -> Result<std::collections::BTreeSet<String>, SinkError> {
        Ok(std::collections::BTreeSet::new())
    }

    async fn fact(&self, _: &'static str, _: &str) -> Result<Option<Value>, SinkError> {
        Ok(None)
    }

    async fn accept(&self, batch: Batch) -> Result<(), SinkError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.facts.extend(batch.facts);
        all.rejects.extend(batch.rejects);
        Ok(())
    }

    fn progress(&self, _: &str, _: u64, _: Option<u64>) {}

    fn report(&self, _: &str, _: &SourceError) {}
}

#[async_trait::async_trait]
impl FactLookup for Sink {
    async fn fact(&self, _: &'static str, _: &str) -> Result<Option<Value>, SinkError> {
        Ok(None)
    }

    async fn cursor(&self, _: &str) -> Result<Option<String>, SinkError> {
        Ok(None)
    }
}
