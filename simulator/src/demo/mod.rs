//! A believable organisation: eight teams, thirty services, fifteen months, the same on every machine.
//!
//! One team (`checkout`) got slower in the last ten weeks; one (`research`) has too little data to tell anything.

mod config;
mod measured;
mod plan;
mod production;
mod repository;
mod work;

use std::collections::BTreeSet;

use chrono::{Duration, Timelike as _};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

pub use config::{Addresses, config};
pub use measured::reports;
use plan::{DeployBy, PLANS, TEAMS};
use repository::Generator;
use work::Work;

use crate::world::{Account, IncidentService, Moment, Team, World};

/// The login of the organisation.
pub const ORGANIZATION: &str = "acme";

/// How long the history is.
const HISTORY: Duration = Duration::days(15 * 30);

/// The organisation as it is at a moment; the same seed and moment give the same world.
pub fn world(now: Moment, seed: u64) -> World {
    let now = now.with_nanosecond(0).unwrap_or(now);
    let mut world = World { organization: ORGANIZATION.to_owned(), ..World::default() };
    accounts(&mut world);
    for (number, plan) in PLANS.iter().enumerate() {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(number as u64 + 1);
        let generator = Generator::new(plan, number, now - HISTORY, now, random);
        let made = generator.run();
        world.repositories.push(made.repository);
        world.incidents.extend(made.incidents);
    }
    for plan in PLANS.iter().filter(|plan| plan.deploy_by != DeployBy::Merge) {
        for service in plan.services() {
            let escalation_policy = Some(format!("{} on call", plan.team)).filter(|_| service != "reports");
            world.incident_services.push(IncidentService {
                id: plan::pagerduty_id(&service),
                name: service.clone(),
                escalation_policy,
            });
        }
    }
    for team in TEAMS {
        let repositories = PLANS.iter().filter(|plan| plan.team == team.slug);
        world.teams.push(Team {
            slug: team.slug.to_owned(),
            name: team.name.to_owned(),
            repositories: repositories.map(|plan| format!("{ORGANIZATION}/{}", plan.name)).collect(),
            members: plan::members(team.slug),
        });
    }
    for (number, plan) in PLANS.iter().enumerate() {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(10_000 + number as u64);
        Work { plan, number, now, random }.add(&mut world);
    }
    measured::add(&mut world, now, seed);
    world.incidents.sort_by_key(|incident| incident.created_at);
    for (number, incident) in world.incidents.iter_mut().enumerate() {
        incident.number = number as u64 + 1;
    }
    world
}

/// Every login, name and address that is planted in the world: none may ever come out of chiplog.
pub fn names(world: &World) -> BTreeSet<String> {
    let people = world.accounts.iter().filter(|(_, account)| !account.bot);
    people.flat_map(|(login, account)| [login.clone(), account.name.clone(), account.email.clone()]).collect()
}

fn accounts(world: &mut World) {
    const FIRST: &[&str] = &["Ember", "Willow", "Cobalt", "Juniper", "Saffron", "Onyx"];
    const LAST: &[&str] = &[
        "Quillfeather",
        "Marrowby",
        "Thistledown",
        "Ashgrovely",
        "Pebblewick",
        "Farthingale",
        "Locksworthy",
        "Brindlecote",
    ];
    for (team_number, team) in TEAMS.iter().enumerate() {
        for (number, login) in plan::members(team.slug).into_iter().enumerate() {
            let name = format!("{} {}", FIRST[number % FIRST.len()], LAST[team_number % LAST.len()]);
            let email = format!("{login}@people.example");
            world.accounts.insert(login, Account { name, email, bot: false });
        }
    }
    for bot in ["dependabot[bot]", "review-robot[bot]"] {
        world.accounts.insert(
            bot.to_owned(),
            Account { name: bot.to_owned(), email: format!("{bot}@robots.example"), bot: true },
        );
    }
}
