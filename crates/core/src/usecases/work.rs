//! What a worker does: takes jobs off the queue and works them off, chunk by chunk; then forgets what is over.
//!
//! Each chunk is one statement that also advances the job, so an item is changed exactly once, whoever dies when. A chunk is
//! a write like any other: announced to the cache before it and published after it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::store::job_queue::{self, Chunk, Claim};
use crate::store::purge;
use crate::store::write::Written;
use crate::{Caller, Error, Meter, Result};

use super::Service;

/// A worker that is silent for this long has lost its job to the next one. Far more than one chunk may take.
const LEASE: Duration = Duration::from_secs(30);
/// A chunk should take about this long: its locks are held no longer, and a cancelled job stops after it.
const CHUNK_TARGET: Duration = Duration::from_millis(100);
/// The first chunk of a run, before it is known how long one takes.
const FIRST_CHUNK: i64 = 200;
/// The largest chunk.
const LARGEST_CHUNK: i64 = 2000;
/// Rows that one statement purges.
const PURGE_CHUNK: i64 = 1000;

/// What came of a run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Worked {
    /// Jobs that ended in this run.
    pub jobs: u32,
    /// Todos that were gone through.
    pub todos: i64,
    /// Rows that were purged.
    pub purged: i64,
    /// The time was up before the work: run again.
    pub more: bool,
}

impl Service {
    /// Works until nothing is due or `budget` is over. Any number of runs may work at the same time.
    ///
    /// # Errors
    /// Only if Postgres is away: a job that fails is put off or ended, and the run goes on with the next.
    pub async fn work(&self, meter: &Arc<Meter>, budget: Duration) -> Result<Worked> {
        let deadline = Instant::now() + budget;
        let mut worked = Worked::default();
        while let Some(claim) = job_queue::claim(&self.pg, meter, Uuid::new_v4(), LEASE).await? {
            if !self.work_off(meter, claim, deadline, &mut worked).await? {
                worked.more = true;
                return Ok(worked);
            }
        }
        while let Some(what) = purge::claim(&self.pg, meter, LEASE).await? {
            loop {
                let purged = purge::chunk(&self.pg, meter, what, PURGE_CHUNK, LEASE).await?;
                worked.purged += purged;
                if purged < PURGE_CHUNK {
                    break;
                }
                if Instant::now() >= deadline {
                    worked.more = true;
                    return Ok(worked);
                }
            }
        }
        Ok(worked)
    }

    /// Works one job off. False if the time was up first; the job is free for others then.
    async fn work_off(
        &self,
        meter: &Arc<Meter>,
        mut claim: Claim,
        deadline: Instant,
        worked: &mut Worked,
    ) -> Result<bool> {
        match self.chunks(meter, &mut claim, deadline, worked).await {
            Ok(End::Over) => {
                worked.jobs += 1;
                Ok(true)
            }
            Ok(End::Lost) => Ok(true),
            Ok(End::TimeUp) => {
                job_queue::release(&self.pg, meter, &claim).await?;
                Ok(false)
            }
            // Postgres is away or the outcome is open. The lease runs out, and the next worker reads the true position.
            Err(error @ Error::Unavailable { .. }) => Err(error),
            Err(error) => {
                job_queue::fail(&self.pg, meter, &claim, &reason(&error), false).await?;
                Ok(true)
            }
        }
    }

    async fn chunks(
        &self,
        meter: &Arc<Meter>,
        claim: &mut Claim,
        deadline: Instant,
        worked: &mut Worked,
    ) -> Result<End> {
        if !job_queue::begin(&self.pg, meter, claim, LEASE).await? {
            return Ok(End::Lost);
        }
        let mut limit = FIRST_CHUNK;
        loop {
            let started = Instant::now();
            match self.chunk(meter, claim, limit).await? {
                Chunk::Done { processed, .. } => worked.todos += processed,
                Chunk::Finished => return Ok(End::Over),
                Chunk::Lost => return Ok(End::Lost),
            }
            let elapsed = started.elapsed();
            limit = next_limit(limit, elapsed);
            if Instant::now() >= deadline {
                return Ok(End::TimeUp);
            }
            // Requests come first: Postgres gets a breath as long as a quarter of the chunk.
            spin_sdk::time::sleep(elapsed / 4).await;
        }
    }

    /// One chunk: a write like any other.
    async fn chunk(&self, meter: &Arc<Meter>, claim: &mut Claim, limit: i64) -> Result<Chunk> {
        let caller = Caller { workspace: claim.workspace, meter: Arc::clone(meter) };
        let writing = self.write(&caller, None).await;
        let distrust = writing.write().distrust_cache;
        let outcome = job_queue::chunk(&self.pg, meter, claim, limit, LEASE, distrust).await.map(|chunk| Written {
            value: chunk,
            replayed: false,
            cache_wait: matches!(chunk, Chunk::Done { cache_wait: true, .. }),
        });
        Ok(writing.settle(outcome).await?.value)
    }
}

/// How the work on a job ended.
enum End {
    Over,
    Lost,
    TimeUp,
}

/// What the owner of a job may read of its failure.
fn reason(error: &Error) -> String {
    match error {
        Error::Internal(_) => "the change could not be applied".to_owned(),
        Error::Invalid(faults) => faults.first().map_or_else(|| error.to_string(), |fault| fault.detail.clone()),
        other => other.to_string(),
    }
}

/// Steers the size of chunks towards [`CHUNK_TARGET`].
fn next_limit(limit: i64, elapsed: Duration) -> i64 {
    if elapsed > CHUNK_TARGET * 3 / 2 {
        (limit / 2).max(1)
    } else if elapsed < CHUNK_TARGET / 2 {
        (limit * 2).min(LARGEST_CHUNK)
    } else {
        limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_while_they_are_quick_and_shrink_when_they_are_not() {
        assert_eq!(next_limit(200, Duration::from_millis(10)), 400);
        assert_eq!(next_limit(2000, Duration::from_millis(10)), LARGEST_CHUNK);
        assert_eq!(next_limit(200, Duration::from_millis(100)), 200);
        assert_eq!(next_limit(200, Duration::from_millis(500)), 100);
        assert_eq!(next_limit(1, Duration::from_secs(5)), 1);
    }
}
