//! `stream`: batches of rows from one node to another, through tidegate and through what a user would pick instead.
//!
//! Each case carries the same batches from memory to memory, in one process, each end on a runtime of its own with one
//! worker thread. The source reads nothing and the target keeps nothing: what is timed is the stream alone. Both ends
//! compute a CRC-32C of every byte, and the target compares: a sample whose digest is wrong is an error. Connections are
//! made once, and stay.
//!
//! *tidegate* is a whole pull: a `Puller` under a guard of its session and a `StreamService` that admits it under
//! another, a scan that is read ahead, batches numbered and checked, staged one by one, and the receipt compared at both
//! ends. What it is compared with does nothing of that: it is a stream of bytes with the same checksum. In particular it
//! sums bytes where they lie, while an engine gets a batch whole and in one piece: over a network that is one copy more,
//! which shows where the rest costs least.
//!
//! | case | reference | what bounds it |
//! | --- | --- | --- |
//! | `quic-1452`, `quic-8972`, `quic-loopback` | quinn with the same transport parameters, socket buffers, congestion control and TLS, `write_chunk` and `read_chunks`; its sends kept below 64 KiB as ours are | work per datagram: a system call, headers, AES-GCM and acknowledgements for each. With 1,452 bytes it is most of all work, with 65,488 the copies are |
//! | `tcp` | tokio-rustls on TCP with the same TLS, whole payloads written, a buffer of one batch read into | AES-128-GCM and the copies of the kernel, once at each end |
//! | `tcp`, the way `tonic` | gRPC by server streaming, tuned: windows of 8 MiB, frames of 256 KiB, its own TLS of AES-128 | as TCP, and two more copies: messages are put together and cut into HTTP/2 frames |
//! | `mem` | `tokio::sync::mpsc` of `Bytes`, handed on uncopied, with as many messages of room as ours has in its network, ahead of it and behind it | waking the other thread, and the checksum at both ends |

mod bare_quic;
mod bare_tcp;
mod channel;
mod ends;
mod engines;
mod grpc;
mod guarded;
mod load;
mod networks;

use anyhow::Result;

use tidegate_streaming::StreamingConfig;

use self::bare_quic::BareQuic;
use self::bare_tcp::BareTcp;
use self::channel::Channel;
use self::grpc::Grpc;
use self::guarded::Guarded;
use self::load::{Load, measured};
use self::networks::{IN_FLIGHT, Network, quic_limits};
use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Entry};

const KIB: usize = 1 << 10;
const MIB: u64 = 1 << 20;

/// What carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    /// QUIC with datagrams of so many bytes.
    Quic(u16),
    Tcp,
    Mem,
}

/// One case of the group.
#[derive(Debug, Clone, Copy)]
struct Variant {
    wire: Wire,
    batch_bytes: usize,
    streams: usize,
}

/// The cases of this group.
pub(crate) fn entries() -> Vec<Entry> {
    let wires = [
        Wire::Quic(1452),
        Wire::Quic(8972),
        Wire::Quic(networks::MTU_LOOPBACK),
        Wire::Tcp,
        Wire::Mem,
    ];
    let mut entries = Vec::new();
    for wire in wires {
        for batch_bytes in [64 * KIB, 256 * KIB, 1024 * KIB] {
            for streams in [1, 4, 16] {
                let variant = Variant {
                    wire,
                    batch_bytes,
                    streams,
                };
                entries.push(variant.entry());
            }
        }
    }
    entries
}

impl Variant {
    fn entry(self) -> Entry {
        let name = format!(
            "stream/{}/{}KiB/{}",
            self.wire.name(),
            self.batch_bytes / KIB,
            self.streams
        );
        let build = move |effort| self.case(effort);
        if self.is_quick() {
            Entry::quick(name, build)
        } else {
            Entry::thorough(name, build)
        }
    }

    /// What every bound is made of, and one case of small batches in several streams on the slowest and the fastest.
    fn is_quick(self) -> bool {
        let many = self.batch_bytes == 64 * KIB && self.streams == 4;
        self.is_bounded() && self.wire != Wire::Quic(networks::MTU_LOOPBACK)
            || many && matches!(self.wire, Wire::Quic(1452) | Wire::Mem)
    }

    /// One stream of batches as the default configuration makes them.
    fn is_bounded(self) -> bool {
        self.batch_bytes == 256 * KIB && self.streams == 1
    }

    fn case(self, effort: Effort) -> Result<Case> {
        let mib = match self.wire {
            Wire::Quic(_) => effort.pick(192, 512),
            Wire::Tcp => effort.pick(384, 1024),
            Wire::Mem => effort.pick(1024, 4096),
        };
        let load = Load::new(self.batch_bytes, self.streams, mib * MIB);
        // A bound is judged by an interval, which is narrow only after many rounds.
        let rounds = effort.pick(if self.is_bounded() { 18 } else { 9 }, 20);
        let case = Case::new("MiB/s", Better::More, rounds);
        let case = match self.wire {
            Wire::Quic(mtu) => self.quic(mtu, case, &load)?,
            Wire::Tcp => self.tcp(case, &load)?,
            Wire::Mem => self.mem(case, &load)?,
        };
        Ok(case)
    }

    fn quic(self, mtu: u16, case: Case, load: &Load) -> Result<Case> {
        let limits = quic_limits(mtu);
        let ours = Guarded::new(&Network::Quic(limits.clone()), load)?;
        let bare = BareQuic::new(&limits, load)?;
        let case = case
            .way("tidegate", measured(load, move || ours.carry()))
            .way("quinn", measured(load, move || bare.carry()))
            .against("quinn");
        if !self.is_bounded() || mtu == networks::MTU_LOOPBACK {
            return Ok(case);
        }
        let case = case.bound(Bound::ratio("tidegate", "quinn", Limit::AtLeast(0.95)));
        Ok(if mtu == 1452 {
            case.bound(Bound::cpu_ratio("tidegate", "quinn", Limit::AtMost(1.10)))
        } else {
            case
        })
    }

    fn tcp(self, case: Case, load: &Load) -> Result<Case> {
        let ours = Guarded::new(&Network::Tcp, load)?;
        let bare = BareTcp::new(load)?;
        let grpc = Grpc::new(load)?;
        let case = case
            .way("tidegate", measured(load, move || ours.carry()))
            .way("rustls", measured(load, move || bare.carry()))
            .way("tonic", measured(load, move || grpc.carry()))
            .against("rustls");
        if !self.is_bounded() {
            return Ok(case);
        }
        Ok(case
            .bound(Bound::ratio("tidegate", "rustls", Limit::AtLeast(0.95)))
            .bound(Bound::ratio("tidegate", "tonic", Limit::AtLeast(1.4))))
    }

    fn mem(self, case: Case, load: &Load) -> Result<Case> {
        let ours = Guarded::new(&Network::Mem, load)?;
        let bare = Channel::new(load, IN_FLIGHT + 2 * StreamingConfig::default().batches_in_flight)?;
        let case = case
            .way("tidegate", measured(load, move || ours.carry()))
            .way("mpsc", measured(load, move || bare.carry()))
            .against("mpsc");
        Ok(if self.is_bounded() {
            case.bound(Bound::ratio("tidegate", "mpsc", Limit::AtLeast(0.9)))
        } else {
            case
        })
    }
}

impl Wire {
    fn name(self) -> String {
        match self {
            Self::Quic(networks::MTU_LOOPBACK) => "quic-loopback".to_owned(),
            Self::Quic(mtu) => format!("quic-{mtu}"),
            Self::Tcp => "tcp".to_owned(),
            Self::Mem => "mem".to_owned(),
        }
    }
}
