//! The numbers that name things.

use std::fmt;

use tidegate_guard::SessionId;
use uuid::Uuid;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(u64);

        impl $name {
            /// The one of that number.
            #[must_use]
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// Its number.
            #[must_use]
            pub const fn as_u64(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A node; the number its transport proves. An excluded node's number is never used again.
    NodeId
}
number! {
    /// A table. Never used again.
    TableId
}
number! {
    /// A tablet, across all tables. Never used again.
    TabletId
}
number! {
    /// How often a tablet's metadata has changed.
    Epoch
}
number! {
    /// A position in the metadata store's log.
    Version
}

/// Bits of a version 8 UUID (RFC 9562, section 5.8) that are fixed: version and variant.
const VERSION_8: u128 = 0x8 << 76;
const VARIANT: u128 = 0b10 << 62;

impl Epoch {
    /// The last epoch there is: 58 bits fit into a session's id beside the tablet's 64.
    pub const MAX: Self = Self((1 << 58) - 1);

    /// The epoch after this one; the last one has none but itself.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.checked_next() {
            Some(next) => next,
            None => self,
        }
    }

    /// The epoch after this one; none after [`MAX`](Self::MAX).
    #[must_use]
    pub const fn checked_next(self) -> Option<Self> {
        if self.0 < Self::MAX.0 {
            Some(Self(self.0 + 1))
        } else {
            None
        }
    }
}

impl TabletId {
    /// The id of the session that this tablet's metadata opens at `epoch`.
    ///
    /// A version 8 UUID that holds both numbers whole, so none comes twice as long as neither number does, and
    /// nobody needs randomness. Layout, high to low: 48 bits of tablet, version, 12 bits of tablet, variant, 4 bits
    /// of tablet, 58 bits of epoch.
    #[must_use]
    pub fn session_at(self, epoch: Epoch) -> SessionId {
        #[cfg(tidegate_mutants)]
        let epoch = if tidegate_mutants::on("session-id-reused") {
            Epoch::new(1)
        } else {
            epoch
        };
        let tablet = u128::from(self.0);
        let bits = (tablet >> 16) << 80
            | VERSION_8
            | ((tablet >> 4) & 0xfff) << 64
            | VARIANT
            | (tablet & 0xf) << 58
            | u128::from(epoch.0 & Epoch::MAX.0);
        match SessionId::new(Uuid::from_u128(bits)) {
            Ok(session) => session,
            // The fixed bits are not zero.
            Err(_) => unreachable!("a version 8 UUID is never nil"),
        }
    }

    /// The tablet whose metadata opened a session made by [`session_at`](Self::session_at).
    #[must_use]
    pub const fn of_session(session: SessionId) -> Self {
        let bits = session.as_u128();
        let high = (bits >> 80) as u64;
        let middle = ((bits >> 64) & 0xfff) as u64;
        let low = ((bits >> 58) & 0xf) as u64;
        Self(high << 16 | middle << 4 | low)
    }
}
