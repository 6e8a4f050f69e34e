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
            token: connection.token()?,
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
        let answer = self.ask(&Method::GET, route, None)?;
        self.parse(route, &answer)
    }

    /// Reads something that is no JSON.
    pub(crate) fn read_bytes(&self, route: &Route) -> Result<Vec<u8>, ClientError> {
        self.ask(&Method::GET, route, None)
    }

    /// Asks something that takes a body and changes nothing.
    pub(crate) fn inquire<T: DeserializeOwned>(
        &self,
        route: &Route,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.garbled(route, &error.to_string()))?;
        let answer = self
            .ask(&Method::POST, route, Some((JSON, &body)))
            .map_err(ClientError::nothing_changed)?;
        self.parse(route, &answer)
    }

    /// Changes something.
    pub(crate) fn change<T: DeserializeOwned>(
        &self,
        method: &Method,
        route: &Route,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.garbled(route, &error.to_string()))?;
        let answer = self.ask(method, route, Some((JSON, &body)))?;
        self.parse(route, &answer)
    }

    /// Changes something by a request that carries no JSON, or nothing at all.
    pub(crate) fn change_bytes(
        &self,
        method: &Method,
        route: &Route,
        body: Option<&[u8]>,
    ) -> Result<Vec<u8>, ClientError> {
        self.ask(method, route, body.map(|body| (OCTETS, body)))
    }

    fn ask(
        &self,
        method: &Method,
        route: &Route,
        body: Option<(&str, &[u8])>,
    ) -> Result<Vec<u8>, ClientError> {
        let changes = *method != Method::GET;
        let failed = |error: ureq::Error| error::of_call(&self.base, self.deadline, changes, error);
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
            Err(error::of_answer(&self.base, status, &bytes))
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

    fn parse<T: DeserializeOwned>(&self, route: &Route, answer: &[u8]) -> Result<T, ClientError> {
        // A change that is answered with nothing.
        let answer = if answer.is_empty() { b"null" } else { answer };
        serde_json::from_slice(answer).map_err(|error| self.garbled(route, &error.to_string()))
    }

    fn garbled(&self, route: &Route, why: &str) -> ClientError {
        ClientError::Garbled {
            url: format!("{}{route}", self.base),
            why: why.to_owned(),
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
