//! What clients ask in a script.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::scene::{Outcome, Scene};
use crate::clients::{Ask, ask};
use crate::event::{ClientAnswer, ClientOp};

/// Rows that are there to be carried along; some batches of a stream.
const LOADED: u64 = 12;

impl Scene {
    /// Writes what is there to be carried along.
    pub(super) async fn load(&self, via: u64) -> Outcome {
        for number in 0..LOADED {
            let (key, value) = (format!("row {number:02}"), format!("loaded {number:02}"));
            self.ask(via, key.into(), ClientOp::Put(value.into())).await?;
        }
        Ok(())
    }

    /// Writes; anything but success is an error. No value is written twice.
    pub(super) async fn put(&self, via: u64, key: impl Into<Bytes> + Send, value: &'static str) -> Outcome {
        match self.ask(via, key.into(), ClientOp::Put(value.into())).await? {
            ClientAnswer::Done => Ok(()),
            other => Err(format!("to write {value} came to {other:?}")),
        }
    }

    /// Deletes; anything but success is an error.
    pub(super) async fn delete(&self, via: u64, key: &'static str) -> Outcome {
        match self.ask(via, key.into(), ClientOp::Delete).await? {
            ClientAnswer::Done => Ok(()),
            other => Err(format!("to delete {key} came to {other:?}")),
        }
    }

    /// Reads; anything but a value, or that there is none, is an error. Whether it is the right one is for the
    /// invariants to say.
    pub(super) async fn get(&self, via: u64, key: impl Into<Bytes> + Send) -> Outcome<Option<Bytes>> {
        match self.ask(via, key.into(), ClientOp::Get).await? {
            ClientAnswer::Value(value) => Ok(value),
            other => Err(format!("a read came to {other:?}")),
        }
    }

    /// Writes while the script goes on.
    pub(super) fn put_meanwhile(
        &self,
        via: u64,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Outcome<JoinHandle<ClientAnswer>> {
        self.ask_meanwhile(via, key.into(), ClientOp::Put(value.into()))
    }

    /// Reads while the script goes on.
    pub(super) fn read_meanwhile(&self, via: u64, key: &'static str) -> Outcome<JoinHandle<ClientAnswer>> {
        self.ask_meanwhile(via, key.into(), ClientOp::Get)
    }

    /// Reads every key through every node that is up.
    pub(super) async fn read_all(&self) -> Outcome {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for node in self.cluster.up() {
            for key in &keys {
                self.ask(node.id.as_u64(), key.clone(), ClientOp::Get).await?;
            }
        }
        Ok(())
    }

    async fn ask(&self, via: u64, key: Bytes, what: ClientOp) -> Outcome<ClientAnswer> {
        let node = self.node(via)?;
        let (op, asked) = self.asked(key, what);
        Ok(ask(self.recorder(), &node, op, asked).await)
    }

    fn ask_meanwhile(&self, via: u64, key: Bytes, what: ClientOp) -> Outcome<JoinHandle<ClientAnswer>> {
        let node = self.node(via)?;
        let (op, asked) = self.asked(key, what);
        let recorder = self.recorder().clone();
        Ok(tokio::spawn(
            async move { ask(&recorder, &node, op, asked).await },
        ))
    }

    fn asked(&self, key: Bytes, what: ClientOp) -> (u64, Ask) {
        let op = self.next_op.fetch_add(1, Ordering::Relaxed);
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.clone());
        let asked = Ask {
            // Each is another client's: a script may have several under way.
            client: op,
            table: self.table,
            key,
            what,
        };
        (op, asked)
    }
}
