//! Plain requests to a node's admin API.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

/// No request takes longer.
const DEADLINE: Duration = Duration::from_secs(35);

/// What a node answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Null where it is no JSON.
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) const fn is_good(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The kind of problem that it names.
    pub(crate) fn kind(&self) -> &str {
        self.json["type"].as_str().unwrap_or_default()
    }
}

/// Asks one node.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    agent: Agent,
    base: String,
}

impl Http {
    pub(crate) fn new(base: String) -> Self {
        Self::within(base, DEADLINE)
    }

    pub(crate) fn within(base: String, deadline: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(2)))
            .timeout_global(Some(deadline));
        Self {
            agent: config.build().into(),
            base,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer, String> {
        self.ask("GET", path, None)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, String> {
        let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
        self.send(method, path, body)
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Answer, String> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        let answer = match body {
            Some((kind, bytes)) => {
                let request = request.header("content-type", kind).body(bytes);
                self.agent.run(request.map_err(|error| error.to_string())?)
            }
            None => self
                .agent
                .run(request.body(()).map_err(|error| error.to_string())?),
        };
        let mut answer = answer.map_err(|error| error.to_string())?;
        let bytes = answer.body_mut().read_to_vec();
        let bytes = bytes.map_err(|error| error.to_string())?;
        Ok(Answer {
            status: answer.status().as_u16(),
            json: serde_json::from_slice(&bytes).unwrap_or_default(),
        })
    }
}
