//! Purging: the bin, used idempotency keys, ended jobs, old counts.

use std::time::Instant;

use crate::cache::{AffectedTodos, InvalidationScope};
use crate::store::jobs::purge::{self, Purge, Purged};
use crate::{Result, WorkspaceId};

use super::work::{Run, next_limit};

/// Rows that the first statement purges. The size of rows differs a thousandfold, so the time that one takes decides
/// how many the next does.
const FIRST_CHUNK: i64 = 20;

impl Run<'_> {
    /// Does every purge that is due. False if the time was up first.
    pub(super) async fn purge(&mut self) -> Result<bool> {
        while let Some(what) = purge::claim(&self.service.pg, self.meter, self.lease).await? {
            let in_time = match what {
                Purge::Bin => self.purge_bins().await?,
                Purge::IdempotencyKeys | Purge::Jobs | Purge::CompletionCounts | Purge::Events => {
                    self.purge_unseen(what).await?
                }
            };
            if !in_time {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What no cached answer shows needs no announcement.
    async fn purge_unseen(&mut self, what: Purge) -> Result<bool> {
        let mut limit = FIRST_CHUNK;
        loop {
            let started = Instant::now();
            let removed = purge::chunk(&self.service.pg, self.meter, what, limit, self.lease).await?;
            limit = next_limit(limit, started.elapsed());
            self.worked.purged += removed;
            if removed == 0 {
                return Ok(true);
            }
            if self.is_over() {
                return Ok(false);
            }
        }
    }

    /// The bin is on pages that the cache may hold, so it is purged workspace by workspace, each chunk a write like any
    /// other.
    async fn purge_bins(&mut self) -> Result<bool> {
        let mut last = WorkspaceId(0);
        while let Some(workspace) = purge::next_bin(&self.service.pg, self.meter, last).await? {
            let caller = self.caller(workspace);
            let mut limit = FIRST_CHUNK;
            loop {
                let started = Instant::now();
                let writing = self.service.write(&caller, None, InvalidationScope::todos(AffectedTodos::All)).await?;
                let outcome = purge::bin_chunk(&self.service.pg, &writing.write(), limit, self.lease).await;
                let Purged { removed, is_last } = writing.complete(outcome).await?.value;
                self.worked.purged += removed;
                if self.is_over() {
                    return Ok(false);
                }
                if is_last {
                    break;
                }
                limit = next_limit(limit, started.elapsed());
            }
            last = workspace;
        }
        purge::finish(&self.service.pg, self.meter, Purge::Bin).await?;
        Ok(true)
    }
}
