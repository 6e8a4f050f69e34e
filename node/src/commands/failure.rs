//! Why a command did not do what it was asked to.

use std::io::{self, Write as _};

use thiserror::Error;

use super::Exit;
use crate::client::ClientError;

/// Why a command did not do what it was asked to.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The node refused, or did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The arguments, or a file that they name, make no sense.
    #[error("{what}")]
    Arguments { what: String, advice: String },
    /// Whoever was asked did not agree.
    #[error("nothing was done")]
    Declined,
    /// The answer cannot be written.
    #[error("cannot write to stdout")]
    Output(#[source] io::Error),
    /// Nobody could be listened to.
    #[error("{0:#}")]
    Signals(anyhow::Error),
}

impl Failure {
    pub(crate) fn arguments(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Arguments {
            what: what.into(),
            advice: advice.into(),
        }
    }

    /// Says it on stderr, with what to try; how the command ends.
    pub(crate) fn complain(&self) -> Exit {
        let mut text = format!("error: {self}");
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text.push_str(&format!(": {said}"));
            }
            cause = error.source();
        }
        if let Some(advice) = self.advice().filter(|advice| !advice.is_empty()) {
            text.push_str(&format!("\n  try: {advice}"));
        }
        // Where nobody reads it, there is nobody to tell.
        let _ = writeln!(io::stderr(), "{text}");
        self.exit()
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => error.exit(),
            Self::Arguments { .. } => Exit::BadArguments,
            Self::Declined | Self::Output(_) | Self::Signals(_) => Exit::Wrong,
        }
    }

    fn advice(&self) -> Option<String> {
        match self {
            Self::Client(error) => error.advice(),
            Self::Arguments { advice, .. } => Some(advice.clone()),
            Self::Declined | Self::Output(_) | Self::Signals(_) => None,
        }
    }
}
