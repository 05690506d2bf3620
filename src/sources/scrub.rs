//! Texts without the names of people.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// A pattern that is a constant of the program.
#[expect(clippy::expect_used, reason = "the patterns are constants and each is used by a test")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a valid pattern")
}

static MERGE_PULL_REQUEST: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(Merge pull request #\d+) from .*$"));
static MERGE_BRANCH: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^Merge (remote-tracking )?(branch|commit|tag)s? .*$"));
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"));
static MENTION: LazyLock<Regex> = LazyLock::new(|| pattern(r"(^|[^\w/])@[A-Za-z0-9][A-Za-z0-9_-]*(\[bot\])?"));
static TRAILER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\s*\b(co-authored|signed-off|reviewed|reported|acked)-by:.*$"));

/// Nobody reads longer titles.
const LONGEST_LINE: usize = 1000;

/// The first line of a text, without e-mail addresses, mentions, trailers, the branches that merges name, and without
/// any of `names` (logins and names that the record itself carries).
pub(crate) fn scrubbed_line(text: &str, names: &[&str]) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    let line = &line[..line.floor_char_boundary(LONGEST_LINE)];
    if let Some(found) = MERGE_PULL_REQUEST.captures(line) {
        return found[1].to_owned();
    }
    if let Some(found) = MERGE_BRANCH.captures(line) {
        return format!("Merge {}", &found[2]);
    }
    let line = TRAILER.replace(line, "");
    let line = ADDRESS.replace_all(&line, "…");
    let line = MENTION.replace_all(&line, |found: &Captures<'_>| format!("{}@…", &found[1]));
    without_names(&line, names)
}

/// A text in which each of `names` is replaced where it stands as a word, whatever its case.
pub(crate) fn without_names(text: &str, names: &[&str]) -> String {
    let mut text = text.to_owned();
    // A name of one or two letters would be found everywhere.
    for name in names.iter().filter(|name| name.chars().count() > 2) {
        // Lower case of ASCII leaves the places of bytes as they are.
        let name = name.to_ascii_lowercase();
        let mut from = 0;
        while let Some(found) = text.to_ascii_lowercase()[from..].find(&name) {
            let (begin, end) = (from + found, from + found + name.len());
            let inside = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
            if inside(text[..begin].chars().next_back()) || inside(text[end..].chars().next()) {
                from = end;
                continue;
            }
            text.replace_range(begin..end, "…");
            from = begin + "…".len();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_survives() {
        let cases = [
            ("Merge pull request #12 from ada/fix-login", "Merge pull request #12"),
            ("Merge branch 'main' of github.com:ada/shop", "Merge branch"),
            ("Merge remote-tracking branch 'ada/main'", "Merge branch"),
            ("Fix login, thanks @ada and @bob-7!", "Fix login, thanks @… and @…!"),
            ("Fix crash reported by ada@example.org", "Fix crash reported by …"),
            ("Fix crash Signed-off-by: Ada <ada@example.org>", "Fix crash"),
            ("Give Ada Lovelace her page", "Give … her page"),
            ("Update @acme/ui to 2.0 (#7)\n\nmore", "Update @…/ui to 2.0 (#7)"),
        ];
        for (text, expected) in cases {
            assert_eq!(scrubbed_line(text, &["Ada Lovelace"]), expected);
        }
    }

    #[test]
    fn names_go_out_of_branches_too() {
        assert_eq!(without_names("Dev-Ember/hotfix-1", &["dev-ember"]), "…/hotfix-1");
        assert_eq!(without_names("al/hotfix", &["al"]), "al/hotfix");
        assert_eq!(without_names("ann/channel-İ-ANN", &["ann"]), "…/channel-İ-…");
    }
}
