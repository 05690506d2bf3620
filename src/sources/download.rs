//! Files that a tool keeps elsewhere and sends for: fetched without credentials, and from nowhere that is nearer to chiplog
//! than the tool itself.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use thiserror::Error;

use super::http::{ReadError, body_of, install_crypto_provider, is_redirect, redirect_target, too_large};
use super::source::SourceError;
use crate::address::{self, Reach};

/// How many redirects are followed.
const MOST_REDIRECTS: usize = 3;

/// Fetches what the tool at an address sends for.
pub(super) struct Downloads {
    client: Client,
    base: Url,
    /// What is asked, for messages: `GitHub's artifact storage`.
    host: &'static str,
}

impl Downloads {
    /// For files of the tool at `base`.
    pub(super) fn new(host: &'static str, base: &Url) -> Result<Self, SourceError> {
        install_crypto_provider();
        let client = Client::builder()
            .user_agent(concat!("chiplog/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(30))
            .redirect(Policy::none())
            // A proxy would look names up itself, and the guard would see those of the proxy.
            .no_proxy()
            .dns_resolver(Guard { base: base.clone() })
            .build()
            .map_err(|error| SourceError::Unavailable(format!("no HTTP client can be made: {error}")))?;
        Ok(Self { client, base: base.clone(), host })
    }

    /// Gets a file that is at most so large.
    pub(super) async fn fetch(&self, mut url: Url, largest: u64) -> Result<Vec<u8>, SourceError> {
        let reach = reach_of(&self.base).await;
        for _ in 0..=MOST_REDIRECTS {
            address::may_fetch(&self.base, reach, &url).map_err(|why| self.refused(&url, why))?;
            let answer = self.client.get(url.clone()).send().await.map_err(|error| self.failed(&url, &error))?;
            if is_redirect(answer.status()) {
                let malformed = || SourceError::Malformed(format!("{} redirects nowhere", self.host));
                url = redirect_target(&answer).ok_or_else(malformed)?;
                continue;
            }
            if !answer.status().is_success() {
                return Err(SourceError::Unavailable(format!("{} answers {}", self.host, answer.status())));
            }
            return body_of(answer, largest).await.map_err(|error| match error {
                ReadError::TooLarge(largest) => too_large(self.host, largest),
                ReadError::Broken(error) => self.failed(&url, &error),
            });
        }
        Err(SourceError::Malformed(format!("{} redirects again and again", self.host)))
    }

    fn refused(&self, url: &Url, why: &str) -> SourceError {
        SourceError::Malformed(format!(
            "{} is said to be at {}, which {why}: nothing is fetched there",
            self.host,
            address::shown(url)
        ))
    }

    fn failed(&self, url: &Url, error: &reqwest::Error) -> SourceError {
        let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
        if causes.any(<dyn Error>::is::<TooNear>) {
            return self.refused(url, &TooNear.to_string());
        }
        let why = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
        let (host, place) = (self.host, address::shown(url));
        SourceError::Unavailable(format!("{host} {why} at {place}: check the network; chiplog goes on trying"))
    }
}

/// A name leads only to addresses that nothing is fetched from.
#[derive(Debug, Error)]
#[error("by its name is link-local, or nearer to chiplog than base_url is")]
struct TooNear;

/// Leaves out of what a name leads to what nothing may be fetched from. The connection is made to what is left, so that a
/// name cannot lead elsewhere between the check and the connection.
struct Guard {
    base: Url,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let base = self.base.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let reach = reach_of(&base).await;
            let is_allowed = |address: &SocketAddr| Reach::of(address.ip()).is_some_and(|near| near <= reach);
            let allowed: Vec<SocketAddr> = found.filter(is_allowed).collect();
            if allowed.is_empty() { Err(TooNear.into()) } else { Ok(Box::new(allowed.into_iter()) as Addrs) }
        })
    }
}

/// How near a configured tool is, as far as that is known now.
async fn reach_of(base: &Url) -> Reach {
    let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let found = tokio::net::lookup_host((host, 0)).await.into_iter().flatten();
    found.filter_map(|address| Reach::of(address.ip())).max().unwrap_or(Reach::Internet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn downloads(base: &str) -> Downloads {
        Downloads::new("The storage", &base.parse().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_name_that_leads_to_what_is_nearer_than_the_tool_is_not_connected_to() {
        let guard = |base: &str| Guard { base: base.parse().unwrap() };
        let local = || "localhost".parse().unwrap();
        assert!(guard("http://127.0.0.1:8080").resolve(local()).await.is_ok());
        for base in ["https://8.8.8.8", "https://10.0.0.5", "https://[2606:4700::1]"] {
            assert!(guard(base).resolve(local()).await.is_err(), "{base}");
        }
        // The same through the whole client, past the check of the name itself.
        let (downloads, url): (_, Url) = (downloads("http://8.8.8.8"), "http://localhost:9/1.zip".parse().unwrap());
        let error = downloads.client.get(url.clone()).send().await.unwrap_err();
        let told = downloads.failed(&url, &error).to_string();
        assert!(told.contains("at http://localhost:9, which by its name is link-local, or nearer"), "{told}");
    }

    #[tokio::test]
    async fn what_is_refused_is_told_without_its_signature() {
        let url: Url = "https://169.254.169.254/latest/meta-data?signature=secret".parse().unwrap();
        let told = downloads("https://8.8.8.8").fetch(url, 10).await.unwrap_err().to_string();
        assert_eq!(
            told,
            "The storage is said to be at https://169.254.169.254, which is link-local, where clouds hand out credentials: \
             nothing is fetched there"
        );
    }
}
