//! `tidegate init` and `join`.

mod member;
mod starting;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ureq::http::Method;

use self::member::Member;
use super::output::Shown;
use super::output::note;
use super::units::list;
use super::{Asking, Exit, Failure};
use crate::api::{Founded, InitRequest, JoinRequest, NodeAnswer};
use crate::client::{Client, Route};

/// Founding, and catching up with the metadata, may take longer than other requests.
const DEADLINE: Duration = Duration::from_secs(120);

const INIT_EXAMPLE: &str = "\
Once in a cluster's life. All the nodes must run (`tidegate serve`) and reach each other; for those that were started a
moment ago it waits. Three or five are a good beginning: these vote on the metadata. More come by `tidegate join`. It asks
the first node that is named, unless --admin names another of them.

Examples:
  tidegate init --config n1.toml n2.toml n3.toml
  tidegate init --node 1=10.0.0.1:7400,https://10.0.0.1:7480 --node 2=10.0.0.2:7400,https://10.0.0.2:7480,rack-b";

/// Founds a cluster of nodes that run and belong to none.
#[derive(Debug, Args)]
#[command(after_help = INIT_EXAMPLE)]
pub(crate) struct InitArgs {
    /// A node: its number, where others reach it, its admin API, and its rack if it has one. One for each.
    #[arg(
        long,
        value_name = "ID=TRANSPORT,ADMIN[,RACK]",
        required_unless_present = "config"
    )]
    node: Vec<Member>,
    /// Read that from the nodes' configurations.
    #[arg(long, value_name = "NODE.TOML", num_args = 1.., conflicts_with = "node")]
    config: Vec<PathBuf>,
    /// Only say whether it could be done.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
}

impl InitArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let members = members(&self.node, &self.config)?;
        let client = asked(&self.asking, members.first().map(|member| member.admin.as_str()))?;
        let admins = members.iter().map(|member| member.admin.as_str());
        let answered = starting::await_answers(&self.asking.connection, admins)?;
        let request = InitRequest {
            nodes: members.iter().map(Member::founding).collect(),
            dry_run: self.dry_run,
        };
        let route = Route::v1().at("cluster").at("init");
        let founded: Founded = client.act(&route, &request, self.dry_run)?;
        self.asking.output.show(&founded)?;
        if self.dry_run {
            return Ok(Exit::Done);
        }
        starting::await_service(&self.asking.connection, answered)
    }
}

impl Shown for Founded {
    fn text(&self) -> String {
        let nodes = list(&self.nodes);
        if self.dry_run {
            format!(
                "cluster {} could be founded of nodes {nodes} (dry run)",
                self.cluster
            )
        } else {
            format!("cluster {} is founded: nodes {nodes}", self.cluster)
        }
    }
}

const JOIN_EXAMPLE: &str = "\
The node must run (`tidegate serve`) with empty data, certificates of this cluster, and a member among its [peers]. Its
number must never have been used, not by an excluded node either.

Examples:
  tidegate join --config n4.toml --via http://127.0.0.1:7481
  tidegate join --node 4=10.0.0.4:7400,https://10.0.0.4:7480 --via https://10.0.0.1:7480";

/// Makes a node that runs a member of a cluster.
#[derive(Debug, Args)]
#[command(after_help = JOIN_EXAMPLE)]
pub(crate) struct JoinArgs {
    /// The node: its number, where others reach it, its admin API, and its rack if it has one.
    #[arg(
        long,
        value_name = "ID=TRANSPORT,ADMIN[,RACK]",
        required_unless_present = "config"
    )]
    node: Option<Member>,
    /// Read that from the node's configuration.
    #[arg(long, value_name = "NODE.TOML", conflicts_with = "node")]
    config: Option<PathBuf>,
    /// The admin API of a member [default: that of --admin].
    #[arg(long, value_name = "URL")]
    via: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

impl JoinArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let configs: Vec<PathBuf> = self.config.iter().cloned().collect();
        let named: Vec<Member> = self.node.iter().cloned().collect();
        let Some(member) = members(&named, &configs)?.into_iter().next() else {
            return Err(Failure::arguments("no node is named", "--config n4.toml"));
        };
        let client = match &self.via {
            Some(via) => Client::new(&self.asking.connection.at(via))?.within(DEADLINE),
            None => asked(&self.asking, None)?,
        };
        let answered = starting::await_answers(&self.asking.connection, [member.admin.as_str()])?;
        let request = JoinRequest {
            id: member.id,
            transport: member.transport,
            admin: member.admin.clone(),
            rack: member.rack,
        };
        let answer: NodeAnswer = client.change(&Method::POST, &Route::v1().at("nodes"), &request)?;
        self.asking.output.show(&answer)?;
        starting::await_service(&self.asking.connection, answered)
    }
}

/// The node that is asked: the one that was named, else this one, else the default.
fn asked(asking: &Asking, otherwise: Option<&str>) -> Result<Client, Failure> {
    let connection = match (&asking.connection.admin, otherwise) {
        (None, Some(admin)) => asking.connection.at(admin),
        _ => asking.connection.clone(),
    };
    Ok(Client::new(&connection)?.within(DEADLINE))
}

fn members(named: &[Member], configs: &[PathBuf]) -> Result<Vec<Member>, Failure> {
    let mut members = named.to_vec();
    for path in configs {
        members.push(Member::read(path)?);
    }
    for (at, member) in members.iter().enumerate() {
        if members[..at].iter().any(|earlier| earlier.id == member.id) {
            return Err(Failure::arguments(
                format!("node {} is named twice", member.id),
                "name each node once, with a number of its own",
            ));
        }
    }
    Ok(members)
}
