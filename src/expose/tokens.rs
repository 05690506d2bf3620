//! Who may write: those who hold a token of `[reporters]` with the scope for what they write.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::answer::refusal;
use crate::config::Reporter;

/// Why somebody may not write.
#[derive(Debug, thiserror::Error)]
pub enum NotAllowed {
    /// There is no token, or nobody has it.
    #[error("a token of [reporters] is needed: send the header \"Authorization: Bearer TOKEN\"")]
    NoToken,
    /// The token is for other things.
    #[error("this token has no scope for {0}: add it to its scopes in [reporters]")]
    NoScope(String),
}

impl NotAllowed {
    /// The status that tells it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::NoScope(_) => StatusCode::FORBIDDEN,
        }
    }

    /// The answer that tells it.
    pub fn answer(&self) -> Response {
        refusal(self.status(), self.to_string())
    }
}

/// The token that a request carries.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    token.strip_prefix("Bearer ")
}

/// The reporter whose token it is, if it may write this.
///
/// # Errors
/// Nobody has the token, or it is for other things.
pub fn allowed<'a>(reporters: &'a [Reporter], token: Option<&str>, scope: &str) -> Result<&'a Reporter, NotAllowed> {
    let token = token.map(str::trim).ok_or(NotAllowed::NoToken)?;
    let reporter = reporters.iter().find(|reporter| reporter.has_token(token)).ok_or(NotAllowed::NoToken)?;
    if reporter.may(scope) { Ok(reporter) } else { Err(NotAllowed::NoScope(scope.to_owned())) }
}
