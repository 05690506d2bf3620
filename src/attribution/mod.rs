//! Whose and which: from facts and rules to deployments of services, the changes they shipped, their failures and
//! their owners.
//!
//! Everything here is pure: facts, rules and the moment of evaluation go in, an [`Attributed`] picture comes out.

mod attributed;
mod organisation;

pub use attributed::{
    Attributed, DeploymentFailure, FailureCause, FixKind, LeftOut, ServiceDeployment, ServiceIncident,
    ServicePullRequest, Shipment, ShippedChange, ShippedCommit,
};
pub use organisation::{
    ChangeRules, DeploymentRule, IncidentRules, IncidentService, Organisation, Ownership, Service, Severity, Team,
};
