//! Every number on every page: it is that of the metrics and of the API, and it leads to evidence that counts as many.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chiplog::kpi::{Kpi, Parts, Shape, find, metric_name};
use regex::Regex;
use serde_json::Value;

use crate::harness::demo::{Demo, small_world};
use crate::harness::program::Program;
use crate::harness::{last_month, month_of_payments, now};

const TEAM: &str = "payments";

/// A number as a page shows it.
#[derive(Clone)]
struct Number {
    page: String,
    link: Option<String>,
    value: f64,
    text: String,
    attributes: BTreeMap<String, String>,
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} ({}) {:?} {:?}", self.page, self.text, self.value, self.attributes, self.link)
    }
}

impl Number {
    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// Whether it is one of a rolling window without a choice of services: those are in the metrics.
    fn is_of_window(&self) -> bool {
        ["7d", "28d", "84d", "364d"].contains(&self.attribute("span")) && self.attribute("tier").is_empty()
    }
}

struct Site {
    address: String,
    client: reqwest::Client,
    numbers: Regex,
    attributes: Regex,
}

impl Site {
    fn new(address: String) -> Self {
        chiplog::sources::http::install_crypto_provider();
        #[expect(clippy::disallowed_methods, reason = "the test talks to loopback only")]
        let client = reqwest::Client::new();
        let numbers = r#"(?:<a href="([^"]*)">)?<data value="([^"]*)"([^>]*)>([^<]*)</data>"#;
        let (numbers, attributes) = (Regex::new(numbers).unwrap(), Regex::new(r#"data-(\w+)="([^"]*)""#).unwrap());
        Self { address, client, numbers, attributes }
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.address)).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status}: {text}");
        text
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    async fn numbers(&self, path: &str) -> Vec<Number> {
        let text = self.text(path).await;
        let found = self.numbers.captures_iter(&text).map(|found| Number {
            page: path.to_owned(),
            link: found.get(1).map(|link| link.as_str().replace("&#38;", "&").replace("&amp;", "&")),
            value: found[2].parse().unwrap(),
            text: found[4].to_owned(),
            attributes: self
                .attributes
                .captures_iter(&found[3])
                .map(|it| (it[1].to_owned(), it[2].to_owned()))
                .collect(),
        });
        found.collect()
    }
}

async fn serving() -> (Demo, Program, Site) {
    let demo = Demo::start(small_world(1)).await;
    demo.installation.run_well(&["collect", "--once"]);
    demo.import(chiplog_simulator::demo::reports(now()));
    let (program, address) = demo.serve().await;
    (demo, program, Site::new(address))
}

/// The samples of an exposition: by name and sorted labels.
fn samples(exposition: &str) -> BTreeMap<String, f64> {
    let line = Regex::new(r"^(\w+)(?:\{(.*)\})? (\S+)$").unwrap();
    let parsed = exposition.lines().filter(|line| !line.starts_with('#')).filter_map(|text| {
        let found = line.captures(text)?;
        let mut labels: Vec<&str> = found.get(2).map_or_else(Vec::new, |labels| labels.as_str().split("\",").collect());
        labels.sort_unstable();
        let labels: Vec<String> = labels.iter().map(|label| label.trim_end_matches('"').to_owned()).collect();
        Some((format!("{}|{}", &found[1], labels.join("|")), found[3].parse().ok()?))
    });
    parsed.collect()
}

fn sample(samples: &BTreeMap<String, f64>, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let given = labels.iter().filter(|(_, value)| !value.is_empty());
    let mut labels: Vec<String> = given.map(|(name, value)| format!("{name}=\"{value}")).collect();
    labels.sort_unstable();
    samples.get(&format!("{name}|{}", labels.join("|"))).copied()
}

/// What the metrics say of a number of a window.
fn measured(samples: &BTreeMap<String, f64>, kpi: &Kpi, number: &Number) -> Option<f64> {
    let (team, window, part) = (number.attribute("team"), number.attribute("span"), number.attribute("part"));
    let companion =
        |name: &str| sample(samples, name, &[("kpi", kpi.id), ("team", team), ("window", window), ("part", part)]);
    let part_label = match kpi.parts {
        Parts::Alternatives { label, .. } | Parts::Breakdown { label, .. } => label,
        Parts::Whole => "part",
    };
    let value = |name: &str, part: &str, stat: &str| {
        sample(samples, name, &[("team", team), ("window", window), (part_label, part), ("stat", stat)])
    };
    match number.attribute("what") {
        "observations" => companion("chiplog_kpi_observations"),
        "open" => companion("chiplog_kpi_censored"),
        "interval_low" => companion("chiplog_kpi_interval_low"),
        "interval_high" => companion("chiplog_kpi_interval_high"),
        "working_days_with_one" => value(&format!("chiplog_{}_active_workday_ratio", kpi.id), part, ""),
        "weekly_variation" => value(&format!("chiplog_{}_weekly_variation_ratio", kpi.id), part, ""),
        statistic => {
            let stat = if matches!(kpi.shape, Shape::Duration | Shape::Level) { statistic } else { "" };
            match kpi.parts {
                // The metrics have the parts of a rate; their sum is the whole.
                Parts::Breakdown { values, .. } if part.is_empty() && kpi.shape == Shape::Rate => {
                    values.iter().map(|part| value(&metric_name(kpi), part, stat)).sum()
                }
                _ => value(&metric_name(kpi), part, stat),
            }
        }
    }
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(1.0)
}

/// All that is compared, of one evaluation.
struct Shown {
    numbers: Vec<Number>,
    metrics: BTreeMap<String, f64>,
    api: BTreeMap<[String; 3], Value>,
    /// What evidence counts, by its link.
    counted: BTreeMap<String, f64>,
}

/// Reads everything again if it was evaluated meanwhile: numbers of two evaluations differ by right.
async fn shown(site: &Site) -> Shown {
    loop {
        let before = samples(&site.text("/metrics").await);
        let shown = read(site).await;
        let evaluated =
            |samples: &BTreeMap<String, f64>| sample(samples, "chiplog_kpi_evaluation_timestamp_seconds", &[]);
        if evaluated(&before).is_some() && evaluated(&before) == evaluated(&shown.metrics) {
            return shown;
        }
    }
}

async fn read(site: &Site) -> Shown {
    let mut pages: Vec<String> = vec!["/".to_owned(), "/?window=84d".to_owned(), "/data-quality".to_owned()];
    pages.extend(["7d", "28d", "84d", "364d"].map(|window| format!("/teams/{TEAM}?window={window}")));
    pages.push("/teams/search".to_owned());
    pages.extend(chiplog::kpi::CATALOGUE.iter().map(|kpi| format!("/teams/{TEAM}/kpis/{}", kpi.id)));
    let mut numbers = Vec::new();
    for page in &pages {
        numbers.extend(site.numbers(page).await);
    }
    let counts = numbers.iter().filter(|number| number.attribute("what") == "observations");
    let links: BTreeSet<&String> = counts.filter_map(|number| number.link.as_ref()).collect();
    let mut counted = BTreeMap::new();
    for link in links {
        let cases = site.numbers(link).await.into_iter().find(|it| it.attribute("what") == "cases");
        counted.insert(link.clone(), cases.unwrap_or_else(|| panic!("{link} tells no count")).value);
    }
    let api = api_rows(site).await;
    Shown { numbers, counted, api, metrics: samples(&site.text("/metrics").await) }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_is_that_of_the_metrics_and_leads_to_evidence_that_counts_as_many() {
    let (_demo, _program, site) = serving().await;
    let shown = shown(&site).await;
    let mut compared = 0;
    for number in &shown.numbers {
        let what = number.attribute("what");
        if what == "unmapped" {
            let labels = [("kind", number.attribute("kind")), ("reason", number.attribute("reason"))];
            assert_eq!(sample(&shown.metrics, "chiplog_unmapped_items", &labels), Some(number.value), "{number}");
            continue;
        }
        let kpi = find(number.attribute("kpi")).unwrap_or_else(|| panic!("{number}"));
        if number.is_of_window() {
            let measured = measured(&shown.metrics, kpi, number).unwrap_or_else(|| panic!("no metric: {number}"));
            assert!(close(measured, number.value), "{measured} in the metrics: {number}");
            if number.attribute("team") == TEAM {
                check_api(&shown.api, number);
            }
            assert!(number.link.is_some() || what.starts_with("interval"), "no link: {number}");
            compared += 1;
        }
        if let (Some(link), "observations") = (&number.link, what) {
            let counted = shown.counted[link];
            assert!(close(counted, number.value), "{link} counts {counted}: {number}");
        }
    }
    assert!(compared > 1_500, "only {compared} numbers were compared");
    assert!(shown.counted.len() > 150, "only {} links were followed", shown.counted.len());
}

/// The rows of the API by window, KPI and part.
async fn api_rows(site: &Site) -> BTreeMap<[String; 3], Value> {
    let mut rows = BTreeMap::new();
    for window in ["7d", "28d", "84d", "364d"] {
        let answer = site.json(&format!("/api/v1/teams/{TEAM}/kpis?window={window}")).await;
        for row in answer["kpis"].as_array().unwrap() {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            rows.insert([window.to_owned(), text("kpi"), text("part")], row.clone());
        }
    }
    rows
}

fn check_api(api: &BTreeMap<[String; 3], Value>, number: &Number) {
    let key = ["span", "kpi", "part"].map(|name| number.attribute(name).to_owned());
    let row = &api[&key];
    let told = match number.attribute("what") {
        "observations" => row["observations"].as_f64(),
        "open" => row["open"].as_f64(),
        "interval_low" => row["interval"][0].as_f64(),
        "interval_high" => row["interval"][1].as_f64(),
        statistic => row["statistics"][statistic].as_f64(),
    };
    assert!(told.is_some_and(|told| close(told, number.value)), "{told:?} in the API: {number}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_of_a_review_are_those_of_its_document_and_of_its_evidence() {
    let (demo, _program, site) = serving().await;
    let month = last_month();
    demo.installation.run_well(&["review", TEAM, "--month", &month]);
    let (headline, cards) = compare_review(&site, &month, Some(1)).await;
    assert!(headline > 30 && cards > 150, "{headline} and {cards} numbers were compared");
    // The month that lasts has a draft. It may have begun a minute ago, with little to tell.
    let (headline, cards) = compare_review(&site, &month_of_payments(), None).await;
    assert!(headline > 10 && cards > 100, "{headline} and {cards} numbers were compared");
}

/// Compares the numbers of a review's page; returns how many there are in its headline and in its cards.
async fn compare_review(site: &Site, month: &str, revision: Option<u64>) -> (usize, usize) {
    let document = site.json(&format!("/api/v1/teams/{TEAM}/reviews/{month}")).await;
    assert_eq!(document["revision"].as_u64(), revision);
    let rows: BTreeMap<&str, &Value> = document["review"]["headline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["kpi"].as_str().unwrap(), row))
        .collect();
    let measures = measures(&document);
    let (mut headline, mut cards) = (0, 0);
    for number in site.numbers(&format!("/teams/{TEAM}/reviews/{month}")).await {
        if number.attribute("span") == month {
            let row = rows[number.attribute("kpi")];
            let told = match number.attribute("what") {
                "observations" => &row["observations"],
                "open" => &row["open"],
                "interval_low" => &row["interval"][0],
                "interval_high" => &row["interval"][1],
                _ => &row["value"],
            };
            assert!(told.as_f64().is_some_and(|told| close(told, number.value)), "{told}: {number}");
            if let Some(link) = &number.link {
                let what = if number.attribute("what") == "observations" { "cases" } else { number.attribute("what") };
                let explained = site.numbers(link).await;
                let explained = explained.iter().find(|it| it.attribute("what") == what);
                let explained = explained.unwrap_or_else(|| panic!("{link} does not tell {number}"));
                assert!(close(explained.value, number.value), "{link} tells {explained}: {number}");
            }
            headline += 1;
        } else if let Some(known) = measures.get(&number.attributes) {
            assert!(known.iter().any(|told| close(*told, number.value)), "{known:?}: {number}");
            cards += 1;
        } else {
            panic!("a number that the document does not have: {number}");
        }
    }
    (headline, cards)
}

/// The numbers of the scorecards in a review's document, by the attributes that their elements have.
fn measures(document: &Value) -> BTreeMap<BTreeMap<String, String>, Vec<f64>> {
    let mut known: BTreeMap<BTreeMap<String, String>, Vec<f64>> = BTreeMap::new();
    let cards = document["review"]["scorecards"].as_array().unwrap().iter();
    let rows = cards.flat_map(|card| card["rows"].as_array().unwrap());
    for measure in rows.flat_map(|row| row["measures"].as_array().unwrap()) {
        let text = |name: &str| measure[name].as_str().unwrap_or_default().to_owned();
        let statistic = text("statistic");
        let told = [
            (statistic.as_str(), &measure["value"]),
            ("observations", &measure["observations"]),
            ("interval_low", &measure["interval"][0]),
            ("interval_high", &measure["interval"][1]),
        ];
        for (what, value) in told {
            let Some(value) = value.as_f64() else { continue };
            let tier = measure["tier"].as_u64().map(|tier| tier.to_string()).unwrap_or_default();
            let attributes = [
                ("team", TEAM.to_owned()),
                ("kpi", text("kpi")),
                ("part", text("part")),
                ("tier", tier),
                ("span", text("window")),
                ("what", what.to_owned()),
            ];
            let given = attributes.into_iter().filter(|(_, value)| !value.is_empty());
            known.entry(given.map(|(name, value)| (name.to_owned(), value)).collect()).or_default().push(value);
        }
    }
    known
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_tell_no_person_and_say_what_is_wrong() {
    let (demo, _program, site) = serving().await;
    let names = chiplog_simulator::demo::names(&demo.world.read().unwrap());
    let evidence = format!("/teams/{TEAM}/kpis/lead_time_for_changes/evidence?window=364d&limit=1000");
    let reviews =
        chiplog::kpi::CATALOGUE.iter().map(|kpi| format!("/teams/{TEAM}/kpis/{}/evidence?window=84d", kpi.id));
    let month = month_of_payments();
    let mut pages: Vec<String> =
        vec![evidence, format!("/teams/{TEAM}"), "/data-quality".to_owned(), "/collection".to_owned()];
    pages.push(format!("/teams/{TEAM}/reviews/{month}"));
    pages.extend(reviews);
    let mut seen = BTreeSet::new();
    for page in &pages {
        let text = site.text(page).await;
        seen.extend(names.iter().filter(|name| text.contains(name.as_str())));
    }
    assert!(seen.is_empty(), "people are named: {seen:?}");
    let wrong = [
        ("/teams/nobody", 404, "there is no team &#34;nobody&#34;: known are"),
        ("/teams/payments/kpis/speed", 404, "there is no KPI &#34;speed&#34;"),
        ("/teams/payments?window=1h", 400, "there is no such window: take one of 7d, 28d, 84d and 364d"),
        ("/teams/payments/kpis/pr_cycle_time/evidence?part=night", 404, "there is no part of this KPI &#34;night&#34;"),
        ("/teams/payments/kpis/pr_cycle_time/evidence?service=moon", 404, "there is no service &#34;moon&#34;"),
        ("/teams/payments/reviews/October", 400, "write the month as YYYY-MM"),
        ("/teams/payments/reviews/2019-01", 404, "`chiplog review payments --month 2019-01`"),
        ("/nowhere", 404, "there is no such page"),
    ];
    for (path, status, words) in wrong {
        let answer = site.client.get(format!("{}{path}", site.address)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(words), "{path}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_writes_its_actions_with_a_token_that_may() {
    let reporter = "[reporters.payments-lead]\ntoken_env = \"PAYMENTS_TOKEN\"\nscopes = [\"reviews/payments\"]\n";
    let demo = Demo::start_at(small_world(1), now, reporter).await;
    demo.installation.run_well(&["collect", "--once"]);
    let (_program, address) = demo.serve().await;
    let site = Site::new(address);
    let month = month_of_payments();
    let put = async |team: &str, token: &str, text: &str| {
        let path = format!("{}/api/v1/teams/{team}/reviews/{month}/actions", site.address);
        let request = site.client.put(path).bearer_auth(token).body(text.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let good = "Two reviewers a day; moves pr_cycle_time, not change_failure_rate\n  It fell to 4 h.\n";
    assert_eq!(put("payments", "wrong", good).await.0, 401);
    let (status, text) = put("search", "payments-write-their-actions", good).await;
    assert_eq!((status, text.contains("add it to its scopes in [reporters]")), (403, true), "{text}");
    let (status, text) = put("payments", "payments-write-their-actions", "a\nb\nc\nd").await;
    assert_eq!((status, text.contains("4 actions: keep the 3")), (422, true), "{text}");
    assert_eq!(put("payments", "payments-write-their-actions", good).await.0, 200);
    let page = site.text(&format!("/teams/payments/reviews/{month}")).await;
    assert!(page.contains("Two reviewers a day") && page.contains("<strong>Outcome:</strong> It fell to 4 h."));
    // Through the form of the page, as a browser without scripts sends it.
    let form = site.client.post(format!("{}/teams/payments/reviews/{month}/actions", site.address));
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let answer = form.body("text=Smaller+changes&token=payments-write-their-actions").send().await.unwrap();
    assert!(answer.status().is_success() && answer.text().await.unwrap().contains("Smaller changes"));
}
