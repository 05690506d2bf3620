//! What rows are made of, template by template.

use std::fmt::Write as _;

/// What is reported for a KPI or one of its inputs.
#[derive(Debug)]
pub struct Template {
    /// The id: that of the KPI, or of the input of a KPI.
    pub id: &'static str,
    /// One sentence: what a row is.
    pub row: &'static str,
    /// Its columns.
    pub columns: &'static [Column],
}

/// A column.
#[derive(Debug)]
pub struct Column {
    /// The name in the header and in JSON.
    pub name: &'static str,
    /// What becomes of it.
    pub role: Role,
    /// Whether a row must have it.
    pub required: bool,
    /// What it means, and how it is written.
    pub meaning: &'static str,
    /// An example.
    pub example: &'static str,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// The reporter's own id of the row: the same id again replaces it.
    Id,
    /// The slug of a team.
    Team,
    /// The id of a service, or one of its names.
    Service,
    /// The day or moment that it counts at.
    At,
    /// The day or moment that a duration began.
    Began,
    /// The day or moment that a duration ended; empty while it has not.
    Ended,
    /// A number between two bounds.
    Value(f64, f64),
    /// A number up to a bound that is divided by the cases: accepted offers, cost.
    Part(f64),
    /// A check that holds or not: yes or no.
    Holds,
    /// How many answers, people or things stand behind the row, up to a bound and never none; 1 unless given.
    Cases(f64),
    /// The name of a part: the item of a checklist.
    Segment,
    /// A login, of which only a keyed hash is kept.
    Person,
}

const fn column(
    name: &'static str,
    role: Role,
    required: bool,
    meaning: &'static str,
    example: &'static str,
) -> Column {
    Column { name, role, required, meaning, example }
}

/// No team has or asks more people.
const PEOPLE: f64 = 1e6;

/// Money, and what it buys: what is beyond is a slip, whatever the currency.
const AMOUNT: f64 = 1e15;

const ID: Column =
    column("id", Role::Id, true, "your own id of the row; the same id again replaces the row", "2026-q3-17");
const TEAM: Column = column("team", Role::Team, true, "the team's slug", "payments");
const SERVICE: Column = column("service", Role::Service, true, "the service's id, or one of its names", "ledger");
const DATE: Column =
    column("date", Role::At, true, "the day (2026-09-30) or moment (2026-09-30T12:00:00Z)", "2026-09-30");
const ANSWERS: Column =
    column("answers", Role::Cases(PEOPLE), false, "how many answers the score is the mean of; 1 unless given", "1");

const fn score(lowest: f64, highest: f64, meaning: &'static str) -> Column {
    column("score", Role::Value(lowest, highest), true, meaning, "4")
}

const ONE_TO_FIVE: &[Column] = &[ID, TEAM, DATE, score(1.0, 5.0, "1 to 5"), ANSWERS];
const SHARE: Column = column("value", Role::Value(0.0, 1.0), true, "a share, 0 to 1", "0.9995");
const SHARE_OF_SERVICE: &[Column] = &[ID, SERVICE, DATE, SHARE];
const SECONDS_OF_SERVICE: &[Column] =
    &[ID, SERVICE, DATE, column("value", Role::Value(0.0, 1e6), true, "seconds", "0.25")];

/// Every template.
pub const TEMPLATES: &[Template] = &[
    Template {
        id: "stakeholder_satisfaction",
        row: "An answer of somebody who depends on the team, or the mean of several.",
        columns: ONE_TO_FIVE,
    },
    Template {
        id: "team_engagement",
        row: "An answer of one of the team's people, or the mean of several.",
        columns: ONE_TO_FIVE,
    },
    Template {
        id: "team_enps",
        row: "One answer to \"would you recommend working here\"; part of team_engagement.",
        columns: &[ID, TEAM, DATE, score(0.0, 10.0, "0 to 10")],
    },
    Template {
        id: "mentoring_impact",
        row: "An answer of somebody who is mentored, or the mean of several.",
        columns: ONE_TO_FIVE,
    },
    Template {
        id: "documentation_quality",
        row: "A score of the documentation of the team's systems, or the mean of several.",
        columns: ONE_TO_FIVE,
    },
    Template {
        id: "promotion_readiness",
        row: "A review of the team's people: how many are ready for their next step within a year.",
        columns: &[
            ID,
            TEAM,
            DATE,
            column("ready", Role::Part(PEOPLE), true, "how many people are ready", "2"),
            column("people", Role::Cases(PEOPLE), true, "of how many", "8"),
        ],
    },
    Template {
        id: "regrettable_attrition",
        row: "A month or quarter of a team.",
        columns: &[
            ID,
            TEAM,
            DATE,
            column(
                "leavers",
                Role::Value(0.0, 1000.0),
                true,
                "how many left whom the team wanted to keep; 0 counts",
                "0",
            ),
            column("headcount", Role::Cases(PEOPLE), true, "how many people the team had", "8"),
        ],
    },
    Template {
        id: "hiring_time_to_fill",
        row: "A position.",
        columns: &[
            ID,
            TEAM,
            column("opened", Role::Began, true, "when it was opened", "2026-06-01"),
            column("filled", Role::Ended, false, "when an offer was accepted; empty while it is open", "2026-07-20"),
        ],
    },
    Template {
        id: "offer_acceptance_rate",
        row: "The answered offers of a month or quarter.",
        columns: &[
            ID,
            TEAM,
            DATE,
            column("accepted", Role::Part(PEOPLE), true, "how many were accepted", "3"),
            column("offers", Role::Cases(PEOPLE), true, "of how many", "4"),
        ],
    },
    Template {
        id: "interview_to_offer_rate",
        row: "The interviewed candidates of a month or quarter.",
        columns: &[
            ID,
            TEAM,
            DATE,
            column("offers", Role::Part(PEOPLE), true, "how many got an offer", "4"),
            column("interviewed", Role::Cases(PEOPLE), true, "of how many", "18"),
        ],
    },
    Template {
        id: "onboarding_ramp_time",
        row: "Somebody who joined.",
        columns: &[
            ID,
            TEAM,
            column("joined", Role::Began, true, "the first day", "2026-09-01"),
            column(
                "login",
                Role::Person,
                true,
                "the login at the code host; only a keyed hash of it is kept",
                "octocat",
            ),
        ],
    },
    Template {
        id: "unit_cost",
        row: "The cost of a service over a day or month, and what it served.",
        columns: &[
            ID,
            SERVICE,
            DATE,
            column("cost", Role::Part(AMOUNT), true, "what it cost, always in the same currency", "412.50"),
            column("volume", Role::Cases(AMOUNT), true, "how much it served: requests, orders", "1200000"),
        ],
    },
    Template { id: "test_coverage", row: "The line coverage of a service.", columns: SHARE_OF_SERVICE },
    Template {
        id: "operational_readiness",
        row: "An item of a service's checklist that somebody has checked.",
        columns: &[
            ID,
            SERVICE,
            DATE,
            column("check", Role::Segment, true, "the name of the item in [[readiness]]", "capacity review"),
            column("holds", Role::Holds, true, "yes or no", "yes"),
        ],
    },
    Template {
        id: "slo_attainment",
        row: "The share of a day in which a service met its objective.",
        columns: SHARE_OF_SERVICE,
    },
    Template {
        id: "latency_p95",
        row: "The 95th percentile of a service's latency on a day.",
        columns: SECONDS_OF_SERVICE,
    },
    Template {
        id: "latency_p99",
        row: "The 99th percentile of a service's latency on a day.",
        columns: SECONDS_OF_SERVICE,
    },
    Template {
        id: "error_rate",
        row: "The share of a service's requests that failed on a day.",
        columns: SHARE_OF_SERVICE,
    },
    Template {
        id: "request_throughput",
        row: "The requests per second of a service on a day.",
        columns: &[ID, SERVICE, DATE, column("value", Role::Value(0.0, 1e12), true, "requests per second", "120")],
    },
];

/// The template of an id.
pub fn find(id: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.id == id)
}

impl Template {
    /// A CSV file that explains itself: comments, the header, and an example that is commented out.
    pub fn csv(&self) -> String {
        let mut text = format!("# {}: {}\n", self.id, self.row);
        for column in self.columns {
            let optional = if column.required { "" } else { " (optional)" };
            let _ = writeln!(text, "# {}{optional}: {}", column.name, column.meaning);
        }
        let names: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
        let examples: Vec<&str> = self.columns.iter().map(|column| column.example).collect();
        let _ = writeln!(text, "{}\n# for example:\n# {}", names.join(","), examples.join(","));
        text
    }
}
