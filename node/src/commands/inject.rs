//! `tidegate inject`.

use clap::{ArgAction, Args};
use ureq::http::Method;

use super::output::Shown;
use super::{Asking, Exit, Failure};
use crate::api;
use crate::client::Route;

const EXAMPLE: &str = "\
Only nodes that were built with the feature `inject` know it; it is for tests.

Examples:
  tidegate inject streaming::before_attach --once
  tidegate inject streaming::before_attach --off";

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
        // A message is for who waits in the point: turned on anew it would let them go.
        let is_message_alone = self.message.is_some() && !self.once;
        let request = api::InjectRequest {
            enable: (!is_message_alone).then_some(!self.off),
            once: self.once,
            message: self.message.clone(),
        };
        let route = Route::v1().at("inject").at(&self.point);
        let answer: api::Injected = self.asking.client()?.change(&Method::POST, &route, &request)?;
        self.asking.output.show(&answer).map(|()| Exit::Done)
    }
}

impl Shown for api::Injected {
    fn text(&self) -> String {
        let state = if self.enabled { "on" } else { "off" };
        format!(
            "{} is {state}, and was entered {} times",
            self.point, self.entries
        )
    }
}
