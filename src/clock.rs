//! The one place that reads the clock. Everywhere else time is a parameter.

use crate::facts::Moment;

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may read the clock")]
pub fn now() -> Moment {
    chrono::Utc::now()
}
