//! Addresses as people configure them.

use reqwest::Url;

use super::reach::{HostReach, Reach};

/// Checks an address that is a secret itself, as those of chats are. The error goes on after the key's name.
///
/// # Errors
/// What is wrong and how to mend it, without the address.
pub fn secret(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(Url::has_host).ok_or("is no URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("begins with {}: only https:// and http:// are spoken", url.scheme()));
    }
    if Reach::of_host(&url) == HostReach::Never {
        return Err("is link-local, where clouds hand out credentials: chiplog sends nothing there".to_owned());
    }
    Ok(url)
}

/// Checks an address that anybody may read.
///
/// # Errors
/// As [`secret`].
pub fn readable(text: &str) -> Result<Url, String> {
    let url = secret(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "holds a user or a password: write it without, and name the variable with the token instead (token_env)"
                .to_owned(),
        );
    }
    Ok(url)
}

/// Checks the address that others begin with, and takes the slash at its end away. `example` is one that is good.
///
/// # Errors
/// As [`secret`].
pub fn base(text: &str, example: &str) -> Result<String, String> {
    let url = readable(text).map_err(|problem| match problem.as_str() {
        "is no URL" => format!("is no URL: write for example \"{example}\""),
        _ => problem,
    })?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("goes on after its path: leave out what ? or # begin, write for example \"{example}\""));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Whether everybody between this machine and an address may read what is sent there.
pub fn is_plain(base: &str) -> bool {
    let url = Url::parse(base).ok();
    url.is_some_and(|url| url.scheme() == "http" && Reach::of_host(&url) != HostReach::Known(Reach::Machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_good_or_say_why_not() {
        let example = "https://jira.example.com";
        let no_url = "is no URL: write for example \"https://jira.example.com\"";
        let user =
            "holds a user or a password: write it without, and name the variable with the token instead (token_env)";
        let link_local = "is link-local, where clouds hand out credentials: chiplog sends nothing there";
        let beyond =
            "goes on after its path: leave out what ? or # begin, write for example \"https://jira.example.com\"";
        let cases = [
            ("https://jira.example.com", Ok("https://jira.example.com")),
            ("https://example.com/jira//", Ok("https://example.com/jira")),
            ("http://prometheus:9090", Ok("http://prometheus:9090")),
            ("http://10.0.0.7", Ok("http://10.0.0.7")),
            ("http://[::1]:9090/", Ok("http://[::1]:9090")),
            ("jira.example.com", Err(no_url)),
            ("", Err(no_url)),
            ("jira:8080", Err(no_url)),
            ("ftp://example.com", Err("begins with ftp: only https:// and http:// are spoken")),
            ("file://server/etc/passwd", Err("begins with file: only https:// and http:// are spoken")),
            ("https://ada:secret@example.com", Err(user)),
            ("https://token@example.com", Err(user)),
            ("https://:secret@example.com", Err(user)),
            ("https://example.com?os_authType=basic", Err(beyond)),
            ("https://example.com#top", Err(beyond)),
            ("http://169.254.169.254/latest", Err(link_local)),
            ("http://0xA9FEA9FE", Err(link_local)),
            ("http://2852039166", Err(link_local)),
            ("http://[::ffff:169.254.169.254]", Err(link_local)),
            ("http://[fe80::1]", Err(link_local)),
            ("http://[fd00:ec2::254]", Err(link_local)),
            ("http://metadata.google.internal", Err(link_local)),
            ("http://METADATA.google.internal.", Err(link_local)),
        ];
        for (text, expected) in cases {
            assert_eq!(base(text, example).as_deref().map_err(String::as_str), expected, "{text}");
        }
        // What is never shown may hold more.
        assert!(secret("https://ada:secret@hooks.example.com/T1?key=2").is_ok());
        assert!(readable("https://mimir.example.com/api/v1/push?tenant=2").is_ok());
    }

    #[test]
    fn what_leaves_the_machine_unencrypted_is_plain() {
        let cases = [
            ("http://jira.example.com", true),
            ("http://prometheus:9090", true),
            ("http://10.0.0.7", true),
            ("https://jira.example.com", false),
            ("http://127.0.0.1:9090", false),
            ("http://localhost:9090", false),
            ("http://[::1]", false),
        ];
        for (address, expected) in cases {
            assert_eq!(is_plain(address), expected, "{address}");
        }
    }
}
