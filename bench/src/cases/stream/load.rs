//! What is carried.

use std::sync::Arc;

use anyhow::{Result, ensure};
use bytes::Bytes;

use crate::case::Sample;
use crate::process::{Span, forget_memory_peak, memory_peak_bytes};

/// Bytes of all payloads that differ: what an engine has just read is in the cache, and so are these.
const DISTINCT: usize = 1 << 20;

/// The batches of every stream, and what they add up to. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Load {
    payloads: Arc<[Bytes]>,
    /// Batches of one stream.
    pub(super) batches: u64,
    /// Bytes of one batch.
    pub(super) batch_bytes: usize,
    pub(super) streams: usize,
    /// The CRC-32C of all payloads of one stream, one after the other.
    pub(super) digest: u32,
}

impl Load {
    /// About `bytes` in all, in batches of `batch_bytes`.
    pub(super) fn new(batch_bytes: usize, streams: usize, bytes: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(batch_bytes as u64);
        let mut payload = || {
            let mut bytes = vec![0; batch_bytes];
            random.fill(&mut bytes);
            Bytes::from(bytes)
        };
        let distinct = (DISTINCT / batch_bytes).max(2);
        let mut load = Self {
            payloads: (0..distinct).map(|_| payload()).collect(),
            batches: bytes / batch_bytes as u64 / streams as u64,
            batch_bytes,
            streams,
            digest: 0,
        };
        load.digest =
            (0..load.batches).fold(0, |crc, batch| crc32c::crc32c_append(crc, &load.payload(batch)));
        load
    }

    /// The payload of a batch, uncopied.
    pub(super) fn payload(&self, batch: u64) -> Bytes {
        let count = self.payloads.len() as u64;
        let index = usize::try_from(batch % count).unwrap_or_default();
        self.payloads[index].clone()
    }

    /// Bytes of one stream.
    pub(super) fn bytes_per_stream(&self) -> u64 {
        self.batches * self.batch_bytes as u64
    }

    /// Bytes of all streams.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes_per_stream() * self.streams as u64
    }

    /// Whether what one stream brought is what was sent.
    pub(super) fn check(&self, bytes: u64, digest: u32) -> Result<()> {
        ensure!(
            (bytes, digest) == (self.bytes_per_stream(), self.digest),
            "{bytes} bytes with the digest {digest:08x} have come, {} with {:08x} were sent",
            self.bytes_per_stream(),
            self.digest
        );
        Ok(())
    }
}

/// Times a way of carrying the load once.
pub(super) fn measured<C>(load: &Load, mut carry: C) -> impl FnMut() -> Result<Sample> + use<C>
where
    C: FnMut() -> Result<()>,
{
    let bytes = load.bytes();
    move || {
        forget_memory_peak()?;
        let (carried, span) = Span::measure(&mut carry);
        carried?;
        Ok(Sample {
            value: span.mib_per_second(bytes),
            cpu_per_gib: Some(span.cpu_per_gib(bytes)),
            memory_peak_bytes: Some(memory_peak_bytes()? as f64),
        })
    }
}
