//! Table 3: a scrape of 300,000 series, beside serving the same bytes from memory.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use chiplog::config::Readers;
use chiplog::expose::access::Access;
use chiplog::expose::exposition::{Exposition, families};
use chiplog::expose::prometheus::CONTENT_TYPE;
use chiplog::expose::web::{Answers, Served, WebState, router};
use chiplog::pipeline::{CollectMetrics, Snapshot};

use crate::document::{Section, Table, count, megabytes, ratio, seconds};
use crate::evaluated::Evaluating;
use crate::{corpus, median, progress, stored};

/// So many scrapes of each kind are measured, one after the other over a connection that is kept.
const SCRAPES: usize = 60;

/// So many go before them.
const WARM_UP: usize = 5;

/// Not more than so many times the bytes from memory.
const GOAL: f64 = 2.0;

/// So many series a scrape should have.
const SERIES: usize = 300_000;

/// Facts that an organisation with so many series has: 1,336 series come of a team with 2,000 facts.
const FACTS: usize = 480_000;

pub(crate) async fn section(quick: bool) -> Section {
    let facts = if quick { 10_000 } else { FACTS };
    let stored = stored::corpus(facts).await;
    let mut evaluating = Evaluating::new(corpus::assemble(stored.size, &stored.url).await);
    let (known, _) = evaluating.update(chiplog::clock::now()).await;
    let series: usize = families(&known.snapshot).map(|some| some.unwrap().series_count()).sum();
    let changed = one_team_changed(&known.snapshot);
    let (mut rendering, mut updating) = (Vec::new(), Vec::new());
    let mut exposition = Exposition::default();
    for _ in 0..3 {
        let began = Instant::now();
        exposition = Exposition::of(&known.snapshot).unwrap();
        rendering.push(began.elapsed().as_secs_f64());
        let began = Instant::now();
        let updated = exposition.updated(&known.snapshot, &changed).unwrap();
        updating.push(began.elapsed().as_secs_f64());
        assert!(updated.plain() == exposition.plain(), "a team that is the same gives the same metrics");
    }
    progress(&format!("{} series", count(series)));
    assert!(quick || series >= SERIES, "{series} series: raise the number of facts");
    let served = Arc::new(Served::default());
    served.swap(Answers { known, exposition });
    let app = evaluating.app();
    let state = WebState {
        served,
        metrics: CollectMetrics::new().unwrap(),
        sources: app.sources.clone().into(),
        reviewer: app.reviewer(),
        reporters: Arc::new([]),
        access: Access::new(Readers::default()),
    };
    let mut table = Table::new(&[
        "encoding",
        "bytes",
        "scrape, median",
        "slowest",
        "the same bytes from memory, median",
        "ratio of the medians",
    ]);
    for encoding in ["", "gzip"] {
        let compared = compare(router(state.clone()), encoding, if quick { 10 } else { SCRAPES }).await;
        let times = median(&compared.scrapes) / median(&compared.from_memory);
        table.row([
            if encoding.is_empty() { "plain" } else { encoding }.to_owned(),
            megabytes(compared.bytes as u64),
            seconds(median(&compared.scrapes)),
            seconds(compared.scrapes.iter().copied().fold(0.0, f64::max)),
            seconds(median(&compared.from_memory)),
            ratio(times, Some(times <= GOAL)),
        ]);
    }
    let left_out = vec![
        format!(
            "{} series of {} teams with {} facts. Rendering and compressing them takes {}, and {} where one team has changed, once per \
             evaluation and not per scrape.",
            count(series),
            stored.size.teams,
            count(stored.facts),
            seconds(median(&rendering)),
            seconds(median(&updating))
        ),
        format!(
            "{SCRAPES} scrapes over one loopback connection, in turns with a bare axum handler that has the bytes of a scrape in \
             memory; the client reads and drops them. The scrape gathers the program's own counters each time."
        ),
        "Left out are parsing by Prometheus, TLS, and a network.".to_owned(),
    ];
    Section { number: 3, title: "A scrape of /metrics", tables: vec![table], left_out }
}

/// The same, with another object for one of the teams.
fn one_team_changed(snapshot: &Snapshot) -> Snapshot {
    let mut changed = snapshot.clone();
    let middle = changed.teams.len() / 2;
    changed.teams[middle] = Arc::new(changed.teams[middle].as_ref().clone());
    changed
}

struct Compared {
    bytes: usize,
    /// Seconds of each.
    scrapes: Vec<f64>,
    from_memory: Vec<f64>,
}

async fn compare(chiplog: Router, encoding: &'static str, scrapes: usize) -> Compared {
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let (address, serving) = serve(chiplog).await;
    let body: Bytes =
        ask(&client, &format!("{address}/metrics"), encoding).send().await.unwrap().bytes().await.unwrap();
    let bytes = body.len();
    let bare = Router::new().route(
        "/metrics",
        get(async move || {
            let mut answer = ([(header::CONTENT_TYPE, CONTENT_TYPE)], body.clone()).into_response();
            if !encoding.is_empty() {
                answer.headers_mut().insert(header::CONTENT_ENCODING, header::HeaderValue::from_static(encoding));
            }
            answer
        }),
    );
    let (bare_address, bare_serving) = serve(bare).await;
    let mut compared = Compared { bytes, scrapes: Vec::new(), from_memory: Vec::new() };
    for place in 0..scrapes + WARM_UP {
        let scrape = scrape(&client, &format!("{address}/metrics"), encoding).await;
        let from_memory = scrape_of_memory(&client, &bare_address, encoding, bytes).await;
        if place >= WARM_UP {
            compared.scrapes.push(scrape);
            compared.from_memory.push(from_memory);
        }
    }
    serving.abort();
    bare_serving.abort();
    compared
}

async fn scrape_of_memory(client: &reqwest::Client, address: &str, encoding: &str, bytes: usize) -> f64 {
    let began = Instant::now();
    let read = read(client, &format!("{address}/metrics"), encoding).await;
    assert_eq!(read, bytes);
    began.elapsed().as_secs_f64()
}

async fn scrape(client: &reqwest::Client, url: &str, encoding: &str) -> f64 {
    let began = Instant::now();
    assert!(read(client, url, encoding).await > 1000);
    began.elapsed().as_secs_f64()
}

/// Reads an answer and drops it; tells how long it was.
async fn read(client: &reqwest::Client, url: &str, encoding: &str) -> usize {
    let mut answer = ask(client, url, encoding).send().await.unwrap();
    assert!(answer.status().is_success());
    let mut bytes = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        bytes += chunk.len();
    }
    bytes
}

fn ask(client: &reqwest::Client, url: &str, encoding: &str) -> reqwest::RequestBuilder {
    client.get(url).header(header::ACCEPT_ENCODING, if encoding.is_empty() { "identity" } else { encoding })
}

async fn serve(routes: Router) -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (address, serving)
}
