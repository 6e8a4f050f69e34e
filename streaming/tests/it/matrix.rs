//! Every bad end of either end, at every moment of a stream: only an accepted receipt is success.

mod receiver;
mod sender;

/// How an end of a stream ends badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Drop,
    EarlyReturn,
    /// Its task is aborted.
    Cancel,
    Panic,
    /// It gives up on purpose.
    Abort,
    /// The connection is lost.
    Vanish,
}

/// When it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    BeforeTheFirstByte,
    MidFrame,
    BetweenFrames,
    AfterTheReceiptIsSent,
}

macro_rules! cells {
    ($run:path, $network:ident $kind:expr, $attributes:tt: $($ending:ident $name:ident,)*) => {
        mod $network {
            $(
                mod $name {
                    crate::matrix::cells!(@moments $run, $kind, $ending, $attributes);
                }
            )*
        }
    };
    (@moments $run:path, $kind:expr, $ending:ident, $attributes:tt) => {
        crate::matrix::cells!(@cell $run, $kind, $ending, $attributes, before_the_first_byte BeforeTheFirstByte);
        crate::matrix::cells!(@cell $run, $kind, $ending, $attributes, mid_frame MidFrame);
        crate::matrix::cells!(@cell $run, $kind, $ending, $attributes, between_frames BetweenFrames);
        crate::matrix::cells!(@cell $run, $kind, $ending, $attributes, after_the_receipt_is_sent AfterTheReceiptIsSent);
    };
    (@cell $run:path, $kind:expr, $ending:ident, ($($attribute:meta)?), $name:ident $moment:ident) => {
        #[tokio::test$(($attribute))?]
        async fn $name() {
            use crate::matrix::{Ending, Moment};
            $run($kind, Ending::$ending, Moment::$moment).await;
        }
    };
}

macro_rules! matrix {
    ($run:path) => {
        crate::matrix::cells!($run, mem crate::networks::Kind::Mem, (start_paused = true):
            Drop dropped, EarlyReturn early_return, Cancel cancelled, Panic panicked, Abort aborted, Vanish vanished,);
        crate::matrix::cells!($run, quic crate::networks::Kind::Quic, ():
            Drop dropped, EarlyReturn early_return, Cancel cancelled, Panic panicked, Abort aborted, Vanish vanished,);
        crate::matrix::cells!($run, tcp crate::networks::Kind::Tcp, ():
            Drop dropped, EarlyReturn early_return, Cancel cancelled, Panic panicked, Abort aborted, Vanish vanished,);
    };
}

use {cells, matrix};
