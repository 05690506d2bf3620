//! How near an address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// How near a host is to this machine. What comes from afar must not lead to what is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Somewhere in the internet.
    Internet,
    /// In a private network.
    Network,
    /// This machine itself.
    Machine,
}

/// Where clouds tell machines their credentials, beside the link-local 169.254.169.254 that most use.
const METADATA: &[IpAddr] = &[
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)), // AWS
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254)), // Google
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),                     // Azure
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),                   // Alibaba
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),                       // Oracle
];

/// Names of the same.
const METADATA_NAMES: &[&str] = &["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"];

impl Reach {
    /// How near an address is. `None` for link-local and metadata addresses, and those of many hosts at once: nothing that
    /// chiplog asks is ever there.
    pub fn of(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        if METADATA.contains(&address) {
            return None;
        }
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// How near the host of a URL is, as far as that can be told without looking up its name.
    pub(super) fn of_host(url: &Url) -> HostReach {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Self::of(address).map_or(HostReach::Never, HostReach::Known);
        }
        if host == "localhost" || host.ends_with(".localhost") {
            return HostReach::Known(Self::Machine);
        }
        if METADATA_NAMES.contains(&host) { HostReach::Never } else { HostReach::ByName }
    }
}

/// What a URL tells of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostReach {
    /// It is so near.
    Known(Reach),
    /// Its name has to be looked up.
    ByName,
    /// Nothing that chiplog asks is there.
    Never,
}

fn of_v4(address: Ipv4Addr) -> Option<Reach> {
    // Between a provider and its customers, for benchmarks, for protocols.
    let is_shared = matches!(address.octets(), [100, 64..=127, ..] | [198, 18..=19, ..] | [192, 0, 0, _]);
    if address.is_link_local() || address.is_multicast() || address.is_broadcast() {
        None
    } else if address.is_loopback() || address.octets()[0] == 0 {
        Some(Reach::Machine)
    } else if address.is_private() || is_shared {
        Some(Reach::Network)
    } else {
        Some(Reach::Internet)
    }
}

fn of_v6(address: Ipv6Addr) -> Option<Reach> {
    let [first, second, .., high, low] = address.segments();
    if (first, second) == (0x64, 0xff9b) {
        // NAT64 holds an address of version 4 in its last half.
        return of_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    }
    let is_site_local = first & 0xffc0 == 0xfec0;
    if address.is_unicast_link_local() || address.is_multicast() {
        None
    } else if address.is_loopback() || address.is_unspecified() {
        Some(Reach::Machine)
    } else if address.is_unique_local() || is_site_local {
        Some(Reach::Network)
    } else {
        Some(Reach::Internet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_as_near_as_their_ranges_say() {
        let cases = [
            ("8.8.8.8", Some(Reach::Internet)),
            ("172.32.0.1", Some(Reach::Internet)),
            ("100.128.0.1", Some(Reach::Internet)),
            ("2606:4700::1", Some(Reach::Internet)),
            ("10.1.2.3", Some(Reach::Network)),
            ("172.16.0.1", Some(Reach::Network)),
            ("192.168.1.1", Some(Reach::Network)),
            ("100.64.0.1", Some(Reach::Network)),
            ("198.19.0.1", Some(Reach::Network)),
            ("fd12::1", Some(Reach::Network)),
            ("fec0::1", Some(Reach::Network)),
            ("::ffff:10.0.0.1", Some(Reach::Network)),
            ("64:ff9b::10.0.0.1", Some(Reach::Network)),
            ("127.8.9.1", Some(Reach::Machine)),
            ("0.0.0.0", Some(Reach::Machine)),
            ("::1", Some(Reach::Machine)),
            ("::", Some(Reach::Machine)),
            ("::ffff:127.0.0.1", Some(Reach::Machine)),
            ("169.254.169.254", None),
            ("169.254.1.1", None),
            ("::ffff:169.254.169.254", None),
            ("64:ff9b::169.254.169.254", None),
            ("fe80::1", None),
            ("febf::1", None),
            ("fd00:ec2::254", None),
            ("fd20:ce::254", None),
            ("168.63.129.16", None),
            ("100.100.100.200", None),
            ("192.0.0.192", None),
            ("224.0.0.1", None),
            ("ff02::1", None),
            ("255.255.255.255", None),
        ];
        for (address, expected) in cases {
            assert_eq!(Reach::of(address.parse().unwrap()), expected, "{address}");
        }
    }
}
