//! Where the node is, and who asks.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ureq::http::Uri;

use super::{ClientError, unreadable};

/// Where a node answers that was told nothing.
const DEFAULT_ADMIN: &str = "http://127.0.0.1:7480";

/// How a node is reached.
#[derive(Debug, Clone, Args)]
pub(crate) struct Connection {
    /// The admin API of a node; any of the cluster will do [default: http://127.0.0.1:7480].
    #[arg(
        long,
        env = "TIDEGATE_ADMIN",
        value_name = "URL",
        hide_env_values = true,
        global = true,
        help_heading = "Connection"
    )]
    pub(crate) admin: Option<String>,

    /// A file with the bearer token that the node asks for.
    #[arg(
        long,
        env = "TIDEGATE_TOKEN_FILE",
        value_name = "FILE",
        hide_env_values = true,
        global = true,
        help_heading = "Connection"
    )]
    pub(crate) token_file: Option<PathBuf>,

    /// The authority that vouches for a node that is asked by https (PEM).
    #[arg(
        long,
        env = "TIDEGATE_CA",
        value_name = "FILE",
        hide_env_values = true,
        global = true,
        help_heading = "Connection"
    )]
    pub(crate) ca: Option<PathBuf>,

    /// Seconds that a request may take; the node itself gives up after 40.
    #[arg(long, value_name = "SECONDS", default_value_t = 45, value_parser = clap::value_parser!(u32).range(1..), global = true, help_heading = "Connection")]
    pub(crate) timeout: u32,
}

impl Connection {
    /// The same, asked somewhere else.
    pub(crate) fn at(&self, admin: &str) -> Self {
        Self {
            admin: Some(admin.to_owned()),
            ..self.clone()
        }
    }

    fn admin(&self) -> &str {
        self.admin.as_deref().unwrap_or(DEFAULT_ADMIN)
    }

    pub(super) fn deadline(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout))
    }

    /// Scheme and authority, without a slash at the end.
    pub(super) fn base(&self) -> Result<String, ClientError> {
        let bad = |why: &str| ClientError::Address {
            given: self.admin().to_owned(),
            why: why.to_owned(),
        };
        let uri: Uri = self.admin().parse().map_err(|_| bad("it is no URL"))?;
        let scheme = uri
            .scheme_str()
            .ok_or_else(|| bad("it does not begin with http:// or https://"))?;
        if !matches!(scheme, "http" | "https") {
            return Err(bad("only http and https are spoken"));
        }
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(bad("it has a path"));
        }
        Ok(format!("{scheme}://{authority}"))
    }

    /// Whether the token may go there: who listens on the way to another machine must not read it.
    pub(super) fn may_carry_token(&self) -> Result<(), ClientError> {
        let uri: Option<Uri> = self.admin().parse().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let is_here = address.eq_ignore_ascii_case("localhost")
            || address
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        if is_here || uri.as_ref().and_then(Uri::scheme_str) == Some("https") {
            return Ok(());
        }
        Err(ClientError::Address {
            given: self.admin().to_owned(),
            why: "to another machine a token goes by https only".to_owned(),
        })
    }

    pub(super) fn token(&self) -> Result<Option<String>, ClientError> {
        let Some(path) = &self.token_file else {
            return Ok(None);
        };
        let text = fs::read_to_string(path).map_err(|error| unreadable("token file", path, error))?;
        Ok(Some(text.trim().to_owned()))
    }
}
