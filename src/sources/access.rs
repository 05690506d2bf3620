//! The keys that sources with an address and a token share.

use base64::Engine as _;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use super::secret;
use super::source::{ConfigureError, SourceContext, SourceError};
use crate::address;

/// The keys as they are written.
#[derive(Debug, Default)]
pub(crate) struct AccessKeys {
    /// The environment variable with the token.
    pub(crate) token_env: Option<String>,
    /// The file with the token.
    pub(crate) token_file: Option<String>,
    /// The environment variable with the account's name, for tools that ask for both.
    pub(crate) user_env: Option<String>,
    /// Where the tool is.
    pub(crate) base_url: Option<String>,
    /// The source's name.
    pub(crate) name: Option<String>,
}

/// Where a tool is, and how chiplog shows who it is.
#[derive(Debug)]
pub(crate) struct Access {
    /// The source's name.
    pub(crate) name: String,
    /// Without a slash at the end.
    pub(crate) base_url: String,
    /// Where the token came from, for messages.
    pub(crate) place: String,
    token: SecretString,
    user: Option<SecretString>,
}

impl Access {
    /// Checks the keys. `kind` is the name of a source that has none, `usual` the address of a tool that is always there.
    pub(crate) fn read(
        keys: AccessKeys,
        kind: &str,
        usual: Option<&str>,
        context: &SourceContext,
    ) -> Result<Self, ConfigureError> {
        let base_url = keys.base_url.as_deref().or(usual).ok_or_else(|| "is missing: where is it?".to_owned());
        let base_url = base_url.and_then(|url| address::base(url, usual.unwrap_or("https://example.atlassian.net")));
        let base_url = base_url.map_err(|problem| ConfigureError::Value { key: "base_url".to_owned(), problem })?;
        let (variable, file) = (keys.token_env.as_deref(), keys.token_file.as_deref());
        let user = keys.user_env.as_deref().map(|variable| secret::read("user", Some(variable), None, context));
        Ok(Self {
            token: secret::read("token", variable, file, context)?,
            user: user.transpose()?,
            place: variable.map_or_else(|| file.unwrap_or_default().to_owned(), |variable| format!("${variable}")),
            base_url,
            name: keys.name.unwrap_or_else(|| kind.to_owned()),
        })
    }

    /// The header of every request: `SCHEME token`, or user and token where there is a user (HTTP basic). Marked as
    /// sensitive, so that it is never shown.
    pub(crate) fn headers(&self, scheme: &str) -> Result<HeaderMap, ConfigureError> {
        let token = self.token.expose_secret();
        let text = match &self.user {
            Some(user) => {
                let pair = format!("{}:{token}", user.expose_secret());
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
            None => format!("{scheme} {token}"),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| ConfigureError::Value {
            key: "token_env".to_owned(),
            problem: "holds characters that no token has".to_owned(),
        })?;
        value.set_sensitive(true);
        Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
    }

    /// A URL below the address. Names and ids within `path` come from [`address::path`].
    pub(crate) fn url(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Url, SourceError> {
        let problem = |_| SourceError::Unavailable(format!("base_url of {} is no URL", self.name));
        let text = format!("{}/{path}", self.base_url);
        // Without parameters there is no question mark either.
        if parameters.is_empty() { Url::parse(&text) } else { Url::parse_with_params(&text, parameters) }
            .map_err(problem)
    }
}
