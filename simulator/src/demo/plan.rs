//! Who has which repositories, and how each of them works.

/// A team.
pub(super) struct TeamPlan {
    pub(super) slug: &'static str,
    pub(super) name: &'static str,
    pub(super) time_zone: &'static str,
}

/// The teams.
pub(super) const TEAMS: &[TeamPlan] = &[
    TeamPlan { slug: "checkout", name: "Checkout", time_zone: "Europe/Berlin" },
    TeamPlan { slug: "data", name: "Data", time_zone: "Europe/Lisbon" },
    TeamPlan { slug: "identity", name: "Identity", time_zone: "America/New_York" },
    TeamPlan { slug: "mobile", name: "Mobile", time_zone: "Asia/Kolkata" },
    TeamPlan { slug: "payments", name: "Payments", time_zone: "Europe/Berlin" },
    TeamPlan { slug: "platform", name: "Platform", time_zone: "UTC" },
    TeamPlan { slug: "research", name: "Research", time_zone: "Europe/Helsinki" },
    TeamPlan { slug: "search", name: "Search", time_zone: "America/Los_Angeles" },
];

/// How pull requests land.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landing {
    Squash,
    Merge,
    Rebase,
}

/// What a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeployBy {
    Environment,
    Release,
    Tag,
    Workflow,
    Merge,
}

/// A repository.
pub(super) struct RepositoryPlan {
    pub(super) name: &'static str,
    pub(super) team: &'static str,
    pub(super) landing: Landing,
    pub(super) deploy_by: DeployBy,
    pub(super) pull_requests_per_week: f64,
    /// The services of a monorepo, each a folder below `services/`; empty for a repository that is one service.
    pub(super) parts: &'static [&'static str],
}

impl RepositoryPlan {
    /// The ids of its services.
    pub(super) fn services(&self) -> Vec<String> {
        if self.parts.is_empty() {
            return vec![self.name.to_owned()];
        }
        self.parts.iter().map(|part| (*part).to_owned()).collect()
    }
}

const fn single(
    name: &'static str,
    team: &'static str,
    landing: Landing,
    deploy_by: DeployBy,
    pull_requests_per_week: f64,
) -> RepositoryPlan {
    RepositoryPlan { name, team, landing, deploy_by, pull_requests_per_week, parts: &[] }
}

/// The repositories: 24 with 30 services.
pub(super) const PLANS: &[RepositoryPlan] = &[
    single("cart", "checkout", Landing::Squash, DeployBy::Environment, 6.0),
    single("checkout-web", "checkout", Landing::Squash, DeployBy::Environment, 7.0),
    single("pricing", "checkout", Landing::Merge, DeployBy::Environment, 4.0),
    single("etl", "data", Landing::Squash, DeployBy::Tag, 3.0),
    single("warehouse", "data", Landing::Merge, DeployBy::Tag, 3.0),
    single("reports", "data", Landing::Rebase, DeployBy::Tag, 2.0),
    single("login", "identity", Landing::Squash, DeployBy::Workflow, 4.0),
    single("accounts", "identity", Landing::Merge, DeployBy::Workflow, 3.0),
    single("sessions", "identity", Landing::Squash, DeployBy::Workflow, 2.0),
    single("permissions", "identity", Landing::Rebase, DeployBy::Workflow, 2.0),
    single("app-android", "mobile", Landing::Squash, DeployBy::Release, 4.0),
    single("app-ios", "mobile", Landing::Squash, DeployBy::Release, 4.0),
    single("app-gateway", "mobile", Landing::Merge, DeployBy::Release, 2.0),
    single("ledger", "payments", Landing::Squash, DeployBy::Environment, 4.0),
    single("payouts", "payments", Landing::Merge, DeployBy::Environment, 3.0),
    single("invoices", "payments", Landing::Squash, DeployBy::Environment, 3.0),
    single("fraud", "payments", Landing::Rebase, DeployBy::Environment, 2.0),
    RepositoryPlan {
        name: "platform-mono",
        team: "platform",
        landing: Landing::Squash,
        deploy_by: DeployBy::Environment,
        pull_requests_per_week: 12.0,
        parts: &["queue", "cache", "config-api", "feature-flags", "mailer", "scheduler", "webhooks"],
    },
    single("deploy-tool", "platform", Landing::Merge, DeployBy::Environment, 2.0),
    single("observability", "platform", Landing::Squash, DeployBy::Environment, 2.0),
    single("experiments", "research", Landing::Merge, DeployBy::Environment, 0.15),
    single("search-api", "search", Landing::Squash, DeployBy::Merge, 5.0),
    single("indexer", "search", Landing::Merge, DeployBy::Merge, 3.0),
    single("ranking", "search", Landing::Rebase, DeployBy::Merge, 2.0),
];

/// The people of a team.
pub(super) fn members(team: &str) -> Vec<String> {
    (1..=6).map(|number| format!("dev-{team}-{number:02}")).collect()
}

/// The id of a service at PagerDuty.
pub(super) fn pagerduty_id(service: &str) -> String {
    format!("P{}", service.to_uppercase().replace('-', ""))
}
