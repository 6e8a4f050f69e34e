//! A channel of tokio's: payloads handed on within the process.

use anyhow::Result;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::ends::Ends;
use super::load::Load;

/// What is sent.
#[derive(Debug)]
enum Message {
    Payload(Bytes),
    /// The CRC-32C of all payloads.
    End(u32),
}

/// A sender at one end, a receiver at the other.
#[derive(Debug)]
pub(super) struct Channel {
    ends: Ends,
    load: Load,
    capacity: usize,
}

impl Channel {
    pub(super) fn new(load: &Load, capacity: usize) -> Result<Self> {
        Ok(Self {
            ends: Ends::new()?,
            load: load.clone(),
            capacity,
        })
    }

    /// Carries the load once.
    pub(super) fn carry(&self) -> Result<()> {
        let receivers = (0..self.load.streams).map(|_| {
            let (sender, receiver) = mpsc::channel(self.capacity);
            self.ends.source.spawn(send(self.load.clone(), sender));
            receive(self.load.clone(), receiver)
        });
        self.ends.at_target(receivers)
    }
}

async fn send(load: Load, sender: mpsc::Sender<Message>) {
    let mut digest = 0;
    for batch in 0..load.batches {
        let payload = load.payload(batch);
        digest = crc32c::crc32c_append(digest, &payload);
        if sender.send(Message::Payload(payload)).await.is_err() {
            return;
        }
    }
    // Nobody who listens is a failure that the other end reports.
    let _unheard = sender.send(Message::End(digest)).await.is_err();
}

async fn receive(load: Load, mut receiver: mpsc::Receiver<Message>) -> Result<()> {
    let (mut bytes, mut digest) = (0, 0);
    while let Some(message) = receiver.recv().await {
        match message {
            Message::Payload(payload) => {
                bytes += payload.len() as u64;
                digest = crc32c::crc32c_append(digest, &payload);
            }
            Message::End(theirs) => {
                load.check(bytes, theirs)?;
                return load.check(bytes, digest);
            }
        }
    }
    anyhow::bail!("the sender is gone")
}
