//! What webhooks tell is what polling finds, for each tool; what it costs; what is done with deliveries that are missed, bad
//! or come again.

mod github;
mod inbox;
mod tools;

use std::sync::Arc;

use chiplog::app::App;
use chiplog::facts::{
    CiRun, Commit, Deployment, FactFamily, Incident, Iteration, PullRequest, Release, Repository, SecurityAlert, Tag,
    WorkItem,
};
use chiplog::pipeline::{CollectMetrics, Deliverer, Inbox, Taken, new_delivery};
use chiplog::sources::Refusal;
use chiplog::store::Selection;
use chiplog_simulator::webhooks::Sent;

use crate::harness::program::until;
use crate::harness::{app, now};

/// An app that takes webhooks, and does not poll.
struct Taking {
    app: App,
    inbox: Inbox,
    metrics: CollectMetrics,
    stop: tokio::sync::watch::Sender<bool>,
    deliverer: Option<Deliverer>,
}

impl Taking {
    async fn start(text: &str) -> Self {
        let mut taking = Self::waiting(text).await;
        taking.begin();
        taking
    }

    /// One that takes and does not process yet.
    async fn waiting(text: &str) -> Self {
        let app = app(text).await;
        let metrics = CollectMetrics::new().unwrap();
        let inbox = Inbox::open(app.store.clone(), metrics.clone());
        let deliverer = Deliverer {
            store: app.store.clone(),
            sources: app.sources.clone().into(),
            metrics: metrics.clone(),
            inbox: inbox.clone(),
            turn: Arc::default(),
            fence: None,
        };
        let (stop, _) = tokio::sync::watch::channel(false);
        Self { app, inbox, metrics, stop, deliverer: Some(deliverer) }
    }

    /// Begins to process.
    fn begin(&mut self) {
        let (deliverer, stopped) = (self.deliverer.take().unwrap(), self.stop.subscribe());
        tokio::spawn(async move { deliverer.keep_delivered(&stopped).await });
    }

    /// Hands a request in, as the route does.
    async fn take(&self, sent: &Sent) -> Result<Taken, Refusal> {
        let mut headers = http::HeaderMap::new();
        for (name, value) in &sent.headers {
            headers.insert(*name, value.parse().unwrap());
        }
        let source = &self.app.sources[0];
        let delivery = source.webhook().unwrap().verify(&headers, sent.body.as_bytes(), now())?;
        Ok(self.inbox.take(new_delivery(source.name(), delivery)).await.unwrap())
    }

    async fn until_processed(&self) {
        until("all deliveries are processed", async || {
            self.app.store.waiting_delivery_counts().await.unwrap().is_empty()
        })
        .await;
    }

    fn count(&self, outcome: &str) -> u64 {
        let families = self.metrics.gather();
        let of = families.iter().filter(|family| family.name() == "chiplog_webhook_deliveries_total");
        let metrics = of.flat_map(prometheus::proto::MetricFamily::get_metric);
        let wanted = metrics.filter(|metric| metric.get_label().iter().any(|label| label.value() == outcome));
        wanted.map(|metric| metric.get_counter().get_value().to_string().parse::<u64>().unwrap()).sum()
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

async fn of<F: FactFamily>(app: &App, all: &mut Vec<String>) {
    let facts = app.store.facts::<F>(&Selection::default()).await.unwrap();
    all.extend(facts.iter().map(|item| format!("{} {}", F::FAMILY, serde_json::to_string(&item.fact).unwrap())));
}

/// Everything that is stored, without the keys of people, which differ by store, the moments of looking, and addresses.
async fn everything(app: &App) -> Vec<String> {
    let mut all = Vec::new();
    of::<Repository>(app, &mut all).await;
    of::<PullRequest>(app, &mut all).await;
    of::<Commit>(app, &mut all).await;
    of::<Deployment>(app, &mut all).await;
    of::<Release>(app, &mut all).await;
    of::<Tag>(app, &mut all).await;
    of::<CiRun>(app, &mut all).await;
    of::<Incident>(app, &mut all).await;
    of::<WorkItem>(app, &mut all).await;
    of::<Iteration>(app, &mut all).await;
    of::<SecurityAlert>(app, &mut all).await;
    let changing = regex::Regex::new(r#""key":"[0-9a-f]{16}"|"observed_at":"[^"]*"|http://127\.0\.0\.1:\d+"#).unwrap();
    let mut all: Vec<String> = all.iter().map(|fact| changing.replace_all(fact, "").into_owned()).collect();
    all.sort();
    all
}
