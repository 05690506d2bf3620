//! Table 4: all teams evaluated, and one team after one new fact, with more and more facts in the store.

use std::process::Command;
use std::time::{Duration, Instant};

use chiplog::facts::{Batch, Fact, PullRequest};
use chiplog::store::Selection;
use serde::{Deserialize, Serialize};

use crate::corpus;
use crate::document::{Section, Table, count, megabytes, ratio, seconds};
use crate::evaluated::Evaluating;
use crate::process::{self, Limits};
use crate::{median, progress, stored};

/// A size is given up after so long.
const LONGEST: Duration = Duration::from_mins(7);

/// So many single facts are measured, as long as they don't take longer than this together.
const SINGLE_FACTS: usize = 15;
const SINGLE_FACTS_WITHIN: f64 = 20.0;

/// A new fact may take so many times longer than in the smallest store to be called flat.
const FLAT: f64 = 2.0;

/// What one size took.
#[derive(Debug, Serialize, Deserialize)]
struct Step {
    facts: usize,
    teams: usize,
    days: u64,
    /// Seconds of the first evaluation, from an open store to a snapshot.
    full: f64,
    /// Seconds to store one changed fact.
    accept: f64,
    /// Seconds from the stored fact to a new snapshot.
    update: f64,
}

pub(crate) async fn section(quick: bool) -> Section {
    let sizes: &[usize] = if quick { &[4_000, 20_000] } else { &[10_000, 100_000, 1_000_000, 2_000_000, 10_000_000] };
    let mut table = Table::new(&[
        "stored facts",
        "teams × days of history",
        "full evaluation",
        "peak memory",
        "one new fact: stored",
        "evaluated",
        "times that of the smallest",
    ]);
    let mut smallest = None;
    for size in sizes {
        // Made before the clock runs.
        stored::corpus(*size).await;
        progress(&format!("evaluating {} facts", count(*size)));
        let output = crate::folder().join("step.json");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--step", &size.to_string()]).stdout(std::fs::File::create(&output).unwrap());
        let ended = process::run(command, Limits::of_time(LONGEST)).await;
        let peak = megabytes(ended.peak);
        let Ok(step) = serde_json::from_str::<Step>(&std::fs::read_to_string(&output).unwrap()) else {
            let why = format!(
                "**stopped after {}: too much {}**",
                seconds(ended.seconds),
                ended.stopped.unwrap_or("trouble")
            );
            let none = String::new;
            table.row([count(*size), none(), why, peak, none(), none(), none()]);
            continue;
        };
        let times = step.update / *smallest.get_or_insert(step.update);
        table.row([
            count(step.facts),
            format!("{} × {}", count(step.teams), step.days),
            seconds(step.full),
            peak,
            seconds(step.accept),
            seconds(step.update),
            ratio(times, Some(times <= FLAT)),
        ]);
    }
    let left_out = vec![
        "Each size runs in a program of its own over an SQLite file that the operating system may hold in its cache; making \
         the file is not counted, opening it is not either."
            .to_owned(),
        "Up to a thousand teams have two thousand facts each within 545 days; ten million facts are a thousand teams with a \
         history five times as long, so that most of it lies outside of all windows."
            .to_owned(),
        "The new fact is a pull request that has changed; medians of up to fifteen, of as many teams. Rendering the metrics is \
         in table 3."
            .to_owned(),
    ];
    Section { number: 4, title: "Evaluation", tables: vec![table], left_out }
}

/// Measures one size, in a program of its own, and prints what it took.
pub(crate) async fn step(facts: usize) {
    let stored = stored::corpus(facts).await;
    let app = corpus::assemble(stored.size, &stored.url).await;
    let mut evaluating = Evaluating::new(app);
    let (known, full) = evaluating.update(chiplog::clock::now()).await;
    assert_eq!(known.snapshot.teams.len(), stored.size.teams);
    drop(known);
    progress(&format!("evaluated in {}", seconds(full)));
    let (mut accepts, mut updates) = (Vec::new(), Vec::new());
    for place in 0..SINGLE_FACTS {
        let (accept, update) = one_fact(&mut evaluating, place * 37 % stored.size.teams).await;
        accepts.push(accept);
        updates.push(update);
        if updates.iter().sum::<f64>() > SINGLE_FACTS_WITHIN {
            break;
        }
    }
    let step = Step {
        facts: stored.facts,
        teams: stored.size.teams,
        days: stored.size.days,
        full,
        accept: median(&accepts),
        update: median(&updates),
    };
    println!("{}", serde_json::to_string(&step).unwrap());
}

/// Changes the newest pull request of a team and evaluates again: the seconds of either.
async fn one_fact(evaluating: &mut Evaluating, team: usize) -> (f64, f64) {
    let store = evaluating.app().store.clone();
    let selection = Selection { scope: Some(corpus::repository(team, 0)), ..Selection::default() };
    let mut pull_requests = store.facts::<PullRequest>(&selection).await.unwrap();
    pull_requests.sort_by_key(|item| item.fact.created_at);
    let newest = pull_requests.pop().unwrap();
    let mut fact = newest.fact;
    fact.title += " again";
    fact.updated_at += chrono::Duration::seconds(1);
    let batch = Batch { facts: vec![Fact::PullRequest(fact)], ..Batch::default() };
    let began = Instant::now();
    let accepted = store.accept(&newest.source, &batch, chiplog::clock::now()).await.unwrap();
    let accept = began.elapsed().as_secs_f64();
    assert_eq!(accepted.changed.values().sum::<u64>(), 1);
    (accept, evaluating.update(chiplog::clock::now()).await.1)
}
