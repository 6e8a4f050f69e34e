//! `tidegate nodes`, and what is done with one: drain, resume, exclude, disconnect.

use clap::Args;

use super::consent::consent;
use super::output::Shown;
use super::units::{count, list};
use super::{Asking, Exit, Failure, status};
use crate::api::{NodeAnswer, NodeRequest, Nodes};
use crate::client::Route;

/// The nodes: which answer, who leads, what they hold, where they are reached.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tidegate nodes")]
pub(crate) struct NodesArgs {
    #[command(flatten)]
    asking: Asking,
}

impl NodesArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let nodes: Nodes = self.asking.client()?.read(&Route::v1().at("nodes"))?;
        self.asking.output.show(&nodes).map(|()| Exit::Done)
    }
}

impl Shown for Nodes {
    fn text(&self) -> String {
        status::nodes(&self.nodes)
    }
}

const DRAIN_EXAMPLE: &str = "\
The node goes on serving what it holds until that has moved. `tidegate moves --watch` shows how far it is; when
`tidegate nodes` says drained, the node can be stopped and excluded. `tidegate resume` takes it back.

Example:
  tidegate drain 3";

/// Empties a node: the balancer moves its replicas elsewhere, and nothing new goes there.
#[derive(Debug, Args)]
#[command(after_help = DRAIN_EXAMPLE)]
pub(crate) struct DrainArgs {
    /// The node's number.
    node: u64,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
}

impl DrainArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        done(&self.asking, self.node, "drain", plain(self.dry_run))
    }
}

/// Takes a drain back: replicas may move to the node again.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tidegate resume 3")]
pub(crate) struct ResumeArgs {
    /// The node's number.
    node: u64,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
}

impl ResumeArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        done(&self.asking, self.node, "resume", plain(self.dry_run))
    }
}

const DISCONNECT_EXAMPLE: &str = "\
What was under way over those connections fails, and is tried again: this shakes off what hangs, and harms nothing.

Example:
  tidegate disconnect 3 --admin http://127.0.0.1:7481";

/// Cuts the asked node's connections to another node; new ones are made at once.
#[derive(Debug, Args)]
#[command(after_help = DISCONNECT_EXAMPLE)]
pub(crate) struct DisconnectArgs {
    /// The other node's number.
    node: u64,
    #[command(flatten)]
    asking: Asking,
}

impl DisconnectArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        done(&self.asking, self.node, "disconnect", plain(false))
    }
}

const EXCLUDE_EXAMPLE: &str = "\
Only exclude a node that is stopped and does not come back: its transfers stop waiting for it, its connections are cut,
and the balancer rebuilds its replicas from the others. The machine can come back empty, under a new number.

Where the node takes a tablet's quorum the exclusion is refused: acknowledged writes could be lost. --give-up says that
they may be.

Examples:
  tidegate exclude 3 --dry-run
  tidegate exclude 3";

/// Says, for ever, that a node is stopped. Asks first.
#[derive(Debug, Args)]
#[command(after_help = EXCLUDE_EXAMPLE)]
pub(crate) struct ExcludeArgs {
    /// The node's number.
    node: u64,
    /// Give up acknowledged writes of tablets whose quorum the node takes.
    #[arg(long)]
    give_up: bool,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    asking: Asking,
}

impl ExcludeArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let request = NodeRequest {
            give_up: self.give_up,
            dry_run: self.dry_run,
        };
        if !self.dry_run && !self.yes {
            let node = self.node;
            consent(
                &format!("excluding node {node} is for ever"),
                || self.would(),
                &format!("Exclude node {node} for ever?"),
            )?;
        }
        done(&self.asking, self.node, "exclude", request)
    }

    fn would(&self) -> Result<String, Failure> {
        let request = NodeRequest {
            give_up: self.give_up,
            dry_run: true,
        };
        let route = Route::v1().at("nodes").at(self.node).at("exclude");
        let would: NodeAnswer = self.asking.client()?.inquire(&route, &request)?;
        Ok(would.text())
    }
}

const fn plain(dry_run: bool) -> NodeRequest {
    NodeRequest {
        give_up: false,
        dry_run,
    }
}

fn done(asking: &Asking, node: u64, what: &str, request: NodeRequest) -> Result<Exit, Failure> {
    let route = Route::v1().at("nodes").at(node).at(what);
    let answer: NodeAnswer = asking.client()?.act(&route, &request, request.dry_run)?;
    asking.output.show(&answer).map(|()| Exit::Done)
}

impl Shown for NodeAnswer {
    fn text(&self) -> String {
        let mut lines = vec![format!(
            "node {}: {}{}",
            self.node,
            self.what,
            if self.dry_run { " (dry run)" } else { "" }
        )];
        lines.push(format!(
            "  it holds {}",
            count(self.replicas, "replica", "replicas")
        ));
        if !self.takes_quorum_of.is_empty() {
            lines.push(format!(
                "  it takes the quorum of tablets {}",
                list(&self.takes_quorum_of)
            ));
        }
        lines.extend(self.notes.iter().map(|note| format!("  {note}")));
        lines.join("\n")
    }
}
