//! Whose and which: from facts and rules to deployments of services, the changes they shipped, their failures and
//! their owners.
//!
//! Everything here is pure: facts, rules and the moment of evaluation go in, an [`Attributed`] picture comes out.

mod attempts;
mod attribute;
mod attributed;
mod by_team;
mod cause;
mod changes;
mod history;
mod incidents;
mod input;
mod lookback;
mod operations;
mod organisation;
mod ownership;
mod parts;
mod quality;
mod references;
mod rules;
mod shipped;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
mod work;

pub use attribute::{attribute, attribute_in_view, attribute_part};
pub use attributed::{
    Attributed, DeploymentFailure, FailureCause, FixKind, LeftOut, OwnedService, ServiceDeployment, ServiceIncident,
    ServicePullRequest, Shipment, ShippedChange, ShippedCommit,
};
pub use by_team::{ByTeam, OfTeam};
pub use input::FactsInput;
pub use lookback::{LONGEST_VIEW, LOOKBACK, Reach, Unread};
pub use operations::{ServiceReadiness, ServiceSample, TeamReport};
pub use organisation::{
    ChangeRules, DeploymentRule, IncidentRules, IncidentService, Organisation, Ownership, Service, Severity, Team,
};
pub use ownership::Services;
pub use parts::{Part, Parts};
pub use quality::{AlertSeverity, CiAttempt, ServiceCoverage, TeamCiRun, TeamSecurityAlert, TeamTestResult};
pub use rules::{DocumentationRules, ReadinessCheck, ReadinessRule, SecurityRules, Words, WorkRules, words};
pub use work::{PlannedItem, TeamIteration, TeamWorkItem, WorkClass, classes_of_words};
