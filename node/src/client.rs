//! Asks a node's admin API: one request, one answer, and a deadline.
//!
//! Whatever goes wrong is a [`ClientError`] that says what to try next, and whether anything may have been done.

mod connection;
mod error;
mod route;
#[cfg(test)]
pub(crate) mod tests;
mod tls;

use std::io;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body};

pub(crate) use self::connection::Connection;
pub(crate) use self::error::ClientError;
pub(crate) use self::route::Route;

/// How long a connection may take to come about.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// A connection that was idle for longer is not used again: the node may have restarted.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

const JSON: &str = "application/json";
/// A row's value.
pub(crate) const OCTETS: &str = "application/octet-stream";

/// What a request does when it is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It changes nothing: there is no outcome that could be unknown.
    None,
    /// It may have been done, unless the answer says that it was not.
    Change,
}

/// A way to a node's admin API.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    /// Scheme and authority, without a slash at the end.
    base: String,
    token: Option<String>,
    deadline: Duration,
}

impl Client {
    /// A client for this node; asks nothing yet.
    ///
    /// # Errors
    ///
    /// [`ClientError`], if the address makes no sense or a file cannot be read.
    pub(crate) fn new(connection: &Connection) -> Result<Self, ClientError> {
        let base = connection.base()?;
        let token = connection.token()?;
        if token.is_some() {
            connection.may_carry_token()?;
        }
        let is_https = base.starts_with("https://");
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // The environment's proxies are for the world outside.
            .proxy(None)
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .max_idle_age(IDLE_MAX)
            .timeout_connect(Some(CONNECT_DEADLINE.min(connection.deadline())))
            .timeout_global(Some(connection.deadline()));
        if is_https {
            config = config.tls_config(tls::config(connection.ca.as_deref(), &base)?);
        }
        Ok(Self {
            agent: config.build().into(),
            base,
            token,
            deadline: connection.deadline(),
        })
    }

    /// The same node, another deadline for each request.
    pub(crate) fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long a request may take.
    pub(crate) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Reads something.
    pub(crate) fn read<T: DeserializeOwned>(&self, route: &Route) -> Result<T, ClientError> {
        let answer = self.ask(&Method::GET, route, None, Effect::None)?;
        self.parse(route, &answer, Effect::None)
    }

    /// Reads something that is no JSON.
    pub(crate) fn read_bytes(&self, route: &Route) -> Result<Vec<u8>, ClientError> {
        self.ask(&Method::GET, route, None, Effect::None)
    }

    /// Asks something that takes a body and changes nothing.
    pub(crate) fn inquire<T: DeserializeOwned>(
        &self,
        route: &Route,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.ask_json(&Method::POST, route, body, Effect::None)
            .map_err(ClientError::nothing_changed)
    }

    /// Has something changed; a dry run changes nothing, and without an answer nothing of it is unknown.
    pub(crate) fn act<T: DeserializeOwned>(
        &self,
        route: &Route,
        body: &impl Serialize,
        dry_run: bool,
    ) -> Result<T, ClientError> {
        if dry_run {
            self.inquire(route, body)
        } else {
            self.change(&Method::POST, route, body)
        }
    }

    /// Changes something.
    pub(crate) fn change<T: DeserializeOwned>(
        &self,
        method: &Method,
        route: &Route,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.ask_json(method, route, body, Effect::Change)
    }

    /// Changes something by a request that carries no JSON, or nothing at all.
    pub(crate) fn change_bytes<T: DeserializeOwned>(
        &self,
        method: &Method,
        route: &Route,
        body: Option<&[u8]>,
    ) -> Result<T, ClientError> {
        let answer = self.ask(method, route, body.map(|body| (OCTETS, body)), Effect::Change)?;
        self.parse(route, &answer, Effect::Change)
    }

    fn ask_json<T: DeserializeOwned>(
        &self,
        method: &Method,
        route: &Route,
        body: &impl Serialize,
        effect: Effect,
    ) -> Result<T, ClientError> {
        // Nothing was sent yet.
        let unwritten = |error: serde_json::Error| self.garbled(route, &error.to_string(), Effect::None);
        let body = serde_json::to_vec(body).map_err(unwritten)?;
        let answer = self.ask(method, route, Some((JSON, &body)), effect)?;
        self.parse(route, &answer, effect)
    }

    fn ask(
        &self,
        method: &Method,
        route: &Route,
        body: Option<(&str, &[u8])>,
        effect: Effect,
    ) -> Result<Vec<u8>, ClientError> {
        let failed = |error: ureq::Error| error::of_call(&self.base, self.deadline, effect, error);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{route}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = match body {
            Some((kind, body)) => {
                let request = request.header("content-type", kind).body(body);
                self.send(request.map_err(|error| failed(error.into()))?)
            }
            None => self.send(request.body(()).map_err(|error| failed(error.into()))?),
        };
        let mut answer = answer.map_err(failed)?;
        let status = answer.status().as_u16();
        let read = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec();
        let bytes = read.map_err(failed)?;
        if (200..300).contains(&status) {
            Ok(bytes)
        } else {
            Err(error::of_answer(&self.base, status, &bytes, effect))
        }
    }

    fn send<B: ureq::AsSendBody>(&self, request: Request<B>) -> Result<Response<Body>, ureq::Error> {
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(self.deadline))
            .build();
        self.agent.run(request)
    }

    fn parse<T: DeserializeOwned>(
        &self,
        route: &Route,
        answer: &[u8],
        effect: Effect,
    ) -> Result<T, ClientError> {
        // A change that is answered with nothing.
        let answer = if answer.is_empty() { b"null" } else { answer };
        serde_json::from_slice(answer).map_err(|error| self.garbled(route, &error.to_string(), effect))
    }

    fn garbled(&self, route: &Route, why: &str, effect: Effect) -> ClientError {
        let url = format!("{}{route}", self.base);
        match effect {
            Effect::None => ClientError::Garbled {
                url,
                why: why.to_owned(),
            },
            Effect::Change => ClientError::OutcomeUnknown {
                url,
                why: format!("the answer is not understood: {why}"),
            },
        }
    }
}

/// What an error of the file system says, with the file.
fn unreadable(what: &'static str, path: &std::path::Path, source: io::Error) -> ClientError {
    ClientError::File {
        what,
        path: path.to_owned(),
        source,
    }
}
