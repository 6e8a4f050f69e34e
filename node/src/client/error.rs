//! What can go wrong between a command and a node, and what to try then.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use ureq::Timeout;

use super::Effect;
use crate::api::{Problem, problem_type};
use crate::commands::Exit;

/// Characters of an answer that is no problem document, in a message.
const SHOWN_MAX: usize = 200;

/// Why there is no answer, or none that helps.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    /// The address makes no sense.
    #[error("{given:?} is no address of an admin API: {why}")]
    Address { given: String, why: String },
    /// A file that was named cannot be read.
    #[error("the {what} {path} cannot be read", path = .path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Nothing says whom to believe.
    #[error("{url} is asked by https, and no authority is named that vouches for it")]
    NoAuthority { url: String },
    /// The file of the authority is none.
    #[error("{path} names no authority: {why}", path = .path.display())]
    Authority { path: PathBuf, why: String },
    /// The node cannot be reached, or did not answer what it was asked.
    #[error("no answer from {url}: {why}")]
    NoAnswer { url: String, why: String },
    /// The node is not who it should be, or does not think that we speak its language.
    #[error("{url} is not trusted: {why}")]
    Tls { url: String, why: String },
    /// The node says no.
    #[error("{}", said(.status, .problem))]
    Refused {
        url: String,
        status: u16,
        problem: Problem,
    },
    /// It may have been done or not.
    #[error("the outcome is unknown: {why} ({url})")]
    OutcomeUnknown { url: String, why: String },
    /// The answer makes no sense.
    #[error("the answer of {url} is not understood: {why}")]
    Garbled { url: String, why: String },
}

fn said(status: &u16, problem: &Problem) -> String {
    match (problem.title.as_str(), problem.detail.as_str()) {
        ("", "") => format!("the node answers {status}"),
        (title, "") => title.to_owned(),
        ("", detail) => detail.to_owned(),
        (title, detail) => format!("{title}: {detail}"),
    }
}

impl ClientError {
    /// How a command ends by it.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Address { .. } | Self::File { .. } | Self::NoAuthority { .. } | Self::Authority { .. } => {
                Exit::BadArguments
            }
            Self::NoAnswer { .. } | Self::Tls { .. } => Exit::NoAnswer,
            Self::Refused { .. } | Self::Garbled { .. } => Exit::Wrong,
            Self::OutcomeUnknown { .. } => Exit::OutcomeUnknown,
        }
    }

    /// What to try next, where the error itself does not say.
    pub(crate) fn advice(&self) -> Option<String> {
        let advice = match self {
            Self::Address { .. } => "--admin http://127.0.0.1:7480, or set TIDEGATE_ADMIN",
            Self::File { .. } => "name a file that you may read",
            Self::NoAuthority { .. } => "--ca certs/ca.pem, or set TIDEGATE_CA",
            Self::Authority { .. } => "name the ca.pem that `tidegate certs init` made",
            Self::NoAnswer { .. } => {
                "is the node running (`tidegate serve`), and is this its admin address? --admin URL asks another node"
            }
            Self::Tls { .. } => {
                "--ca with the authority of this cluster, and the name or address that the certificate has"
            }
            Self::Refused {
                status: 401 | 403, ..
            } => "--token-file with the file that [admin] token_file names on that node",
            Self::Refused {
                status: 404, problem, ..
            } if problem.title.is_empty() => "is this the admin API of a node, and of this version?",
            Self::Refused { .. } => return None,
            Self::OutcomeUnknown { .. } => "look whether it was done before you do it again",
            Self::Garbled { .. } => {
                "is this the admin API of a node, and of this version? `tidegate --version`"
            }
        };
        Some(advice.to_owned())
    }

    /// The same, of a request that changes nothing: there is no outcome that could be unknown.
    pub(super) fn nothing_changed(self) -> Self {
        match self {
            Self::OutcomeUnknown { url, why } => Self::NoAnswer { url, why },
            other => other,
        }
    }

    /// Whether the same may be asked again and go better: nothing was refused for good.
    pub(crate) const fn is_passing(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::OutcomeUnknown { .. } => true,
            Self::Refused { status, .. } => matches!(*status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}

/// What an answer that is no success says.
pub(super) fn of_answer(url: &str, status: u16, body: &[u8], effect: Effect) -> ClientError {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_else(|_| Problem {
        kind: String::new(),
        title: String::new(),
        status,
        detail: String::from_utf8_lossy(body)
            .trim()
            .chars()
            .take(SHOWN_MAX)
            .collect(),
    });
    // What stands before it may be the whole address.
    let is = |kind: &str| problem.kind.ends_with(kind);
    // Who stands between may have handed it on before the answer was lost, and a node that panicked have done it.
    let is_lost =
        matches!(status, 500 | 502 | 504) && (problem.kind.is_empty() || is(problem_type::INTERNAL));
    if (status == 504 && is(problem_type::OUTCOME_UNKNOWN)) || (is_lost && effect == Effect::Change) {
        return ClientError::OutcomeUnknown {
            url: url.to_owned(),
            why: said(&status, &problem),
        };
    }
    ClientError::Refused {
        url: url.to_owned(),
        status,
        problem,
    }
}

/// What it means that a call did not come to an answer.
pub(super) fn of_call(url: &str, deadline: Duration, effect: Effect, error: ureq::Error) -> ClientError {
    let url = url.to_owned();
    let why = match &error {
        ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            "it cannot be reached in time".to_owned()
        }
        ureq::Error::Timeout(_) => format!("nothing within {} s", deadline.as_secs()),
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        // What TLS says comes wrapped.
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    };
    if is_tls(&error) {
        return ClientError::Tls { url, why };
    }
    if effect == Effect::Change && !is_before_sending(&error) {
        return ClientError::OutcomeUnknown { url, why };
    }
    ClientError::NoAnswer { url, why }
}

fn is_tls(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
        ureq::Error::Io(error) => error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
        _ => false,
    }
}

/// Whether the node cannot have heard of it.
fn is_before_sending(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Timeout(when) => matches!(when, Timeout::Connect | Timeout::Resolve),
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::BadUri(_)
        | ureq::Error::Http(_) => true,
        ureq::Error::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::AddrNotAvailable
                | io::ErrorKind::PermissionDenied
        ),
        _ => false,
    }
}
