//! `chiplog health`: asks a running chiplog whether it answers, for container engines, which have nothing else to ask with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::print;
use crate::app;

/// A process that needs longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the chiplog of this configuration, unless `url` says whom.
pub(super) async fn run(config: &Path, url: Option<reqwest::Url>) -> Result<ExitCode> {
    let url = match url {
        Some(url) => url,
        None => of_listener(app::read_config(config)?.server.listen).parse().context("listen in [server]")?,
    };
    let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
    let client = client.build().context("no HTTP client can be made")?;
    let answer = client.get(url.clone()).send().await.with_context(|| format!("{url} does not answer"))?;
    if !answer.status().is_success() {
        bail!("{url} answers {}", answer.status());
    }
    print("chiplog is healthy.\n")?;
    Ok(ExitCode::SUCCESS)
}

/// Where a server that listens there is asked: one that listens everywhere is asked on loopback.
fn of_listener(listen: SocketAddr) -> String {
    let address = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}/-/healthy", SocketAddr::new(address, listen.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_loopback() {
        let of = |listen: &str| of_listener(listen.parse().unwrap());
        assert_eq!(of("127.0.0.1:9847"), "http://127.0.0.1:9847/-/healthy");
        assert_eq!(of("0.0.0.0:80"), "http://127.0.0.1:80/-/healthy");
        assert_eq!(of("[::]:9847"), "http://[::1]:9847/-/healthy");
    }
}
