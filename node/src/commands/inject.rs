//! `tidegate inject`.

use clap::{ArgAction, Args};
use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::output::Shown;
use super::{Asking, Exit, Failure};
use crate::client::Route;

const EXAMPLE: &str = "\
Only nodes that were built with the feature `inject` know it; it is for tests.

Examples:
  tidegate inject streaming_fail_batch --once
  tidegate inject streaming_fail_batch --off";

/// Turns an injection point of the asked node on or off.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct InjectArgs {
    /// Its name.
    point: String,
    /// Turn it off.
    #[arg(long, action = ArgAction::SetTrue, conflicts_with_all = ["once", "message"])]
    off: bool,
    /// It goes off after it was entered once.
    #[arg(long)]
    once: bool,
    /// A message for whoever waits in it.
    #[arg(long)]
    message: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

impl InjectArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let mut request = Map::new();
        request.insert("enable".to_owned(), json!(!self.off));
        request.insert("once".to_owned(), json!(self.once));
        if let Some(message) = &self.message {
            request.insert("message".to_owned(), json!(message));
        }
        let route = Route::v1().at("inject").at(&self.point);
        let answer: Value = self.asking.client()?.change(&Method::POST, &route, &request)?;
        self.asking.output.show(&answer).map(|()| Exit::Done)
    }
}

impl Shown for Value {
    fn text(&self) -> String {
        match (self.get("point").and_then(Self::as_str), self.get("enabled")) {
            (Some(point), Some(Self::Bool(enabled))) => {
                format!("{point} is {}", if *enabled { "on" } else { "off" })
            }
            _ => self.to_string(),
        }
    }
}
