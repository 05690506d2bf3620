//! Where GitHub's answers lead: to next pages, and to what has moved. Both are followed below GitHub's own address only.

use std::collections::BTreeSet;

use http::HeaderMap;
use http::header::{LINK, LOCATION};
use reqwest::Url;

use super::super::budget::Resource;
use super::Client;
use super::member::{Attempt, Request};
use super::send::Sent;
use crate::address;
use crate::sources::http::is_redirect;
use crate::sources::source::SourceError;

/// How many redirects are followed.
const MOST_REDIRECTS: usize = 3;

impl Client {
    /// Gets a path, and where GitHub has moved it (repositories are renamed) what is there. A redirect that leads elsewhere
    /// is returned as it is.
    pub(super) async fn follow(
        &self,
        path: &str,
        headers: &HeaderMap,
        about: Option<&str>,
        tried: &mut BTreeSet<usize>,
    ) -> Result<Sent, SourceError> {
        let mut path = path.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let sent = self.send(Resource::Core, &Request::Get(&path, headers.clone()), about, tried).await?;
            match target(&self.shared.base, &sent.attempt).and_then(|url| address::below(&self.shared.base, &url)) {
                Some(moved) => path = moved,
                None => return Ok(sent),
            }
        }
        Err(SourceError::Malformed(format!("GitHub redirects {path} again and again")))
    }

    /// Fails where an answer sends elsewhere.
    pub(super) fn must_be_here(&self, attempt: &Attempt) -> Result<(), SourceError> {
        if is_redirect(attempt.status) {
            let base = &self.shared.base;
            return Err(elsewhere("redirects to", base, target(base, attempt).as_ref()));
        }
        Ok(())
    }
}

/// Where a redirect leads. `None` of every other answer.
pub(super) fn target(base: &Url, attempt: &Attempt) -> Option<Url> {
    let location = attempt.headers.get(LOCATION).filter(|_| is_redirect(attempt.status))?;
    base.join(location.to_str().ok()?).ok()
}

/// The path of the next page, by the header `Link`.
pub(in crate::sources::github) fn next_page(base: &Url, headers: &HeaderMap) -> Result<Option<String>, SourceError> {
    let Some(link) = headers.get(LINK).and_then(|link| link.to_str().ok()).and_then(next_of) else { return Ok(None) };
    let url = base.join(link).ok();
    let path = url.as_ref().and_then(|url| address::below(base, url));
    path.map(Some).ok_or_else(|| elsewhere("has the next page of a list at", base, url.as_ref()))
}

fn elsewhere(does: &str, base: &Url, target: Option<&Url>) -> SourceError {
    let target = target.map_or_else(|| "an address that is none".to_owned(), address::shown);
    let base = address::shown(base);
    SourceError::Malformed(format!(
        "GitHub {does} {target}, which is not below base_url at {base}: chiplog takes its token nowhere else; base_url must be \
         the address that GitHub itself has in its links"
    ))
}

/// The address of the next page in a `Link` header.
fn next_of(link: &str) -> Option<&str> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let (_, rest) = next.split_once('<')?;
    Some(rest.split_once('>')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_read_from_the_link_header() {
        let base = "https://a/api/v3".parse().unwrap();
        let next = |link: &str| {
            let headers = HeaderMap::from_iter([(LINK, link.parse().unwrap())]);
            next_page(&base, &headers).map_err(|error| error.to_string())
        };
        let link = "<https://a/api/v3/x?page=1>; rel=\"prev\", <https://a/api/v3/x?page=3>; rel=\"next\"";
        assert_eq!(next(link), Ok(Some("/x?page=3".to_owned())));
        assert_eq!(next("<https://a/api/v3/x?page=1>; rel=\"prev\""), Ok(None));
        let refused = next("<https://b:8443/api/v3/x?page=3>; rel=\"next\"").unwrap_err();
        assert!(refused.contains("at https://b:8443, which is not below base_url at https://a:"), "{refused}");
        assert!(next("<https://a/login>; rel=\"next\"").is_err());
    }
}
