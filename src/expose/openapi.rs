//! The description of the HTTP API: made of the routes themselves and of the types that they answer with.

use axum::body::Bytes;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, License, OpenApi, OpenApiBuilder, RefOr, Server};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::answer::ErrorAnswer;

/// The name of the scheme by which reporters show their tokens.
const TOKEN: &str = "token";

/// What the groups of operations are about.
const TAGS: [(&str, &str); 5] = [
    ("teams", "How teams stand: KPIs, scorecards, trends and what happened lately."),
    ("evidence", "What a number rests on, and what was left out of it."),
    ("reviews", "The monthly reviews of teams, with what the teams resolved on."),
    ("quality", "How far the numbers can be trusted."),
    ("sending", "Facts that no source fetches. A token of `[reporters]` is needed, which names what it may send."),
];

/// One document of the descriptions of all routes.
pub fn document(parts: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let mut license = License::new("Apache License 2.0");
    license.identifier = Some(env!("CARGO_PKG_LICENSE").to_owned());
    let info = InfoBuilder::new()
        .title("chiplog")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What the pages of chiplog show, for programs, and what may be sent to it. Durations are seconds, shares lie \
             between 0 and 1, moments are UTC. A value that is not there is null, never zero. A refused request is \
             answered with `{ \"error\": …, \"request_id\": … }`, and each answer has the header `X-Request-Id`.",
        ))
        .license(Some(license));
    let tags = TAGS.map(|(name, description)| {
        utoipa::openapi::tag::TagBuilder::new().name(name).description(Some(description)).build()
    });
    let mut document = OpenApiBuilder::new().info(info.build()).tags(Some(tags)).build();
    // The address that serves the document serves the rest.
    document.servers = Some(vec![Server::new("/")]);
    // Whatever says nothing else needs no token.
    document.security = Some(Vec::new());
    for part in parts {
        document.merge(part);
    }
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let bearer = bearer.description(Some("A token of `[reporters]`, with a scope for what is sent.")).build();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
    components.schemas.insert(ErrorAnswer::name().into_owned(), ErrorAnswer::schema());
    components.schemas.values_mut().for_each(say_exactly);
    document
}

/// A document as it is served.
///
/// # Panics
/// Never: a tree of texts can be written.
#[expect(clippy::expect_used, reason = "a tree of texts can be written")]
pub fn text(document: &OpenApi) -> Bytes {
    document.to_json().expect("a tree").into()
}

/// Answers name all their fields, and pairs have both: what is not there is null.
fn say_exactly(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            object.required = object.properties.keys().cloned().collect();
            object.properties.values_mut().for_each(say_exactly);
        }
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().for_each(say_exactly),
        RefOr::T(Schema::Array(array)) if !array.prefix_items.is_empty() => {
            array.min_items = Some(array.prefix_items.len());
        }
        _ => {}
    }
}
