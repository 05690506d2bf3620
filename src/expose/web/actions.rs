//! The team's own words in a review: written through the page's form or the API, with a token that may.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::post;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::lookup::{self, Failure};
use super::queries::MonthPath;
use super::{WebState, pages};
use crate::clock;
use crate::expose::answer::{
    Asked, Missing, Named, NoQuery, NoScope, NoToken, NotYet, Sent, TooLarge, TooSlow, Unreadable, Unusable, refusal,
};
use crate::expose::tokens::{NotAllowed, allowed, bearer};
use crate::report::review::Actions;

/// Three actions with their outcomes are far smaller.
const LARGEST_BODY: usize = 64 * 1024;

/// The API, for those who hold a token.
pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::default().routes(routes!(from_api)).layer(DefaultBodyLimit::max(LARGEST_BODY))
}

/// The form of a page, for those who read it and hold a token.
pub(super) fn form() -> Router<WebState> {
    let path = "/teams/{team}/reviews/{month}/actions";
    Router::new().route(path, post(from_form)).layer(DefaultBodyLimit::max(LARGEST_BODY))
}

#[derive(Deserialize)]
struct Written {
    text: String,
    token: String,
    /// The text that the page showed: what others saved since must not be lost.
    #[serde(default)]
    loaded: Option<String>,
}

/// The form's answer is the review itself. Another site cannot write here: it does not know the token.
async fn from_form(
    State(state): State<WebState>,
    Path((team, month)): Path<(String, String)>,
    Form(written): Form<Written>,
) -> Response {
    let writing = Writing { team: &team, month: &month, text: &written.text, loaded: written.loaded.as_deref() };
    let allowed = may_write(&state, &team, Some(&written.token)).map_err(Failure::from);
    let kept = match allowed {
        Ok(()) => keep(&state, &writing).await,
        Err(failure) => Err(failure),
    };
    match kept {
        Ok(_) => Redirect::to(&format!("/teams/{team}/reviews/{month}#actions")).into_response(),
        Err(failure) => pages::failure(&failure, Some(&written.text)),
    }
}

/// Write what the team resolved on
///
/// Plain text: a line is an action, at most three; an indented line below it is what came of it. What was written before
/// is replaced. The token needs the scope `reviews/TEAM`.
#[utoipa::path(
    put, path = "/api/v1/teams/{team}/reviews/{month}/actions", tag = "reviews", operation_id = "write_actions",
    params(MonthPath), request_body(content = String, content_type = "text/plain"), security(("token" = [])),
    responses(
        (status = 200, description = "What is kept.", body = Actions),
        Unreadable, NoToken, NoScope, Missing, TooSlow, TooLarge, Unusable, NotYet,
    ),
)]
async fn from_api(
    State(state): State<WebState>,
    Named(path): Named<MonthPath>,
    Asked(NoQuery {}): Asked<NoQuery>,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    if let Err(error) = may_write(&state, &path.team, bearer(&headers)) {
        return error.answer();
    }
    let body = match sent.read().await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let Ok(text) = std::str::from_utf8(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "the body is no UTF-8");
    };
    let writing = Writing { team: &path.team, month: &path.month, text, loaded: None };
    keep(&state, &writing).await.map(Json).into_response()
}

/// Whether the token lets write what a team resolved on. Asked before anything that a reader would be told.
fn may_write(state: &WebState, team: &str, token: Option<&str>) -> Result<(), NotAllowed> {
    allowed(&state.reporters, token, &format!("reviews/{team}")).map(|_| ())
}

/// What is to be written where.
struct Writing<'a> {
    team: &'a str,
    month: &'a str,
    text: &'a str,
    loaded: Option<&'a str>,
}

async fn keep(state: &WebState, writing: &Writing<'_>) -> Result<Actions, Failure> {
    let Writing { team, month, text, loaded } = *writing;
    lookup::packed_team(&*lookup::known(state)?, team)?;
    lookup::month(month)?;
    let actions = Actions::parse(text).map_err(|problem| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, problem))?;
    let stored = state.reviewer.store.review_actions(team, month).await?;
    if loaded.is_some_and(|loaded| Actions::parse(loaded) != Actions::parse(&stored)) {
        let text = "somebody saved other actions since you opened the page: open it again and add yours to them";
        return Err(Failure::new(StatusCode::CONFLICT, text));
    }
    state.reviewer.store.set_review_actions(team, month, &actions.text(), clock::now()).await?;
    Ok(actions)
}
