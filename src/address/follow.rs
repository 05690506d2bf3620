//! Redirects and links: where they may lead.

use reqwest::Url;

use super::reach::{HostReach, Reach};

/// What messages may tell of where something led: scheme, host and port. The rest may hold a signature.
pub fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The path, with parameters, that a link has below a base. `None` where it leads elsewhere: to another scheme, host or
/// port, or out of the base's path.
pub fn below(base: &Url, link: &Url) -> Option<String> {
    let path = link.path().strip_prefix(base.path().trim_end_matches('/')).filter(|path| path.starts_with('/'))?;
    let parameters = link.query().map(|query| format!("?{query}")).unwrap_or_default();
    (base.origin() == link.origin()).then(|| format!("{path}{parameters}"))
}

/// Whether a file may be fetched, without credentials, where the tool at `base` has sent for it. `reach` is how near that
/// tool is. A name that has yet to be looked up is good here; what it leads to must be checked as well.
///
/// # Errors
/// Why not.
pub fn may_fetch(base: &Url, reach: Reach, target: &Url) -> Result<(), &'static str> {
    let is_encrypted = target.scheme() == "https" || (target.scheme() == "http" && base.scheme() == "http");
    if !is_encrypted {
        return Err("is not https");
    }
    match Reach::of_host(target) {
        HostReach::Never => Err("is link-local, where clouds hand out credentials"),
        HostReach::Known(near) if near > reach => Err("is nearer to chiplog than base_url is"),
        HostReach::Known(_) | HostReach::ByName => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn links_are_followed_below_their_base_only() {
        let cases = [
            ("https://api.github.com", "https://api.github.com/repos/a/b?page=2", Some("/repos/a/b?page=2")),
            ("https://API.github.com", "https://api.github.com:443/repositories/7", Some("/repositories/7")),
            ("https://ghe.example.com/api/v3", "https://ghe.example.com/api/v3/repos?page=2", Some("/repos?page=2")),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/repos#top", Some("/repos")),
            ("https://ghe.example.com/api/v3", "https://ghe.example.com/api/v3", None),
            ("https://ghe.example.com/api/v3", "https://ghe.example.com/api/v33/repos", None),
            ("https://ghe.example.com/api/v3", "https://ghe.example.com/login", None),
            ("https://ghe.example.com/api/v3", "https://ghe.example.com/api/v3/../../login", None),
            ("https://api.github.com", "https://api.github.com.evil.example/repos", None),
            ("https://api.github.com", "https://api.github.com@evil.example/repos", None),
            ("https://api.github.com", "https://evil.example/https://api.github.com/repos", None),
            ("https://api.github.com", "http://api.github.com/repos", None),
            ("http://api.github.com", "https://api.github.com/repos", None),
            ("https://api.github.com", "https://api.github.com:8443/repos", None),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8081/repos", None),
            ("http://127.0.0.1:8080", "http://localhost:8080/repos", None),
        ];
        for (base, link, expected) in cases {
            assert_eq!(below(&url(base), &url(link)).as_deref(), expected, "{base} → {link}");
        }
    }

    #[test]
    fn files_are_fetched_from_what_is_no_nearer_than_their_tool() {
        let (cloud, inside, local) = ("https://api.github.com", "https://10.0.0.5/api/v3", "http://127.0.0.1:8080");
        let (not_https, link_local, nearer) = (
            Err("is not https"),
            Err("is link-local, where clouds hand out credentials"),
            Err("is nearer to chiplog than base_url is"),
        );
        let cases = [
            (cloud, Reach::Internet, "https://storage.example.net/1.zip?signature=x", Ok(())),
            (cloud, Reach::Internet, "https://20.60.1.1/1.zip", Ok(())),
            (cloud, Reach::Internet, "http://storage.example.net/1.zip", not_https),
            (cloud, Reach::Internet, "file:///etc/passwd", not_https),
            (cloud, Reach::Internet, "https://127.0.0.1/1.zip", nearer),
            (cloud, Reach::Internet, "https://localhost:5432/", nearer),
            (cloud, Reach::Internet, "https://[::1]/", nearer),
            (cloud, Reach::Internet, "https://10.0.0.6/", nearer),
            (cloud, Reach::Internet, "https://[fd12::1]/", nearer),
            (cloud, Reach::Internet, "https://169.254.169.254/latest", link_local),
            (cloud, Reach::Internet, "https://metadata.google.internal/", link_local),
            (inside, Reach::Network, "https://10.0.0.6/1.zip", Ok(())),
            (inside, Reach::Network, "https://storage.example.net/1.zip", Ok(())),
            (inside, Reach::Network, "https://127.0.0.1/1.zip", nearer),
            (inside, Reach::Network, "https://169.254.169.254/", link_local),
            (local, Reach::Machine, "http://localhost:8081/1.zip", Ok(())),
            (local, Reach::Machine, "http://storage.example.net/1.zip", Ok(())),
            (local, Reach::Machine, "http://169.254.169.254/latest", link_local),
            (local, Reach::Machine, "http://[fe80::1]/", link_local),
        ];
        for (base, reach, target, expected) in cases {
            assert_eq!(may_fetch(&url(base), reach, &url(target)), expected, "{base} → {target}");
        }
    }

    #[test]
    fn what_is_shown_of_a_url_holds_no_signature() {
        assert_eq!(
            shown(&url("https://storage.example.net:8443/1.zip?signature=x")),
            "https://storage.example.net:8443"
        );
    }
}
