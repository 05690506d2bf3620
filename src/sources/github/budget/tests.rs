use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn at(seconds: i64) -> Moment {
    Moment::from_timestamp(seconds, 0).unwrap()
}

fn told(resource: &str, limit: u64, remaining: u64, reset_at: i64) -> HeaderMap {
    headers(&[
        ("x-ratelimit-resource", resource),
        ("x-ratelimit-limit", &limit.to_string()),
        ("x-ratelimit-remaining", &remaining.to_string()),
        ("x-ratelimit-reset", &reset_at.to_string()),
    ])
}

fn ask(resource: Resource, urgency: Urgency) -> Ask {
    Ask { resource, urgency, reserve: 0.1 }
}

const FRESH: Ask = Ask { resource: Resource::Graphql, urgency: Urgency::Fresh, reserve: 0.1 };
const BACKFILL: Ask = Ask { resource: Resource::Graphql, urgency: Urgency::Backfill, reserve: 0.1 };

/// Admits a request that is answered at once.
fn admit(budget: &mut Budget, ask: Ask, now: Moment) -> Result<(), (Moment, Wait)> {
    budget.admit(ask, now).map(|request| budget.finish(request, now))
}

#[test]
fn the_reserve_is_left_for_others_until_the_hour_is_over() {
    let mut budget = Budget::default();
    budget.note(Resource::Graphql, &told("graphql", 5000, 501, 1000));
    assert_eq!(admit(&mut budget, FRESH, at(0)), Ok(()));
    budget.note(Resource::Graphql, &told("graphql", 5000, 500, 1000));
    assert_eq!(admit(&mut budget, FRESH, at(0)), Err((at(1000), Wait::Reserve)));
    assert_eq!(admit(&mut budget, Ask { reserve: 0.05, ..FRESH }, at(0)), Ok(()));
    assert_eq!(admit(&mut budget, FRESH, at(1000)), Ok(()));
    assert_eq!(admit(&mut budget, ask(Resource::Core, Urgency::Fresh), at(0)), Ok(()));
}

#[test]
fn what_is_under_way_counts_as_spent_and_old_answers_do_not_raise_what_is_left() {
    let mut budget = Budget::default();
    budget.spent(Resource::Graphql, Urgency::Backfill, 6);
    budget.note(Resource::Graphql, &told("graphql", 5000, 510, 1000));
    let first = budget.admit(FRESH, at(0)).unwrap();
    // 510 − 500 − 6 = 4 are left for the second, nothing for the third.
    assert!(budget.admit(FRESH, at(0)).is_ok());
    assert_eq!(budget.admit(FRESH, at(0)), Err((at(1000), Wait::Reserve)));
    budget.finish(first, at(1));
    budget.note(Resource::Graphql, &told("graphql", 5000, 504, 1000));
    // An answer that was overtaken.
    budget.note(Resource::Graphql, &told("graphql", 5000, 510, 1000));
    assert_eq!(budget.left()[&Resource::Graphql].remaining, 504);
    // The next hour.
    budget.note(Resource::Graphql, &told("graphql", 5000, 5000, 4600));
    assert_eq!(budget.left()[&Resource::Graphql].remaining, 5000);
    // A budget of another kind is none of ours.
    budget.note(Resource::Core, &told("search", 30, 0, 4600));
    assert!(!budget.left().contains_key(&Resource::Core));
}

#[test]
fn a_backfill_spreads_the_last_quarter_of_the_hour_and_fresh_work_does_not_wait_for_it() {
    let mut budget = Budget::default();
    // 4,500 are usable in all, a quarter of them is 1,125: above that nothing waits.
    budget.note(Resource::Graphql, &told("graphql", 5000, 1628, 3600));
    assert_eq!(admit(&mut budget, BACKFILL, at(0)), Ok(()));
    assert_eq!(admit(&mut budget, BACKFILL, at(0)), Ok(()));
    // 1,000 are left above the reserve for 1,000 s at 5 points each: one request every 5 s.
    budget.spent(Resource::Graphql, Urgency::Backfill, 5);
    budget.note(Resource::Graphql, &told("graphql", 5000, 1500, 3600));
    assert_eq!(admit(&mut budget, BACKFILL, at(2600)), Ok(()));
    assert_eq!(admit(&mut budget, BACKFILL, at(2601)), Err((at(2605), Wait::Spread)));
    assert_eq!(admit(&mut budget, FRESH, at(2601)), Ok(()));
    assert_eq!(admit(&mut budget, BACKFILL, at(2605)), Ok(()));
    // What is left does not pay for another page: the backfill ends, and fresh work goes on.
    budget.note(Resource::Graphql, &told("graphql", 5000, 504, 3600));
    assert_eq!(admit(&mut budget, BACKFILL, at(3000)), Err((at(3600), Wait::Reserve)));
    assert_eq!(admit(&mut budget, FRESH, at(3000)), Ok(()));
}

#[test]
fn a_refusal_holds_back_every_request_and_the_pace_stays_below_the_secondary_limit() {
    let mut budget = Budget::default();
    budget.hold_until(at(10));
    for resource in Resource::ALL {
        assert_eq!(admit(&mut budget, ask(resource, Urgency::Fresh), at(9)), Err((at(10), Wait::Refused)));
    }
    for (resource, most) in [(Resource::Core, 800), (Resource::Graphql, 1800)] {
        for _ in 0..most {
            assert_eq!(admit(&mut budget, ask(resource, Urgency::Fresh), at(10)), Ok(()));
        }
        assert_eq!(admit(&mut budget, ask(resource, Urgency::Fresh), at(11)), Err((at(70), Wait::Pace)));
        assert_eq!(admit(&mut budget, ask(resource, Urgency::Fresh), at(70)), Ok(()));
    }
}

#[test]
fn answers_that_take_long_count_as_work() {
    let mut budget = Budget::default();
    // Three answers of 18 s each are 54 s of GraphQL: no more until the first is a minute old. REST has 26 s left.
    for _ in 0..3 {
        let request = budget.admit(FRESH, at(0)).unwrap();
        budget.finish(request, at(18));
    }
    assert_eq!(admit(&mut budget, FRESH, at(20)), Err((at(78), Wait::Work)));
    let rest = ask(Resource::Core, Urgency::Fresh);
    let request = budget.admit(rest, at(20)).unwrap();
    assert_eq!(budget.admit(rest, at(46)), Err((at(78), Wait::Work)));
    budget.finish(request, at(46));
    assert_eq!(admit(&mut budget, FRESH, at(78)), Ok(()));
}

#[test]
fn only_githubs_own_cloud_limits_work() {
    assert!(Limits::of("https://api.github.com").work.is_some());
    assert!(Limits::of("https://api.acme.ghe.com").work.is_some());
    assert!(Limits::of("https://github.example.com/api/v3").work.is_none());
}

#[test]
fn never_more_than_so_many_requests_are_under_way() {
    let mut budget = Budget::new(Limits { at_once: 2, ..Limits::default() });
    let first = budget.admit(FRESH, at(0)).unwrap();
    budget.admit(BACKFILL, at(0)).unwrap();
    assert_eq!(budget.admit(FRESH, at(0)), Err((at(1), Wait::Concurrency)));
    budget.finish(first, at(0));
    assert!(budget.admit(FRESH, at(0)).is_ok());
}

#[test]
fn a_server_without_limits_is_not_paced() {
    let mut budget = Budget::new(Limits { graphql_per_minute: 1, ..Limits::default() });
    assert_eq!(admit(&mut budget, FRESH, at(0)), Ok(()));
    assert_eq!(admit(&mut budget, FRESH, at(0)), Err((at(60), Wait::Pace)));
    budget.note_no_limits();
    assert_eq!(admit(&mut budget, BACKFILL, at(0)), Ok(()));
    budget.note(Resource::Graphql, &told("graphql", 5000, 4000, 1000));
    assert_eq!(admit(&mut budget, FRESH, at(0)), Err((at(60), Wait::Pace)));
}

#[test]
fn the_credential_with_the_most_left_for_its_time_is_the_plentiful_one() {
    let of = |remaining, reset_at| {
        let mut budget = Budget::default();
        budget.note(Resource::Core, &told("core", 5000, remaining, reset_at));
        budget.plenty(Resource::Core, 0.1, at(0))
    };
    // (1,500 − 500) / 100 s against (4,500 − 500) / 3,000 s.
    assert!((of(1500, 100) - 10.0).abs() < 1e-9);
    assert!(of(1500, 100) > of(4500, 3000));
    // What is unknown is tried first, but only once.
    let mut unknown = Budget::default();
    assert!(unknown.plenty(Resource::Core, 0.1, at(0)) > of(5000, 1));
    let first = unknown.admit(ask(Resource::Core, Urgency::Fresh), at(0)).unwrap();
    assert!(unknown.plenty(Resource::Core, 0.1, at(0)) < of(500, 3000));
    unknown.admit(ask(Resource::Core, Urgency::Fresh), at(0)).unwrap();
    let of_two = unknown.plenty(Resource::Core, 0.1, at(0));
    unknown.finish(first, at(0));
    assert!(unknown.plenty(Resource::Core, 0.1, at(0)) > of_two);
}

#[test]
fn requests_whose_cost_nobody_knows_yet_are_shared_evenly() {
    let mut budgets = [Budget::default(), Budget::default()];
    for budget in &mut budgets {
        budget.note(Resource::Core, &told("core", 5000, 5000, 3600));
    }
    for expected in [0, 1, 0, 1, 0, 1] {
        let plenty = |place: usize| budgets[place].plenty(Resource::Core, 0.1, at(0));
        let chosen = usize::from(plenty(1) > plenty(0));
        assert_eq!(chosen, expected);
        budgets[chosen].admit(ask(Resource::Core, Urgency::Fresh), at(0)).unwrap();
        // One answer has come, of something small.
        budgets[1].note(Resource::Core, &told("core", 5000, 4999, 3600));
    }
}

/// GitHub's side of the limits, in virtual time: a fixed window of a minute, and an hour.
struct Server {
    per_minute: usize,
    minute: (i64, usize),
    per_hour: u64,
    used: u64,
    hour_ends: i64,
}

impl Server {
    fn answer(&mut self, now: i64, cost: u64) -> Option<HeaderMap> {
        if now / 60 != self.minute.0 {
            self.minute = (now / 60, 0);
        }
        if now >= self.hour_ends {
            (self.used, self.hour_ends) = (0, now + 3600);
        }
        self.minute.1 += 1;
        self.used += cost;
        let fine = self.minute.1 <= self.per_minute && self.used <= self.per_hour;
        fine.then(|| told("graphql", self.per_hour, self.per_hour - self.used, self.hour_ends))
    }
}

#[test]
fn a_long_backfill_is_never_refused_and_leaves_the_reserve() {
    let limits = Limits { graphql_per_minute: 20, ..Limits::default() };
    let (mut budget, mut server) =
        (Budget::new(limits), Server { per_minute: 22, minute: (0, 0), per_hour: 1000, used: 0, hour_ends: 3600 });
    let (mut now, mut pages, mut least, mut fresh_waited) = (0, 0, 1000, 0);
    while now < 12 * 3600 {
        // Something fresh is wanted every five minutes.
        let urgency = if now % 300 == 0 { Urgency::Fresh } else { Urgency::Backfill };
        let Ok(request) = budget.admit(ask(Resource::Graphql, urgency), at(now)) else {
            fresh_waited += usize::from(urgency == Urgency::Fresh);
            now += 1;
            continue;
        };
        let cost = if urgency == Urgency::Fresh { 1 } else { 6 };
        let answer = server.answer(now, cost).expect("never refused");
        budget.spent(Resource::Graphql, urgency, cost);
        budget.note(Resource::Graphql, &answer);
        budget.finish(request, at(now));
        pages += usize::from(urgency == Urgency::Backfill);
        least = least.min(server.per_hour - server.used);
        now += i64::from(urgency == Urgency::Fresh);
    }
    // 900 points an hour are usable, of which 12 are fresh: at most 148 pages an hour.
    assert!(pages > 12 * 125 && pages <= 12 * 148, "{pages} pages");
    assert!(least >= 94, "{least} were left");
    // The pace of the first minutes may hold a fresh request back for some seconds; the budget never does.
    assert!(fresh_waited <= 60, "fresh work waited {fresh_waited} s");
}

#[test]
fn refusals_are_waited_for_as_they_ask() {
    let seconds = Duration::from_secs;
    assert_eq!(wait_after_refusal(&headers(&[("retry-after", "7")]), "", 0, at(0)), Some(seconds(7)));
    let used_up = headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "90")]);
    assert_eq!(wait_after_refusal(&used_up, "", 0, at(30)), Some(seconds(60)));
    let secondary = "You have exceeded a secondary rate limit.";
    assert_eq!(wait_after_refusal(&headers(&[]), secondary, 1, at(0)), Some(seconds(120)));
    assert_eq!(wait_after_refusal(&headers(&[]), "Must have admin rights.", 0, at(0)), None);
}
