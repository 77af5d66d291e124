//! Numbers that tests assert on: how often the host did what costs something.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What the host has done since it started. A snapshot: subtract two of them.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The counters while they count.
        #[derive(Default)]
        pub(crate) struct Live {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Live {
            pub(crate) fn snapshot(&self) -> Counters {
                Counters { $($name: self.$name.load(Relaxed),)* }
            }
        }

        impl std::ops::Sub for Counters {
            type Output = Counters;

            fn sub(self, earlier: Counters) -> Counters {
                Counters { $($name: self.$name.saturating_sub(earlier.$name),)* }
            }
        }
    };
}

counters! {
    /// Requests handed to a component, from outside or from a sibling.
    requests,
    /// Component instances created.
    instantiations,
    /// Instances that ended, however that was.
    ends,
    /// Instances that ended by a trap or were killed.
    traps,
    /// Postgres statements sent (`query`, `execute` and their async forms).
    statements,
    /// `spin:postgres` connections opened (pooled ones included).
    postgres_opens,
    /// Redis commands sent.
    redis_calls,
    /// `spin:redis` connections opened. Each is a TCP connection of its own.
    redis_opens,
    /// HTTP requests that components sent to siblings (`*.spin.internal`).
    internal_requests,
    /// HTTP requests that components sent to the network.
    outbound_requests,
}

pub(crate) fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
