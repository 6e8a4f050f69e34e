//! What happens in a run.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_coordinator::OperationKind;
use tidegate_guard::SessionId;
use tidegate_session::SessionState;
use tidegate_tablets::{Epoch, Metadata, NodeId, Outcome, Stage, TableId, TabletId, Version};

/// What a node is in a tablet's transition, or in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// In the old set, and a source of the stream; in a purge every replica, as each fills the others.
    Source,
    /// In the new set only.
    Pending,
    /// Where the coordinator runs.
    Coordinator,
    /// None of these.
    Bystander,
}

/// A kind of fault; one row of the table of hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A node loses all that is not durable, and starts again later.
    Crash,
    /// Connections are lost; new ones may be made at once.
    Cut,
    /// Frames take longer than before.
    Delay,
    /// One direction opens no streams.
    PartitionOneWay,
    /// What a peer sends is taken and never arrives, and it is not told.
    HalfOpen,
    /// Streams overtake each other.
    Reorder,
    /// A call arrives twice.
    DuplicateCall,
    /// A call arrives once more, much later.
    LateCall,
    /// Another coordinator starts while the calls of the one before are under way.
    CoordinatorReplaced,
    /// The engine takes long.
    SlowDisk,
    /// The engine has no room.
    FullDisk,
    /// An engine call fails, its effect done or not.
    DiskError,
    /// A node's copy of the metadata falls behind.
    MetadataDelay,
    /// A node gets a snapshot, and skips the states before it.
    SnapshotInstall,
    /// The metadata log changes its leader: proposals under way have unknown outcomes.
    LeaderChange,
    /// A node starts again with an older copy of the metadata than it had.
    StaleRestart,
    /// A transition is cancelled.
    Cancel,
    /// A node is excluded.
    Exclude,
    /// A table is dropped.
    DropTable,
    /// Balancing is switched off.
    BalancingOff,
    /// A node's clock of the day differs.
    ClockSkew,
}

impl Role {
    /// Its name, as reports write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Pending => "pending",
            Self::Coordinator => "coordinator",
            Self::Bystander => "bystander",
        }
    }
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 21] = [
        Self::Crash,
        Self::Cut,
        Self::Delay,
        Self::PartitionOneWay,
        Self::HalfOpen,
        Self::Reorder,
        Self::DuplicateCall,
        Self::LateCall,
        Self::CoordinatorReplaced,
        Self::SlowDisk,
        Self::FullDisk,
        Self::DiskError,
        Self::MetadataDelay,
        Self::SnapshotInstall,
        Self::LeaderChange,
        Self::StaleRestart,
        Self::Cancel,
        Self::Exclude,
        Self::DropTable,
        Self::BalancingOff,
        Self::ClockSkew,
    ];

    /// Its name, as reports write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Cut => "cut",
            Self::Delay => "delay",
            Self::PartitionOneWay => "partition_one_way",
            Self::HalfOpen => "half_open",
            Self::Reorder => "reorder",
            Self::DuplicateCall => "duplicate_call",
            Self::LateCall => "late_call",
            Self::CoordinatorReplaced => "coordinator_replaced",
            Self::SlowDisk => "slow_disk",
            Self::FullDisk => "full_disk",
            Self::DiskError => "disk_error",
            Self::MetadataDelay => "metadata_delay",
            Self::SnapshotInstall => "snapshot_install",
            Self::LeaderChange => "leader_change",
            Self::StaleRestart => "stale_restart",
            Self::Cancel => "cancel",
            Self::Exclude => "exclude",
            Self::DropTable => "drop_table",
            Self::BalancingOff => "balancing_off",
            Self::ClockSkew => "clock_skew",
        }
    }
}

/// What an engine does to what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EffectKind {
    /// Rows of a request.
    Write,
    /// A batch of a stream is staged.
    Stage,
    /// What was staged is made durable.
    Sync,
    /// What was staged becomes part of the replica.
    Attach,
    /// A staging area is thrown away.
    Discard,
    /// All of a tablet goes.
    Remove,
    /// Tombstones go.
    Purge,
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientOp {
    /// Reads a key.
    Get,
    /// Sets a key; values are never used twice.
    Put(Bytes),
    /// Deletes a key.
    Delete,
}

/// What a client hears.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientAnswer {
    /// A read's value.
    Value(Option<Bytes>),
    /// The write is done.
    Done,
    /// It had, and will have, no effect.
    Failed,
    /// It may have had an effect, or may still have one.
    Unknown,
}

/// What happens in a run. Everything that invariants look at is one of these.
#[derive(Debug, Clone)]
pub enum Event {
    /// The metadata log decided one entry. Told once per version, in order.
    Decided {
        /// What all was after it.
        metadata: Arc<Metadata>,
        /// What became of the changes.
        outcomes: Vec<Outcome>,
        /// The tablets that may differ.
        touched: Vec<TabletId>,
    },
    /// A node's copy of the metadata stepped forward.
    Applied {
        /// Which.
        node: NodeId,
        /// To where.
        version: Version,
        /// Whether by a snapshot.
        snapshot: bool,
    },
    /// A node started.
    Started {
        /// Which.
        node: NodeId,
        /// How often it has started, with this.
        incarnation: u64,
        /// What its copy of the metadata begins with.
        version: Version,
    },
    /// A node crashed: nothing it does from here on is seen by anybody.
    Crashed {
        /// Which.
        node: NodeId,
    },
    /// A node was told to stop: from here on it closes its sessions, whatever the metadata names.
    Stopping {
        /// Which.
        node: NodeId,
    },
    /// A coordinator started on a node.
    CoordinatorStarted {
        /// Where.
        node: NodeId,
    },
    /// The coordinator on a node stopped; calls it has made may still be under way.
    CoordinatorStopped {
        /// Where.
        node: NodeId,
    },
    /// A session changed its state on a node.
    Session {
        /// Where.
        node: NodeId,
        /// The start of that node in which it happened.
        incarnation: u64,
        /// Which.
        session: SessionId,
        /// To what.
        state: SessionState,
    },
    /// Somebody asked to enter a session on a node.
    Thawed {
        /// Where.
        node: NodeId,
        /// The session that the frozen guard names.
        asked: SessionId,
        /// The session that the guard is of, if one was given.
        given: Option<SessionId>,
    },
    /// An engine call with a side effect began.
    EffectBegun {
        /// Names the call.
        call: u64,
        /// Where.
        node: NodeId,
        /// On what.
        tablet: TabletId,
        /// What.
        kind: EffectKind,
        /// The session of its guard; none for requests and for removals outside of a transition.
        session: Option<SessionId>,
    },
    /// An engine call with a side effect ended; a crash ends all.
    EffectEnded {
        /// Which.
        call: u64,
        /// Whether it did what it was asked.
        done: bool,
    },
    /// A coordinator asked a node for a barrier of one tablet, alone or with others.
    BarrierAsked {
        /// Whom.
        node: NodeId,
        /// For which tablet.
        tablet: TabletId,
        /// For which epoch.
        epoch: Epoch,
        /// What the node has to have applied first.
        min_version: Version,
    },
    /// A node answered a coordinator's barrier for one tablet.
    BarrierAnswered {
        /// Where.
        node: NodeId,
        /// For which tablet.
        tablet: TabletId,
        /// For which epoch.
        epoch: Epoch,
        /// Whether nothing older is left; else why not.
        result: Result<(), String>,
    },
    /// A node answered a coordinator's operation.
    OperationAnswered {
        /// Where.
        node: NodeId,
        /// What.
        kind: OperationKind,
        /// On which tablet.
        tablet: TabletId,
        /// Under which session.
        session: SessionId,
        /// Whether it is done; else why not.
        result: Result<(), String>,
    },
    /// A client asked for something.
    Invoked {
        /// Names the operation.
        op: u64,
        /// Who.
        client: u64,
        /// Through which node.
        node: NodeId,
        /// Of which table.
        table: TableId,
        /// Which key.
        key: Bytes,
        /// What.
        what: ClientOp,
    },
    /// A client heard.
    Returned {
        /// Which.
        op: u64,
        /// What.
        answer: ClientAnswer,
    },
    /// A fault was done.
    Fault {
        /// What.
        kind: FaultKind,
        /// To whom; empty for one that is nobody's.
        nodes: Vec<NodeId>,
        /// Where it landed: transitions that ran, the stage each was in, and the victims' roles there.
        hits: Vec<(TabletId, Stage, Role)>,
    },
    /// From here on nothing goes wrong any more.
    Healed,
    /// Something worth a line in a trace.
    Note(String),
}
