//! `tidegate throttle`.

use std::str::FromStr;

use bytesize::ByteSize;
use clap::{Args, Subcommand};
use ureq::http::Method;

use super::output::{Grid, Shown};
use super::units::{bytes, count};
use super::{Asking, Exit, Failure, silent_line};
use crate::api::{SetThrottle, Throttle};
use crate::client::Route;

const EXAMPLE: &str = "\
Bytes per second hold until a node restarts and reads its configuration; streams at once are part of the metadata and
stay. Streams that run go on under the new limits.

Examples:
  tidegate throttle
  tidegate throttle set --send 20MiB --receive 20MiB
  tidegate throttle set --send none --sends 4";

/// The limits on streams, and changes to them. Without more words, shows them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct ThrottleArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Shows the limits.
    Get,
    /// Changes limits; those that are not named stay.
    #[command(after_help = EXAMPLE)]
    Set(SetArgs),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true, id = "limits", args = ["send", "receive", "sends", "receives"])]
struct SetArgs {
    /// Bytes per second that a node's streams send together, such as 20MiB; `none` takes the limit away.
    #[arg(long, value_name = "BYTES")]
    send: Option<Limit<ByteSize>>,
    /// The same for receiving.
    #[arg(long, value_name = "BYTES")]
    receive: Option<Limit<ByteSize>>,
    /// Streams that the coordinator has each node send at once, those that run go on; `none` goes back to its default.
    #[arg(long, value_name = "STREAMS", conflicts_with = "node")]
    sends: Option<Limit<u32>>,
    /// The same for receiving.
    #[arg(long, value_name = "STREAMS", conflicts_with = "node")]
    receives: Option<Limit<u32>>,
    /// The node whose bytes per second are meant [default: all].
    #[arg(long)]
    node: Option<u64>,
}

/// A limit, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit<T>(Option<T>);

impl<T: FromStr> FromStr for Limit<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "none" {
            Ok(Self(None))
        } else {
            text.parse().map(|limit| Self(Some(limit)))
        }
    }
}

impl SetArgs {
    fn request(&self) -> SetThrottle {
        let rate = |limit: Option<Limit<ByteSize>>| limit.map(|limit| limit.0.map(|size| size.as_u64()));
        SetThrottle {
            send_bytes_per_second: rate(self.send),
            receive_bytes_per_second: rate(self.receive),
            sends: self.sends.map(|limit| limit.0),
            receives: self.receives.map(|limit| limit.0),
            node: self.node,
        }
    }
}

impl ThrottleArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let client = self.asking.client()?;
        let route = Route::v1().at("throttle");
        let throttle: Throttle = match &self.what {
            None | Some(What::Get) => client.read(&route)?,
            Some(What::Set(set)) => client.change(&Method::PUT, &route, &set.request())?,
        };
        self.asking.output.show(&throttle)?;
        // A limit may not have reached who did not answer.
        let was_set = matches!(self.what, Some(What::Set(_)));
        Ok(if was_set && !throttle.silent.is_empty() {
            Exit::Wrong
        } else {
            Exit::Done
        })
    }
}

impl Shown for Throttle {
    fn text(&self) -> String {
        let rate =
            |limit: Option<u64>| limit.map_or_else(|| "no limit".to_owned(), |limit| bytes(limit) + "/s");
        let mut grid = Grid::new(&[
            ">node",
            ">sends at most",
            ">receives at most",
            ">own bound: sent at once",
            ">received at once",
        ]);
        for node in &self.nodes {
            grid.row([
                node.node.to_string(),
                rate(node.send_bytes_per_second),
                rate(node.receive_bytes_per_second),
                node.sends.to_string(),
                node.receives.to_string(),
            ]);
        }
        let source = |asked: Option<u32>| {
            if asked.is_some() {
                "by the metadata"
            } else {
                "its default"
            }
        };
        let coordinator = format!(
            "\nthe coordinator has each node send at most {} at once ({}) and receive at most {} ({}), whatever the nodes' own \
             bounds are",
            count(u64::from(self.coordinator_sends), "stream", "streams"),
            source(self.sends),
            self.coordinator_receives,
            source(self.receives),
        );
        grid.text_or("no node answered") + &coordinator + &silent_line(&self.silent)
    }
}
