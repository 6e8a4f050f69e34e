//! What every transport must do, as named tests that know only the traits.
//!
//! A transport's test file says how two of its transports are made, and has one line more:
//!
//! ```
//! use tidegate_transport::PeerId;
//! use tidegate_transport::conformance::{End, Limits, Pair, Wish};
//! use tidegate_transport_mem::{MemConfig, MemLimits, MemNetwork};
//!
//! async fn make(wish: Wish) -> Pair {
//!     let network = MemNetwork::new(MemConfig::default());
//!     let end = |peer, limits: Limits| {
//!         let own = MemLimits {
//!             frame_max: limits.frame_max,
//!             bytes_in_flight: limits.in_flight_max / 2,
//!             streams_per_peer: limits.streams_per_peer,
//!             open_wait: limits.open_wait,
//!             ..MemLimits::default()
//!         };
//!         End { transport: network.join_with(PeerId::new(peer), own).unwrap(), limits }
//!     };
//!     Pair { a: end(1, wish.a), b: end(2, wish.b), keep: Box::new(()) }
//! }
//!
//! tidegate_transport::conformance_tests!(make);
//! # fn main() {}
//! ```
//!
//! That makes two `#[tokio::test]`s per case, one for either end sending, on a runtime of two workers; the test
//! crate needs tokio with `macros` and `rt-multi-thread`. Who wants another runtime, or paused time, runs [`CASES`]
//! by hand with [`run`].
//!
//! No case sleeps. What must happen has [`DEADLINE`]; that something does *not* happen (a sender that must wait
//! goes on) is watched for [`STALL`], which can overlook a fault on a slow machine, but reports none that is not there.

pub mod calls;
pub mod connections;
pub mod frames;
pub mod limits;
pub mod resets;
pub mod sharing;
mod stage;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

pub use self::stage::Stage;
use crate::Transport;

/// How long a case waits for what must happen.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// How long a case watches that something does not happen.
pub const STALL: Duration = Duration::from_millis(150);

/// What a case asks of the transports that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Limits of the one.
    pub a: Limits,
    /// Limits of the other.
    pub b: Limits,
}

/// The limits of one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in the longest frame that it sends or takes.
    pub frame_max: usize,
    /// Streams that its peer may have open towards it.
    pub streams_per_peer: usize,
    /// How long an open waits for one of them to end.
    pub open_wait: Duration,
    /// Bytes of one stream that it, its peer and the way between them may hold while it does not read.
    pub in_flight_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_max: 64 << 10,
            streams_per_peer: 8,
            open_wait: Duration::from_millis(300),
            in_flight_max: 1 << 20,
        }
    }
}

/// One transport of a pair.
#[derive(Debug)]
pub struct End {
    /// The transport.
    pub transport: Arc<dyn Transport>,
    /// The limits that it has: as wished where it can, else what they are.
    pub limits: Limits,
}

/// Two transports that can open streams to each other and to themselves.
pub struct Pair {
    /// The one.
    pub a: End,
    /// The other.
    pub b: End,
    /// What must outlive them: a network, runtimes, directories.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("a", &self.a)
            .field("b", &self.b)
            .finish_non_exhaustive()
    }
}

/// Makes a fresh pair for every case; any `async fn(Wish) -> Pair` does.
pub trait MakePair: Send + Sync + 'static {
    /// Two transports that have not spoken to each other yet.
    fn make(&self, wish: Wish) -> Pin<Box<dyn Future<Output = Pair> + Send + '_>>;
}

impl<F, P> MakePair for F
where
    F: Fn(Wish) -> P + Send + Sync + 'static,
    P: Future<Output = Pair> + Send + 'static,
{
    fn make(&self, wish: Wish) -> Pin<Box<dyn Future<Output = Pair> + Send + '_>> {
        Box::pin(self(wish))
    }
}

/// Which end of a stream sends, or, where that is not the point, which transport acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The end that opened the stream.
    OpenerSends,
    /// The end that accepted it.
    AcceptorSends,
}

impl Way {
    /// Both.
    pub const ALL: [Self; 2] = [Self::OpenerSends, Self::AcceptorSends];
}

/// What a transport did against the contract.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Violation(pub(crate) String);

/// What a case comes to.
pub type Verdict = Result<(), Violation>;

/// One case, by name.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The case.
    pub run: fn(Stage) -> Pin<Box<dyn Future<Output = Verdict> + Send>>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

/// Runs one case one way round.
///
/// # Errors
///
/// The [`Violation`] that the case found.
///
/// # Cancel safety
///
/// Safe: the pair is dropped.
pub async fn run(case: Case, way: Way, make: impl MakePair) -> Verdict {
    (case.run)(Stage::new(Arc::new(make), way)).await
}

/// Hands the list of cases to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_conformance_case {
    ({ $($callback:tt)* } $($argument:tt)*) => {
        $($callback)* ! { $($argument)*
            frames::frames_arrive_whole_and_in_order
            frames::a_frame_of_many_parts_is_one_frame
            frames::a_frame_received_in_parts_is_the_same_frame
            frames::an_empty_frame_is_a_frame
            frames::a_finished_stream_ends_after_its_last_frame
            frames::a_finished_stream_outlives_its_sender
            frames::each_direction_ends_by_itself
            frames::a_dropped_recv_loses_no_frame
            limits::a_frame_at_the_limit_arrives
            limits::a_frame_over_the_limit_is_refused_by_its_sender
            limits::a_frame_over_the_limit_is_refused_by_its_receiver
            limits::a_sender_waits_while_nobody_reads
            resets::a_reset_arrives_with_its_code
            resets::a_stop_arrives_with_its_code
            resets::a_dropped_send_half_is_a_reset
            resets::a_dropped_recv_half_is_a_stop
            resets::a_dropped_half_leaves_the_other_direction
            resets::a_task_aborted_in_mid_send_is_a_reset
            resets::a_dropped_send_leaves_a_stream_that_only_fails
            resets::a_dropped_finish_is_an_end_or_a_reset
            resets::stopped_wakes_a_waiting_sender
            connections::a_sender_that_vanishes_is_no_end
            connections::a_receiver_that_vanishes_is_noticed
            connections::a_disconnect_is_seen_at_both_ends
            connections::a_disconnect_is_followed_by_a_new_connection
            connections::a_shutdown_ends_everything
            connections::a_shutdown_is_seen_by_the_peer
            connections::a_node_has_streams_to_itself
            sharing::more_streams_than_allowed_wait_and_fail
            sharing::a_waiting_open_goes_on_when_a_stream_ends
            sharing::an_unread_stream_holds_up_no_other
            sharing::several_acceptors_share_the_streams
            sharing::a_dropped_accept_loses_no_stream
            sharing::a_dropped_open_leaves_nothing_behind
            calls::a_call_is_answered
            calls::a_call_has_as_many_answers_as_its_handler_gives
            calls::a_call_ends_at_its_deadline
            calls::a_caller_that_goes_away_ends_its_handler
            calls::a_refusal_arrives_with_its_code
            calls::an_unknown_service_is_refused
            calls::another_wire_version_is_refused
        }
    };
}

macro_rules! list_cases {
    ($($group:ident :: $name:ident)*) => {
        /// Every case, in the order of the macro.
        pub const CASES: &[Case] = &[$(Case { name: stringify!($name), run: |stage| Box::pin($group::$name(stage)) }),*];
    };
}

__each_conformance_case! { { list_cases } }

/// One module per case, with a test for either end sending. Takes what makes a pair, see [`MakePair`].
#[macro_export]
macro_rules! conformance_tests {
    ($make:expr) => {
        $crate::__each_conformance_case! { { $crate::__conformance_tests } ($make) }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($make:tt $($group:ident :: $name:ident)*) => {
        $(mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn run(way: $crate::conformance::Way) {
                let case = $crate::conformance::Case {
                    name: stringify!($name),
                    run: |stage| ::std::boxed::Box::pin($crate::conformance::$group::$name(stage)),
                };
                if let Err(violation) = $crate::conformance::run(case, way, $make).await {
                    panic!("{violation}");
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn opener_sends() {
                run($crate::conformance::Way::OpenerSends).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn acceptor_sends() {
                run($crate::conformance::Way::AcceptorSends).await;
            }
        })*
    };
}
