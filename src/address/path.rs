//! Names and ids within paths.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as a part of an address has it: nothing in it ends that part.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The path of these parts, without a slash in front. What tools call things may be among them.
///
/// # Errors
/// A part that no encoding keeps from meaning another path.
pub fn path(parts: &[&str]) -> Result<String, String> {
    if let Some(part) = parts.iter().find(|part| matches!(**part, "" | "." | "..")) {
        return Err(format!("\"{part}\" cannot stand in an address"));
    }
    let parts: Vec<String> = parts.iter().map(|part| encoded(part)).collect();
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_path_leaves_its_place() {
        let cases = [
            ("PAY-7", "issue/PAY-7/log"),
            ("a.b_c~d", "issue/a.b_c~d/log"),
            ("../../admin", "issue/..%2F..%2Fadmin/log"),
            ("7?expand=x#y", "issue/7%3Fexpand%3Dx%23y/log"),
            ("50%2F", "issue/50%252F/log"),
            ("größe \"7\"", "issue/gr%C3%B6%C3%9Fe%20%227%22/log"),
            ("a\\b\n", "issue/a%5Cb%0A/log"),
        ];
        for (part, expected) in cases {
            assert_eq!(path(&["issue", part, "log"]).as_deref(), Ok(expected));
        }
        for part in ["", ".", ".."] {
            assert!(path(&["issue", part, "log"]).is_err(), "{part}");
        }
    }
}
