//! What every command that asks a node takes.

use clap::Args;

use super::{Failure, Output};
use crate::client::{Client, Connection};

/// Where to ask, and how to answer.
#[derive(Debug, Clone, Args)]
pub(crate) struct Asking {
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

impl Asking {
    /// The node that is asked.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(&self.connection)?)
    }
}
