//! What every metadata store must do, as named tests that know only the traits.
//!
//! A store's test file says how a cluster of it is made, and has one line more:
//!
//! ```
//! use tidegate_tablets::conformance::Cluster;
//! use tidegate_tablets::{LocalConfig, LocalLog, MetadataStore, NodeId};
//!
//! async fn make(nodes: usize) -> Cluster {
//!     let log = LocalLog::new(LocalConfig::default());
//!     let handles: Vec<_> = (1..=nodes as u64).map(|node| log.store(NodeId::new(node))).collect();
//!     Cluster {
//!         stores: handles.iter().map(|store| store.clone() as _).collect(),
//!         changes_max: LocalConfig::default().proposal_changes_max,
//!         stop: Box::new(move |at| {
//!             handles[at].stop();
//!             Box::pin(std::future::ready(()))
//!         }),
//!         keep: Box::new(log),
//!     }
//! }
//!
//! tidegate_tablets::conformance_tests!(make);
//! # fn main() {}
//! ```
//!
//! That makes one `#[tokio::test]` per case, on a runtime of two workers; the test crate needs tokio with `macros`
//! and `rt-multi-thread`. Who wants another runtime runs [`CASES`] by hand with [`run`].
//!
//! No case sleeps. What must happen has [`DEADLINE`]; that something does *not* happen is watched for [`STALL`],
//! which can overlook a fault on a slow machine, but reports none that is not there.

pub mod copies;
pub mod following;
mod ground;
pub mod proposals;
pub mod stopping;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

pub use self::ground::Ground;
use crate::MetadataStore;

/// How long a case waits for what must happen.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// How long a case watches that something does not happen.
pub const STALL: Duration = Duration::from_millis(50);

/// A future in a box.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Stops one store of a cluster, by its place in the list.
pub type Stop = Box<dyn Fn(usize) -> Boxed<'static, ()> + Send + Sync>;

/// Some nodes' handles on one log that is empty.
pub struct Cluster {
    /// The handles, as many as were asked for.
    pub stores: Vec<Arc<dyn MetadataStore>>,
    /// Changes that one proposal may have.
    pub changes_max: usize,
    /// Stops one of them, as the end of its node does.
    pub stop: Stop,
    /// What must outlive them: a network, runtimes, directories.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("stores", &self.stores)
            .finish_non_exhaustive()
    }
}

/// Makes a fresh cluster for every case; any `async fn(usize) -> Cluster` does.
pub trait MakeCluster: Send + Sync + 'static {
    /// A cluster of that many nodes, of which most may be asked to decide something at once.
    fn make(&self, nodes: usize) -> Boxed<'_, Cluster>;
}

impl<F, P> MakeCluster for F
where
    F: Fn(usize) -> P + Send + Sync + 'static,
    P: Future<Output = Cluster> + Send + 'static,
{
    fn make(&self, nodes: usize) -> Boxed<'_, Cluster> {
        Box::pin(self(nodes))
    }
}

/// What a store did against the contract.
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
    pub run: fn(Ground) -> Boxed<'static, Verdict>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

/// Runs one case on a cluster of three.
///
/// # Errors
///
/// The [`Violation`] that the case found.
///
/// # Cancel safety
///
/// Safe: the cluster is dropped.
pub async fn run(case: Case, make: impl MakeCluster) -> Verdict {
    let ground = Ground::prepare(make.make(3).await).await?;
    (case.run)(ground).await
}

/// Hands the list of cases to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_conformance_case {
    ({ $($callback:tt)* } $($argument:tt)*) => {
        $($callback)* ! { $($argument)*
            proposals::a_proposal_is_applied_when_it_is_answered
            proposals::changes_are_decided_one_by_one_and_in_order
            proposals::a_refused_change_changes_nothing
            proposals::of_many_changes_of_one_epoch_one_is_accepted
            proposals::a_repeat_gets_the_same_answer_and_does_nothing
            proposals::a_dropped_proposal_comes_to_pass_once_at_most
            proposals::a_proposal_over_the_limit_is_refused
            copies::a_read_barrier_sees_what_was_decided_anywhere
            copies::a_wait_ends_at_its_version_and_not_before
            copies::a_version_never_goes_back
            copies::a_copy_that_was_given_stays_as_it_is
            copies::every_copy_comes_to_the_same
            following::the_first_update_is_everything
            following::an_update_names_what_has_changed
            following::a_slow_follower_never_misses_the_newest
            following::a_dropped_next_loses_nothing
            following::followers_do_not_share
            stopping::a_stopped_store_answers_nobody
            stopping::a_stop_wakes_whoever_waits
            stopping::a_stopped_store_holds_up_no_other
        }
    };
}

macro_rules! list_cases {
    ($($group:ident :: $name:ident)*) => {
        /// Every case, in the order of the macro.
        pub const CASES: &[Case] =
            &[$(Case { name: stringify!($name), run: |ground| Box::pin($group::$name(ground)) }),*];
    };
}

__each_conformance_case! { { list_cases } }

/// One test per case. Takes what makes a cluster, see [`MakeCluster`].
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
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let case = $crate::conformance::Case {
                    name: stringify!($name),
                    run: |ground| ::std::boxed::Box::pin($crate::conformance::$group::$name(ground)),
                };
                if let Err(violation) = $crate::conformance::run(case, $make).await {
                    panic!("{violation}");
                }
            }
        )*
    };
}
