//! Why a command did not do what it was asked to.

use std::io::{self, Write as _};

use serde_json::{Value, json};
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

    /// Says it on stderr, with what to try, for a person or a program; how the command ends.
    pub(crate) fn complain(&self, json: bool) -> Exit {
        // Where nobody reads it, there is nobody to tell.
        let _ = writeln!(io::stderr(), "{}", self.told(json));
        self.exit()
    }

    /// What is said, as one JSON object if `json`.
    pub(super) fn told(&self, json: bool) -> String {
        if json {
            return self.json().to_string();
        }
        let advice = self.advice().map(|advice| format!("\n  try: {advice}"));
        format!("error: {}{}", self.text(), advice.unwrap_or_default())
    }

    fn json(&self) -> Value {
        let problem = match self {
            Self::Client(ClientError::Refused { problem, .. }) => Some(problem),
            _ => None,
        };
        json!({
            "error": self.text(),
            "try": self.advice(),
            "exit": self.exit().code(),
            "problem": problem,
        })
    }

    /// What happened, and why.
    fn text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text.push_str(&format!(": {said}"));
            }
            cause = error.source();
        }
        text
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
            Self::Arguments { advice, .. } => Some(advice.clone()).filter(|advice| !advice.is_empty()),
            Self::Declined | Self::Output(_) | Self::Signals(_) => None,
        }
    }
}
