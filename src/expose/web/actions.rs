//! The team's own words in a review: written through the page's form or the API, with a token that may.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::post;
use serde::Deserialize;

use super::lookup::{self, Failure};
use super::{WebState, pages};
use crate::clock;
use crate::report::review::Actions;

/// Three actions with their outcomes are far smaller.
const LARGEST_BODY: usize = 64 * 1024;

pub(super) fn routes() -> Router<WebState> {
    Router::new()
        .route("/teams/{team}/reviews/{month}/actions", post(from_form))
        .route("/api/v1/teams/{team}/reviews/{month}/actions", axum::routing::put(from_api))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
}

#[derive(Deserialize)]
struct Written {
    text: String,
    token: String,
}

/// The form's answer is the review itself. Another site cannot write here: it does not know the token.
async fn from_form(
    State(state): State<WebState>,
    Path((team, month)): Path<(String, String)>,
    Form(written): Form<Written>,
) -> Response {
    match keep(&state, &team, &month, &written.text, Some(&written.token)).await {
        Ok(_) => Redirect::to(&format!("/teams/{team}/reviews/{month}#actions")).into_response(),
        Err(failure) => pages::failure(&failure),
    }
}

async fn from_api(
    State(state): State<WebState>,
    Path((team, month)): Path<(String, String)>,
    headers: HeaderMap,
    text: String,
) -> Result<Json<Actions>, Failure> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer "));
    Ok(Json(keep(&state, &team, &month, &text, token).await?))
}

async fn keep(state: &WebState, team: &str, month: &str, text: &str, token: Option<&str>) -> Result<Actions, Failure> {
    lookup::team(&*lookup::known(state)?, team)?;
    lookup::month(month)?;
    let reporter = token.map(str::trim).and_then(|token| state.reporters.iter().find(|it| it.has_token(token)));
    let scope = format!("reviews/{team}");
    match reporter {
        None => {
            let text = "a token of [reporters] is needed to write a team's actions";
            return Err(Failure::new(StatusCode::UNAUTHORIZED, text));
        }
        Some(reporter) if !reporter.may(&scope) => {
            let text = format!("this token has no scope for {scope}: add it to its scopes in [reporters]");
            return Err(Failure::new(StatusCode::FORBIDDEN, text));
        }
        Some(_) => {}
    }
    let actions = Actions::parse(text).map_err(|problem| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, problem))?;
    state.reviewer.store.set_review_actions(team, month, &actions.text(), clock::now()).await?;
    Ok(actions)
}
