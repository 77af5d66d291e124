//! How many connections to Postgres the components hold, and how many they may.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Spin's `[outbound_pg] max_connections`: one bound for all components, first come first served.
#[derive(Clone)]
pub(crate) struct ConnectionLimit {
    permits: Option<Arc<Semaphore>>,
    held: Arc<AtomicUsize>,
}

/// The right to hold one connection, until it is dropped.
pub(super) struct Permit {
    _permit: Option<OwnedSemaphorePermit>,
    held: Arc<AtomicUsize>,
}

impl ConnectionLimit {
    /// At most so many, or no bound but the pools' own.
    pub(crate) fn new(most: Option<usize>) -> Self {
        Self { permits: most.map(|most| Arc::new(Semaphore::new(most))), held: Arc::default() }
    }

    /// Connections that instances hold now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Waits for its turn.
    pub(super) async fn acquire(&self) -> anyhow::Result<Permit> {
        let permit = match &self.permits {
            Some(permits) => Some(Arc::clone(permits).acquire_owned().await?),
            None => None,
        };
        self.held.fetch_add(1, Relaxed);
        Ok(Permit { _permit: permit, held: Arc::clone(&self.held) })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.held.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_permit_counts_until_it_is_dropped() {
        let limit = ConnectionLimit::new(Some(1));
        let permit = limit.acquire().await.unwrap();
        assert_eq!(limit.held(), 1);
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(10), limit.acquire());
        assert!(waiting.await.is_err());
        drop(permit);
        assert_eq!(limit.held(), 0);
        limit.acquire().await.unwrap();
    }
}
