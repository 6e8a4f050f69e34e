use thiserror::Error;
use tidegate_tablets::{Epoch, Version};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WaitError {
    #[error("this node has applied version {applied} only")]
    Behind { applied: Version },
    #[error("the replica was stopped")]
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AdmissionError {
    #[error("this node is no replica of the tablet")]
    NotReplica,
    #[error("the request is of an older epoch; epoch {wanted} is wanted")]
    Stale { wanted: Epoch },
    #[error("this node is behind")]
    Behind,
    #[error("the replica is not running")]
    NotRunning,
}
