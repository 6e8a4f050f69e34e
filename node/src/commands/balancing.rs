//! `tidegate balancing`.

use clap::{Args, ValueEnum};
use ureq::http::Method;

use super::output::Shown;
use super::{Asking, Exit, Failure};
use crate::api::{Balancing, SetBalancing};
use crate::client::Route;

/// Switches the balancer, or says what it does.
///
/// Off starts no move any more, at once. It stops none that runs, and none that an operator asks for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  tidegate balancing\n  tidegate balancing off")]
pub(crate) struct BalancingArgs {
    /// What to do.
    #[arg(value_enum, default_value_t = Switch::Status)]
    switch: Switch,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
    Status,
}

impl BalancingArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let client = self.asking.client()?;
        let route = Route::v1().at("balancing");
        let balancing: Balancing = match self.switch {
            Switch::Status => client.read(&route)?,
            switch => {
                let on = switch == Switch::On;
                client.change(&Method::PUT, &route, &SetBalancing { on })?
            }
        };
        self.asking.output.show(&balancing).map(|()| Exit::Done)
    }
}

impl Shown for Balancing {
    fn text(&self) -> String {
        let on = if self.on { "on" } else { "off" };
        let mut lines = vec![match self.node {
            Some(node) => format!("balancing is {on}; it runs on node {node}, round {}", self.rounds),
            None => format!("balancing is {on}; no leader told what it does"),
        }];
        for planned in &self.moves {
            lines.push(format!(
                "began: tablet {}: {} -> {} ({}): {}",
                planned.tablet, planned.from, planned.to, planned.reason, planned.why
            ));
        }
        for waiting in &self.waiting {
            lines.push(format!(
                "waits: tablet {} on {} ({}): {}",
                waiting.tablet, waiting.from, waiting.reason, waiting.why
            ));
        }
        let more = self.waiting_total.saturating_sub(self.waiting.len() as u64);
        if more > 0 {
            lines.push(format!("and {more} more wait"));
        }
        lines.extend(self.refused.iter().map(|why| format!("refused: {why}")));
        lines.extend(
            self.load_error
                .iter()
                .map(|why| format!("the load is not known: {why}")),
        );
        lines.extend(self.error.iter().map(|why| format!("it cannot plan: {why}")));
        lines.join("\n")
    }
}
