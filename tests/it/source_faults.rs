//! Every source meets every fault, on both engines: a round either ends well and has everything, or says that it failed; the
//! other sources go on; freshness tells the truth; and once all is well again, nothing is missing and nothing is wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use chiplog::app::App;
use chiplog::pipeline::CollectMetrics;
use chiplog_simulator::github::{Fault, Faults, GithubOptions, GithubSimulator, SharedWorld};
use chiplog_simulator::json_server::{Api, JsonServer, ServerOptions};
use chiplog_simulator::prometheus;
use chiplog_simulator::world::Team;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::github_source::repository;
use crate::harness::cluster::all_facts;
use crate::harness::{app, collect, collect_well, collect_with, now};
use crate::kills::Engine;
use crate::source_contract::{CASES, world};

/// How long sources wait for an answer. Longer than any good answer takes on a busy machine.
const TIMEOUT: &str = "3s";

/// The names of the source that meets the faults, and of the one beside it.
const SUBJECT: &str = "subject";
const NEIGHBOUR: &str = "neighbour";

/// A source and the tool that it asks.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) kind: &'static str,
    /// The tool's API. `None` for GitHub.
    pub(crate) api: Option<&'static Api>,
    pub(crate) table: &'static str,
}

impl Subject {
    pub(crate) fn name(&self) -> &'static str {
        self.api.map_or("GitHub", |api| api.name)
    }
}

/// All kinds of sources that fetch over HTTP.
pub(crate) fn subjects() -> impl Iterator<Item = Subject> {
    let cases = CASES.iter().map(|case| Subject { kind: case.kind, api: Some(case.api), table: case.table });
    cases.chain([GITHUB])
}

const GITHUB: Subject = Subject {
    kind: "github",
    api: None,
    table: "token_env = \"GITHUB_TOKEN\"\norganization = \"acme\"\nteams = [\"payments\"]",
};

pub(crate) enum Server {
    Json(JsonServer),
    Github(GithubSimulator),
}

impl Server {
    pub(crate) async fn start(api: Option<&'static Api>, world: &SharedWorld, faults: &Faults) -> Self {
        let (world, faults) = (world.clone(), faults.clone());
        if let Some(api) = api {
            let options = ServerOptions { faults, ..ServerOptions::new(Arc::new(now)) };
            Self::Json(JsonServer::start(api, world, options).await.unwrap())
        } else {
            let options = GithubOptions { faults, ..GithubOptions::new(Arc::new(now)) };
            Self::Github(GithubSimulator::start(world, options).await.unwrap())
        }
    }

    pub(crate) fn base_url(&self) -> &str {
        match self {
            Self::Json(server) => server.base_url(),
            Self::Github(server) => server.base_url(),
        }
    }

    fn requests(&self) -> usize {
        match self {
            Self::Json(server) => server.log().count(),
            Self::Github(server) => server.log().count(),
        }
    }
}

/// The faults, each with how many requests meet it one after another.
fn faults(elsewhere: &str) -> Vec<(Fault, usize)> {
    vec![
        (Fault::Reset, 2),
        (Fault::Silence, 1),
        (Fault::CutOff, 2),
        (Fault::Drip, 1),
        (Fault::BrokenJson, 2),
        (Fault::OtherJson("[]"), 1),
        (Fault::OtherJson("{\"hello\":[\"world\"]}"), 1),
        (Fault::OtherJson("null"), 1),
        (Fault::Redirect(elsewhere.to_owned()), 1),
        (Fault::Status(400), 1),
        (Fault::Status(403), 1),
        (Fault::Status(404), 1),
        (Fault::TooManyRequests(0), 2),
        (Fault::Status(500), 2),
        (Fault::Status(503), 2),
        // The token is revoked, until somebody mends that.
        (Fault::Unauthorized, 1_000),
    ]
}

/// A source in front of its tool, beside another source that is left alone, on one engine.
struct Stage {
    subject: Subject,
    faults: Faults,
    server: Server,
    neighbour: JsonServer,
    engine: Engine,
}

impl Stage {
    async fn start(subject: Subject, engine: Engine) -> Self {
        let (world, faults) = (world_of_all(), Faults::default());
        let server = Server::start(subject.api, &world, &faults).await;
        let beside = if subject.kind == "prometheus" { &CASES[0].api } else { &&prometheus::API };
        let neighbour = JsonServer::start(beside, world, ServerOptions::new(Arc::new(now))).await.unwrap();
        Self { subject, faults, server, neighbour, engine }
    }

    /// The program with both sources and a store of its own.
    async fn app(&self) -> App {
        let store = self.engine.store("sqlite::memory:").await;
        let (kind, table) = match self.subject.kind {
            "prometheus" => (CASES[0].kind, CASES[0].table),
            _ => ("prometheus", "queries = { cost = \"demo_cost\" }"),
        };
        app(&format!(
            "store.url = \"{store}\"\ncollect.timeout = \"{TIMEOUT}\"\n\
             [{}]\nname = \"{SUBJECT}\"\nbase_url = \"{}\"\n{}\n\
             [{kind}]\nname = \"{NEIGHBOUR}\"\nbase_url = \"{}\"\n{table}\n",
            self.subject.kind,
            self.server.base_url(),
            self.subject.table,
            self.neighbour.base_url()
        ))
        .await
    }
}

/// What is stored of a source.
async fn stored(app: &App, source: &str) -> Vec<String> {
    let facts = all_facts(&app.store).await;
    let named = format!(" {source} ");
    facts.iter().filter(|fact| fact.contains(&named)).map(|fact| fact.replacen(&named, " ", 1)).collect()
}

/// When a source was last collected well, as metrics tell it, and as the store does, in milliseconds.
async fn last_success(app: &App, metrics: &CollectMetrics, source: &str) -> (Option<f64>, Option<f64>) {
    let families = metrics.gather();
    let family = families.iter().find(|family| family.name() == "chiplog_source_last_success_timestamp_seconds");
    let told = family.into_iter().flat_map(::prometheus::proto::MetricFamily::get_metric);
    let told = told.filter(|metric| metric.get_label().iter().any(|label| label.value() == source));
    let states = app.store.source_states().await.unwrap();
    let stored = states.iter().find(|state| state.source == source).and_then(|state| state.last_success_at);
    (told.map(|metric| metric.get_gauge().get_value()).next(), stored.map(|at| at.timestamp_millis() as f64 / 1000.0))
}

/// Puts a source through all faults, and returns how many requests met each.
async fn meets_every_fault(subject: Subject, engine: Engine, seed: u64) -> BTreeMap<String, usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let stage = Stage::start(subject, engine).await;
    let elsewhere =
        JsonServer::start(&prometheus::API, world_of_all(), ServerOptions::new(Arc::new(now))).await.unwrap();
    let elsewhere_url = elsewhere.base_url().replace("127.0.0.1", "localhost");
    let name = stage.subject.name();

    let undisturbed = stage.app().await;
    let metrics = CollectMetrics::new().unwrap();
    let report = collect_with(&undisturbed, &metrics).await;
    assert!(report.failures.is_empty(), "{name}: {:?}", report.failures);
    let (expected, of_neighbour) = (stored(&undisturbed, SUBJECT).await, stored(&undisturbed, NEIGHBOUR).await);
    let requests = stage.server.requests();
    assert!(expected.len() > 100 && of_neighbour.len() > 100 && requests > 0, "{name}: {}", expected.len());

    let mut met = BTreeMap::new();
    for (fault, times) in faults(&elsewhere_url) {
        let app = stage.app().await;
        let metrics = CollectMetrics::new().unwrap();
        let before = stage.faults.met();
        let passed = random.random_range(0..requests);
        stage.faults.pass(passed);
        stage.faults.next(&fault, times);
        let report = collect_with(&app, &metrics).await;
        stage.faults.clear();
        let what = format!("{name}: {fault:?} after {passed} requests");
        let counted = met.entry(format!("{fault:?}").split('(').next().unwrap_or_default().to_owned()).or_insert(0);
        *counted += stage.faults.met() - before;
        assert!(stage.faults.met() > before, "{what}: nobody met it");

        assert!(stored(&app, NEIGHBOUR).await == of_neighbour, "{what}: the neighbour lacks facts");
        assert!(last_success(&app, &metrics, NEIGHBOUR).await.1.is_some(), "{what}: the neighbour is stale");
        let (told, known) = last_success(&app, &metrics, SUBJECT).await;
        let failed = report.failures.contains_key(SUBJECT);
        assert_eq!((told.is_none(), known.is_none()), (failed, failed), "{what}: freshness {:?}", report.failures);
        let states = app.store.source_states().await.unwrap();
        let trouble = states.iter().find(|state| state.source == SUBJECT).and_then(|state| state.last_error.clone());
        if trouble.is_none() {
            assert!(stored(&app, SUBJECT).await == expected, "{what}: ended well, and lacks facts");
        }

        let report = collect_with(&app, &metrics).await;
        assert!(report.failures.is_empty(), "{what}, then: {:?}", report.failures);
        let found = stored(&app, SUBJECT).await;
        let missing: Vec<&String> = expected.iter().filter(|fact| !found.contains(fact)).take(3).collect();
        assert!(found == expected, "{what}: {} facts instead of {}: {missing:?}", found.len(), expected.len());
        assert!(last_success(&app, &metrics, SUBJECT).await.0.is_some(), "{what}");
        app.store.close().await;
    }
    assert_eq!(elsewhere.log().count(), 0, "{name}: a redirect to another host was followed");
    goes_stale_and_fresh_again(&stage, &undisturbed, &metrics).await;
    met
}

/// What was collected well once is stale while the token is refused, and fresh again afterwards.
async fn goes_stale_and_fresh_again(stage: &Stage, app: &App, metrics: &CollectMetrics) {
    let fresh = last_success(app, metrics, SUBJECT).await;
    stage.faults.next(&Fault::Unauthorized, 1_000);
    let report = collect_with(app, metrics).await;
    assert!(report.failures.contains_key(SUBJECT), "{}: {:?}", stage.subject.kind, report.failures);
    assert_eq!(last_success(app, metrics, SUBJECT).await, fresh, "{}", stage.subject.kind);
    stage.faults.clear();
    let report = collect_with(app, metrics).await;
    assert!(report.failures.is_empty(), "{}: {:?}", stage.subject.kind, report.failures);
    assert!(last_success(app, metrics, SUBJECT).await > fresh, "{}", stage.subject.kind);
}

/// The world of the contract, with repositories.
pub(crate) fn world_of_all() -> SharedWorld {
    let world = world();
    {
        let mut world = world.write().unwrap();
        "acme".clone_into(&mut world.organization);
        world.repositories = vec![repository(1, 110), repository(2, 20)];
        world.teams = vec![Team { slug: "payments".to_owned(), name: "Payments".to_owned(), ..Team::default() }];
        world.incidents.truncate(120);
        world.jira.issues.truncate(120);
    }
    world
}

async fn all_sources_meet_every_fault(engine: Engine) {
    let mut running = Vec::new();
    for (place, subject) in subjects().enumerate() {
        let seed = u64::try_from(place).unwrap() + 1;
        running.push((subject, tokio::spawn(meets_every_fault(subject, engine, seed))));
    }
    let mut all = 0;
    for (subject, met) in running {
        let met = met.await.unwrap();
        let sum: usize = met.values().sum();
        println!("{engine:?}, {}: {sum} faults {met:?}", subject.name());
        assert!(sum >= faults("").len(), "{met:?}");
        all += sum;
    }
    println!("{engine:?}: {all} faults in all");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_ends_is_given_up() {
    for subject in subjects() {
        let stage = Stage::start(subject, Engine::Sqlite).await;
        let app = stage.app().await;
        stage.faults.next(&Fault::Endless, 1_000);
        let report = collect(&app).await;
        stage.faults.clear();
        let states = app.store.source_states().await.unwrap();
        let trouble = states.iter().find(|state| state.source == SUBJECT).and_then(|state| state.last_error.clone());
        let trouble = trouble.unwrap_or_default();
        assert!(trouble.contains("sends more than 67108864 bytes"), "{}: {trouble} {report:?}", subject.name());
        collect_well(&app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_source_survives_every_fault_on_sqlite() {
    all_sources_meet_every_fault(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_source_survives_every_fault_on_postgresql() {
    all_sources_meet_every_fault(Engine::Postgres).await;
}
