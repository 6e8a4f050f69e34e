//! The types of the admin API: every request and every answer, shared by the server and the command line.
//!
//! Their documentation is that of `/openapi.json`. Names of fields carry their units. Answers may gain fields:
//! whoever reads them bears with those it does not know. Requests with unknown fields are refused.

mod balancing;
mod barriers;
mod cluster;
mod inject;
mod journal;
mod moves;
mod nodes;
mod object;
mod problem;
mod rows;
mod sessions;
mod status;
mod tables;
#[cfg(test)]
mod tests;
mod throttle;
mod transition;
mod verify;

pub(crate) use self::balancing::{Balancing, PlannedMove, SetBalancing, WaitingMove};
pub(crate) use self::barriers::{Barrier, BarrierWait, Barriers};
pub(crate) use self::cluster::{Founded, FoundingNode, InitRequest};
pub(crate) use self::inject::{InjectRequest, Injected};
pub(crate) use self::journal::{Journal, JournalEntry, JournalEvent, MoveOutcome, MoveRecord, StageRecord};
pub(crate) use self::moves::{
    CancelAnswer, CancelRequest, Carried, MoveAnswer, MoveRequest, Moves, RunningMove, TransferProgress,
};
pub(crate) use self::nodes::{
    Addresses, JoinRequest, Node, NodeAnswer, NodeRequest, Nodes, RaftRole, RaftView, Silent,
};
pub(crate) use self::object::Object;
pub(crate) use self::problem::{Problem, problem_type};
pub(crate) use self::rows::{
    LoadFailure, LoadRows, RowToWrite, RowsLoaded, ScannedRow, ScannedRows, Written,
};
pub(crate) use self::sessions::{Holder, Session, SessionPhase, Sessions};
pub(crate) use self::status::{Finding, Severity, Status};
pub(crate) use self::tables::{CreateTable, Table, TableCreated, Tables, Tablet, Tablets};
pub(crate) use self::throttle::{NodeThrottle, SetThrottle, Throttle};
pub(crate) use self::transition::{Kind, Reason, Stage, Transition, WaitingFor};
pub(crate) use self::verify::{Difference, ReplicaCount, VerifiedTablet, Verify, VerifyReport, WhatDiffers};
