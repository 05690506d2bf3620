//! `chiplog token` and `chiplog hash-password`: secrets, and what of them stands in the configuration.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use super::print;
use crate::config::token_digest;

/// Bytes of a token.
const TOKEN_BYTES: usize = 32;

/// How dear it is to guess a password: about a tenth of a second of a processor for each.
const COST: u32 = 11;

/// bcrypt looks at no more bytes.
const LONGEST_PASSWORD: usize = 72;

/// Shorter passwords are guessed.
const SHORTEST_PASSWORD: usize = 12;

/// Prints a new token, and the line that lets its holder send.
pub(super) fn token() -> Result<ExitCode> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    let token = format!("chiplog_{}", hex::encode(bytes));
    let digest = hex::encode(token_digest(&token));
    print(&format!(
        "The token, for its holder; it is not shown again:\n  {token}\n\n\
         For [reporters.NAME] in the configuration, which then holds no secret:\n  token_sha256 = \"{digest}\"\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a password from standard input and prints its hash.
pub(super) fn hash_password() -> Result<ExitCode> {
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).context("the password cannot be read from standard input")?;
    let password = password.trim_end_matches(['\r', '\n']);
    if !(SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&password.len()) {
        bail!(
            "the password has {} bytes, expected {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}: make one with `openssl rand -base64 24`",
            password.len()
        );
    }
    let hash = bcrypt::hash(password, COST).context("the password cannot be hashed")?;
    print(&format!("{hash}\n"))?;
    Ok(ExitCode::SUCCESS)
}
