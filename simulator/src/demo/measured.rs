//! What monitoring and people tell of the demo organisation: service health day by day, and reported rows.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{Duration, NaiveTime};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::plan::{PLANS, TEAMS, TeamPlan, members};
use crate::world::{AlertRule, Moment, Series, World};

/// How far back the daily values go.
const DAYS: i64 = 180;

/// The measures, with a middle value and how much it varies.
pub(super) const MEASURES: [(&str, f64, f64); 7] = [
    ("slo_attainment", 0.9985, 0.0014),
    ("latency_p95", 0.22, 0.05),
    ("latency_p99", 0.7, 0.15),
    ("error_rate", 0.0008, 0.0005),
    ("request_throughput", 120.0, 30.0),
    ("cost", 420.0, 40.0),
    ("volume", 1_200_000.0, 90_000.0),
];

/// Adds the measured values and the alert rules of every service.
pub(super) fn add(world: &mut World, now: Moment, seed: u64) {
    let today = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    let services = PLANS.iter().flat_map(|plan| plan.services().into_iter().map(move |service| (plan.team, service)));
    for (number, (team, service)) in services.enumerate() {
        if team == "research" {
            continue;
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(20_000 + number as u64);
        for (measure, middle, spread) in MEASURES {
            let days = (0..DAYS).map(|day| today - Duration::days(day));
            let values: BTreeMap<Moment, f64> =
                days.map(|day| (day, middle + spread * random.random_range(-1.0..1.0))).collect();
            world.series.push(Series { service: service.clone(), measure: measure.to_owned(), values });
        }
        if number % 6 != 5 {
            let labels = BTreeMap::from([("service".to_owned(), service), ("severity".to_owned(), "page".to_owned())]);
            world.alert_rules.push(AlertRule { name: "ErrorBudgetBurn".to_owned(), labels });
        }
    }
}

/// The rows that people report, as CSV by the name of the template.
pub fn reports(now: Moment) -> Vec<(&'static str, String)> {
    let months: Vec<Moment> = (1..=14).map(|month| now - Duration::days(30 * month - 15)).collect();
    let scored = |template: &'static str, base: f64| {
        let row = |text: &mut String, team: &TeamPlan, place: usize, day: &str| {
            // A small team's answers are too few to be shown.
            let answers = if team.slug == "research" { 2 } else { 7 };
            let score = base + ((place * 7 + team.slug.len()) % 5) as f64 * 0.1;
            let _ = writeln!(text, "{template}-{}-{place},{},{day},{score:.1},{answers}", team.slug, team.slug);
        };
        (template, csv("id,team,date,score,answers", &months, row))
    };
    vec![
        scored("stakeholder_satisfaction", 3.9),
        scored("team_engagement", 3.6),
        scored("mentoring_impact", 3.8),
        scored("documentation_quality", 3.4),
        ("team_enps", enps(&months)),
        ("promotion_readiness", pair("promotion_readiness", "ready,people", &months, |place| (2 + place % 2, 8))),
        (
            "regrettable_attrition",
            pair("regrettable_attrition", "leavers,headcount", &months, |place| (usize::from(place == 8), 8)),
        ),
        (
            "offer_acceptance_rate",
            pair("offer_acceptance_rate", "accepted,offers", &months, |place| (3 + place % 2, 5)),
        ),
        (
            "interview_to_offer_rate",
            pair("interview_to_offer_rate", "offers,interviewed", &months, |place| (4, 17 + place % 3)),
        ),
        ("hiring_time_to_fill", positions(&months)),
        ("onboarding_ramp_time", joiners(now)),
        ("operational_readiness", ticks(now)),
    ]
}

/// One row per team and month.
fn csv(header: &str, months: &[Moment], row: impl Fn(&mut String, &TeamPlan, usize, &str)) -> String {
    let mut text = format!("{header}\n");
    for team in TEAMS {
        for (place, month) in months.iter().enumerate() {
            row(&mut text, team, place, &month.format("%Y-%m-%d").to_string());
        }
    }
    text
}

fn pair(template: &str, columns: &str, months: &[Moment], values: impl Fn(usize) -> (usize, usize)) -> String {
    csv(&format!("id,team,date,{columns}"), months, |text, team, place, day| {
        let (part, of) = values(place);
        let _ = writeln!(text, "{template}-{}-{place},{},{day},{part},{of}", team.slug, team.slug);
    })
}

/// Seven answers a month.
fn enps(months: &[Moment]) -> String {
    csv("id,team,date,score", months, |text, team, place, day| {
        for (person, score) in [9, 10, 8, 7, 9, 6, 10].iter().enumerate() {
            let _ = writeln!(text, "enps-{}-{place}-{person},{},{day},{score}", team.slug, team.slug);
        }
    })
}

fn positions(months: &[Moment]) -> String {
    let mut text = "id,team,opened,filled\n".to_owned();
    for team in TEAMS {
        for (place, month) in months.iter().enumerate() {
            let day = |moment: Moment| moment.format("%Y-%m-%d").to_string();
            let days = i64::try_from(40 + place % 4 * 9).unwrap_or_default();
            let (opened, filled) = (day(*month - Duration::days(days)), day(*month));
            let _ = writeln!(text, "position-{}-{place},{},{opened},{filled}", team.slug, team.slug);
        }
    }
    text
}

/// Four people of each team who joined in the last year.
fn joiners(now: Moment) -> String {
    let mut text = "id,team,joined,login\n".to_owned();
    for team in TEAMS {
        for (place, login) in members(team.slug).into_iter().take(4).enumerate() {
            let joined = now - Duration::days(60 + 70 * i64::try_from(place).unwrap_or_default());
            let _ = writeln!(text, "joiner-{}-{place},{},{},{login}", team.slug, team.slug, joined.format("%Y-%m-%d"));
        }
    }
    text
}

/// The dashboards that somebody has looked at.
fn ticks(now: Moment) -> String {
    let mut text = "id,service,date,check,holds\n".to_owned();
    let day = (now - Duration::days(10)).format("%Y-%m-%d");
    for (number, service) in PLANS.iter().flat_map(super::plan::RepositoryPlan::services).enumerate() {
        let holds = if number % 4 == 3 { "no" } else { "yes" };
        let _ = writeln!(text, "dashboard-{service},{service},{day},dashboard,{holds}");
    }
    text
}
