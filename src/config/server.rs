//! `[server]`: where chiplog listens, with which certificate, and who may read.
//!
//! The words are those of Prometheus' web configuration, so that who has set up the one knows the other.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use axum::http::HeaderName;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use super::document::{ConfigError, Document};
use super::sections::lease;

/// The cheapest bcrypt hash that is taken: cheaper ones are guessed too fast.
const LEAST_COST: u32 = 10;

/// The dearest: each wrong password takes seconds of a processor beyond it.
const HIGHEST_COST: u32 = 14;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ServerSection {
    /// Address and port. Loopback unless said otherwise.
    #[serde(deserialize_with = "address_and_port")]
    listen: SocketAddr,
    /// How long what one replica does stays reserved for it without a sign of life.
    #[serde(deserialize_with = "lease")]
    lease: Duration,
    tls: Option<TlsSection>,
    /// bcrypt hashes of passwords, by user.
    basic_auth_users: BTreeMap<String, String>,
    trusted_proxy: Option<TrustedProxySection>,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9847)),
            lease: Duration::from_secs(6),
            tls: None,
            basic_auth_users: BTreeMap::new(),
            trusted_proxy: None,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsSection {
    /// The certificate and those between it and its authority, as PEM.
    cert_file: PathBuf,
    /// Its private key, as PEM.
    key_file: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustedProxySection {
    /// Addresses or networks that the proxy connects from.
    addresses: Vec<String>,
    /// The header in which the proxy names whom it has let in.
    #[serde(default = "forwarded_user")]
    header: String,
}

fn address_and_port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        serde::de::Error::custom(format!(
            "\"{text}\" is no address to listen on: write an IP address and port, for example \"127.0.0.1:9847\""
        ))
    })
}

fn forwarded_user() -> String {
    "X-Forwarded-User".to_owned()
}

/// Where chiplog listens, with which certificate, and who may read.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// How long what one replica does stays reserved for it without a sign of life.
    pub lease: Duration,
    /// The certificate of HTTPS. `None` is HTTP.
    pub certificate: Option<Certificate>,
    /// Who may read metrics, pages and the API.
    pub readers: Readers,
}

/// The files of a certificate, as PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate and those between it and its authority.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// Who may read metrics, pages and the API: anyone where neither is configured; either suffices where both are.
#[derive(Debug, Clone, Default)]
pub struct Readers {
    /// bcrypt hashes of passwords, by user.
    pub password_hashes: BTreeMap<String, String>,
    /// The proxy that lets people in.
    pub trusted_proxy: Option<TrustedProxy>,
}

impl Readers {
    /// Whether whoever reaches chiplog may read.
    pub fn are_anyone(&self) -> bool {
        self.password_hashes.is_empty() && self.trusted_proxy.is_none()
    }
}

/// A proxy that people sign in at, for example with `OpenID Connect`.
#[derive(Debug, Clone)]
pub struct TrustedProxy {
    networks: Vec<IpNet>,
    /// The header in which it names whom it has let in. Only whether it says anything matters: names are not kept.
    pub header: HeaderName,
}

impl TrustedProxy {
    /// A proxy that connects from one of these addresses or networks.
    ///
    /// # Errors
    /// One is neither, or the header cannot be one.
    pub fn new(addresses: &[String], header: &str) -> Result<Self, String> {
        let network = |text: &String| {
            let address = || IpAddr::from_str(text).map(IpNet::from);
            IpNet::from_str(text).or_else(|_| address()).map_err(|_| {
                format!(
                    "\"{text}\" is neither an address nor a network: write for example \"10.1.2.3\" or \"10.1.0.0/16\""
                )
            })
        };
        let header =
            HeaderName::from_str(header).map_err(|_| format!("\"{header}\" cannot be the name of a header"))?;
        Ok(Self { networks: addresses.iter().map(network).collect::<Result<_, _>>()?, header })
    }

    /// Whether a connection from there is the proxy's. An IPv4 address that comes as IPv6 is the same address.
    pub fn is_at(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address.to_canonical()))
    }
}

/// Reads and checks the table.
pub(super) fn read(document: &Document) -> Result<Server, ConfigError> {
    let ServerSection { listen, lease, tls, basic_auth_users, trusted_proxy } = document.section("server")?;
    let mut certificate = None;
    if let Some(TlsSection { cert_file, key_file }) = tls {
        let file = |key: &str, file: PathBuf| {
            let path = document.base_directory().join(file);
            let read = std::fs::File::open(&path).map_err(|error| {
                document.error_at(&format!("server.tls.{key}"), &format!("{} cannot be read: {error}", path.display()))
            });
            read.map(|_| path)
        };
        certificate = Some(Certificate {
            certificate_file: file("cert_file", cert_file)?,
            key_file: file("key_file", key_file)?,
        });
    }
    for (user, hash) in &basic_auth_users {
        check_user(user, hash)
            .map_err(|problem| document.error_at(&format!("server.basic_auth_users.{user}"), &problem))?;
    }
    let trusted_proxy = trusted_proxy.map(|TrustedProxySection { addresses, header }| {
        if addresses.is_empty() {
            return Err("addresses are missing: name the address that the proxy connects from".to_owned());
        }
        TrustedProxy::new(&addresses, &header)
    });
    let trusted_proxy =
        trusted_proxy.transpose().map_err(|problem| document.error_at("server.trusted_proxy", &problem))?;
    Ok(Server { listen, lease, certificate, readers: Readers { password_hashes: basic_auth_users, trusted_proxy } })
}

fn check_user(user: &str, hash: &str) -> Result<(), String> {
    if user.is_empty() || user.contains(':') {
        return Err("a user's name is not empty and has no colon".to_owned());
    }
    let parts = bcrypt::HashParts::from_str(hash).map_err(|_| {
        "this is no bcrypt hash: make one with `chiplog hash-password`, which reads the password from standard input"
            .to_owned()
    })?;
    if !(LEAST_COST..=HIGHEST_COST).contains(&parts.get_cost()) {
        return Err(format!(
            "the cost of this bcrypt hash is {}; it must be {LEAST_COST} to {HIGHEST_COST}: `chiplog hash-password` makes good ones",
            parts.get_cost()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_known_by_its_address_only() {
        let addresses = ["10.1.0.0/16", "192.0.2.7", "2001:db8::/32"].map(str::to_owned);
        let proxy = TrustedProxy::new(&addresses, "X-Forwarded-User").unwrap();
        for (address, is_it) in [
            ("10.1.255.3", true),
            ("10.2.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:192.0.2.7", true),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(proxy.is_at(address.parse().unwrap()), is_it, "{address}");
        }
        assert!(TrustedProxy::new(&["proxy.example.com".to_owned()], "X-User").unwrap_err().contains("neither"));
        assert!(TrustedProxy::new(&[], "X User").unwrap_err().contains("header"));
    }

    #[test]
    fn a_user_needs_a_hash_that_takes_a_while_to_guess() {
        let hash = |cost| bcrypt::hash("correct horse", cost).unwrap();
        assert_eq!(check_user("grafana", &hash(10)), Ok(()));
        assert!(check_user("grafana", &hash(4)).unwrap_err().contains("cost of this bcrypt hash is 4"));
        assert!(check_user("grafana", "correct horse").unwrap_err().contains("hash-password"));
        assert!(check_user("gra:fana", &hash(10)).unwrap_err().contains("colon"));
    }
}
