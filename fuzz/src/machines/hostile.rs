//! A peer that plays a script on one stream.

use std::time::Duration;

use bytes::Bytes;
use tidegate_guard::{FrozenGuard, Rejected, SessionId};
use tidegate_kv::{Row, Timestamp, encode_rows};
use tidegate_streaming::{Batch, Opening, Position, Receipt, Refusal, UnitId, WireError, frames};
use tidegate_transport::{Duplex, RecvHalf, ResetCode, SendHalf};
use tokio::time::{sleep, timeout};

use super::script::Script;
use crate::decoders::streaming::seal;

/// How long the peer tries one thing before it goes on with the next.
const PATIENCE: Duration = Duration::from_secs(2);

/// One end of a stream, and what is said on it.
pub(crate) struct Hostile {
    send: Option<Box<dyn SendHalf>>,
    recv: Option<Box<dyn RecvHalf>>,
    script: Script,
    /// The session that it names, unless the script says another.
    frozen: FrozenGuard,
    /// What was sent in batches that are sound.
    carried: Receipt,
    /// What the other end says that it has sent.
    theirs: Option<Receipt>,
}

impl Hostile {
    pub(crate) fn new(stream: Duplex, frozen: FrozenGuard, script: Script) -> Self {
        Self {
            send: Some(stream.send),
            recv: Some(stream.recv),
            script,
            frozen,
            carried: Receipt::default(),
            theirs: None,
        }
    }

    /// Plays the script, and then holds what is left of the stream open for ever: who waits for it must give up by
    /// itself.
    pub(crate) async fn play(mut self) {
        while let Some(step) = self.script.step() {
            self.act(step).await;
        }
        std::future::pending::<()>().await;
    }

    async fn act(&mut self, step: u8) {
        match step % 24 {
            0 => {
                let frame = self.script.long();
                self.say(&[frame]).await;
            }
            1 => {
                let (header, payload) = (self.script.short(), self.script.long());
                self.say(&[seal(&header, &payload)]).await;
            }
            2..=11 => {
                if let Ok(parts) = self.frame(step % 24) {
                    self.say(&parts).await;
                }
            }
            12 => sleep(self.script.pause()).await,
            13 => self.hear().await,
            14 => {
                for _ in 0..64 {
                    self.hear().await;
                }
            }
            15 => {
                if let Some(send) = self.send.take() {
                    drop(timeout(PATIENCE, send.finish()).await);
                }
            }
            16 => {
                let code = self.script.code();
                if let Some(send) = self.send.take() {
                    send.reset(code);
                }
            }
            17 => {
                let code = self.script.code();
                if let Some(recv) = self.recv.take() {
                    recv.stop(code);
                }
            }
            18 => (self.send, self.recv) = (None, None),
            // The same frame many times over.
            19 => {
                let frame = self.script.short();
                for _ in 0..64 {
                    self.say(std::slice::from_ref(&frame)).await;
                }
            }
            20 => {
                for _ in 0..32 {
                    if let Ok(parts) = self.sound_batch() {
                        self.say(&parts).await;
                    }
                }
            }
            _ => {
                let frame = self.script.short();
                self.say(&[frame]).await;
            }
        }
    }

    /// A frame that is one.
    fn frame(&mut self, step: u8) -> Result<Vec<Bytes>, WireError> {
        let frame = match step {
            2 => frames::accepted()?,
            3 => return self.sound_batch(),
            4 => return self.odd_batch(),
            5 => frames::end(self.carried)?,
            6 => frames::end(self.receipt())?,
            7 => frames::source_waiting()?,
            8 => frames::puller_waiting()?,
            9 => frames::receipt_accepted(self.theirs.unwrap_or_default())?,
            10 => frames::opening(&self.opening(self.frozen))?,
            _ => match self.script.byte() % 4 {
                0 => frames::refused(self.refusal())?,
                1 => frames::receipt_accepted(self.receipt())?,
                2 => {
                    let odd = FrozenGuard {
                        session: SessionId::from_u128(u128::from(self.script.number()))
                            .map_err(|_| WireError::NilSession)?,
                        epoch: self.script.number(),
                    };
                    frames::opening(&self.opening(odd))?
                }
                _ => frames::end(Receipt::default())?,
            },
        };
        Ok(vec![frame])
    }

    /// The next batch in order, with rows in it.
    fn sound_batch(&mut self) -> Result<Vec<Bytes>, WireError> {
        let number = self.carried.batches;
        let row = Row {
            key: Bytes::from(format!("k{number:04}")),
            timestamp: Timestamp {
                time: self.script.number(),
                node: 2,
                start: number,
            },
            value: Some(Bytes::from(vec![b'v'; usize::from(self.script.byte()) * 16])),
        };
        let payload = encode_rows([&row]).unwrap_or_default();
        let batch = Batch {
            payload,
            rows: 1,
            last: Position(row.key),
        };
        Ok(frames::batch(number, &batch, &mut self.carried)?.to_vec())
    }

    /// A batch that is encoded as one, whatever is in it.
    fn odd_batch(&mut self) -> Result<Vec<Bytes>, WireError> {
        let sequence = match self.script.number() {
            0 => self.carried.batches,
            other => other,
        };
        let batch = Batch {
            rows: u32::try_from(self.script.number()).unwrap_or(u32::MAX),
            last: Position(self.script.short()),
            payload: self.script.long(),
        };
        Ok(frames::batch(sequence, &batch, &mut self.carried)?.to_vec())
    }

    fn receipt(&mut self) -> Receipt {
        Receipt {
            batches: self.script.number(),
            rows: self.script.number(),
            bytes: self.script.number(),
            digest: u32::try_from(self.script.number()).unwrap_or(u32::MAX),
        }
    }

    fn opening(&mut self, frozen: FrozenGuard) -> Opening {
        let resume = match self.script.byte() {
            0 => None,
            1 => Some(self.script.long()),
            len => Some(Bytes::from(vec![b'k'; usize::from(len)])),
        };
        Opening {
            unit: UnitId::new(self.script.number()),
            frozen,
            resume: resume.map(Position),
        }
    }

    fn refusal(&mut self) -> Refusal {
        match self.script.byte() % 7 {
            0 => Refusal::Rejected(Rejected::NotYetOpen {
                applied: self.script.number(),
            }),
            1 => Refusal::Rejected(Rejected::Closing),
            2 => Refusal::Rejected(Rejected::Closed),
            3 => Refusal::NotSource,
            4 => Refusal::NotMember,
            5 => Refusal::Busy,
            _ => Refusal::NotReady,
        }
    }

    async fn say(&mut self, parts: &[Bytes]) {
        let Some(mut send) = self.send.take() else { return };
        match timeout(PATIENCE, send.send(parts)).await {
            Ok(Ok(())) => self.send = Some(send),
            // What was cut short cannot go on.
            Ok(Err(_)) | Err(_) => send.reset(ResetCode::Aborted),
        }
    }

    async fn hear(&mut self) {
        let Some(recv) = &mut self.recv else { return };
        match timeout(PATIENCE, recv.recv()).await {
            Ok(Ok(Some(frame))) => self.theirs = frames::receipt_of(&frame).or(self.theirs),
            Ok(Ok(None) | Err(_)) => self.recv = None,
            Err(_) => {}
        }
    }
}
