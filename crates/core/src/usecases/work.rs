//! The worker: claims jobs from the queue and does them chunk by chunk; then purges what has expired.
//!
//! Each chunk is one statement that also advances the job, so an item is changed exactly once, whenever a worker dies.
//! It is announced to the cache before and published after it, but as a write in the background: nobody waits for a
//! chunk, so what is cached may be served until it is published. The statement that ends the job is announced like any
//! other write: from the end on everything is seen. Jobs take turns: a long one goes back to the end of the queue after
//! a while, if others wait, and workspaces take turns, however many jobs each has. Purges that are due have the first
//! part of each run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::cache::{AffectedTodos, Cache, InvalidationScope};
use crate::domain::idempotency::Written;
use crate::error::Conflict;
use crate::store::authentication;
use crate::store::invalidations;
use crate::store::jobs::queue::{self, Chunk, Claim};
use crate::{Caller, Error, Meter, Result, WorkspaceId};

use super::Service;
use super::writing::Writing;

/// A chunk should take about this long: its locks are held no longer, and a cancelled job stops after it.
const CHUNK_TARGET: Duration = Duration::from_millis(50);
/// The first chunk of a first attempt, before it is known how long one takes.
const FIRST_CHUNK: i64 = 200;
/// The largest chunk.
const LARGEST_CHUNK: i64 = 2000;
/// How long a job is worked on while others wait.
const TURN: Duration = Duration::from_millis(500);
/// Purges have a fourth of a run before its jobs, but no longer than this.
const PURGE_TURN: Duration = Duration::from_secs(1);

/// What came of a run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Worked {
    /// Jobs that ended in this run.
    pub jobs: u32,
    /// Todos that were gone through.
    pub todos: i64,
    /// Rows that were purged.
    pub purged: i64,
    /// Attempts that failed for a reason that their owners cannot know.
    pub setbacks: Vec<Setback>,
    /// The time was up before the work: run again.
    pub more: bool,
}

/// An attempt on a job that failed. The job has been put off or, in the end, given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setback {
    /// The job's public id.
    pub job: Uuid,
    /// What happened, for the log alone.
    pub cause: String,
}

/// One run of a worker.
pub(super) struct Run<'a> {
    pub(super) service: &'a Service,
    pub(super) meter: &'a Arc<Meter>,
    pub(super) lease: Duration,
    deadline: Instant,
    pub(super) worked: Worked,
}

impl Service {
    /// Works until nothing is due or `budget` is over. Any number of runs may work at the same time. A worker that is
    /// silent for the length of `lease` has lost its job to the next one, so that must be longer than any statement may
    /// take.
    ///
    /// # Errors
    /// Only if Postgres is away: a job that fails is put off or ended, and the run goes on with the next.
    pub async fn work(&self, meter: &Arc<Meter>, lease: Duration, budget: Duration) -> Result<Worked> {
        let start = Instant::now();
        let deadline = start + (budget / 4).min(PURGE_TURN);
        // Asked anew in each run, since no check of a token tells a worker of another id.
        if self.cache.is_on() {
            self.cache.belong_to(authentication::installation(&self.pg, meter).await?.as_deref());
        }
        let mut run = Run { service: self, meter, lease, deadline, worked: Worked::default() };
        // Purges have the first part of a run, so that a queue that never empties does not keep them away.
        let purged = run.purge().await;
        run.deadline = start + budget;
        let worked = run.jobs().await?;
        // A purge that fails does not keep jobs away.
        run.worked.more = !(worked && purged? && run.purge().await?);
        Ok(run.worked)
    }
}

impl Run<'_> {
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Works off every job that is due. False if the time was up first.
    async fn jobs(&mut self) -> Result<bool> {
        while let Some(mut claim) = queue::claim(&self.service.pg, self.meter, Uuid::new_v4(), self.lease).await? {
            match self.chunks(&mut claim).await {
                Ok(End::Over) => self.worked.jobs += 1,
                Ok(End::Lost | End::GaveWay) => {}
                Ok(End::TimeUp) => return Ok(false),
                // Postgres is away or the outcome is open. The lease runs out, and the next worker reads the true
                // position.
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                Err(error) => {
                    self.fail(&claim, &error).await?;
                    // The owner learns everything of a reference that is gone; the rest is ours to look into.
                    if !is_final(&error) {
                        self.worked.setbacks.push(Setback { job: claim.uid, cause: format!("{error:?}") });
                    }
                }
            }
        }
        Ok(true)
    }

    async fn chunks(&mut self, claim: &mut Claim) -> Result<End> {
        let pg = &self.service.pg;
        if !queue::begin(pg, self.meter, claim, self.lease).await? {
            return Ok(End::Lost);
        }
        let mut limit = first_limit(claim.consecutive_failures);
        let mut turn = Instant::now();
        let mut is_last = false;
        loop {
            let (chunk, elapsed) = self.chunk(claim, limit, is_last).await?;
            match chunk {
                Chunk::Done { processed, position, .. } => {
                    self.worked.todos += processed;
                    is_last = claim.ceiling.is_some_and(|ceiling| position >= ceiling);
                }
                Chunk::Empty => {
                    is_last = true;
                    continue;
                }
                Chunk::Finished => return Ok(End::Over),
                Chunk::Lost => return Ok(End::Lost),
            }
            if self.is_over() {
                queue::release(pg, self.meter, claim, false).await?;
                return Ok(End::TimeUp);
            }
            if turn.elapsed() >= TURN {
                if queue::release(pg, self.meter, claim, true).await? {
                    return Ok(End::GaveWay);
                }
                turn = Instant::now();
            }
            limit = next_limit(limit, elapsed);
            // Requests come first: half of the time is theirs alone.
            spin_sdk::time::sleep(elapsed).await;
        }
    }

    /// One chunk, which alone may end the job if it `is_last`. Gives how long its statement took.
    async fn chunk(&self, claim: &mut Claim, limit: i64, is_last: bool) -> Result<(Chunk, Duration)> {
        let caller = self.caller(claim.workspace);
        let writing = if is_last {
            self.announce_end(&caller).await?
        } else {
            self.service.write(&caller, None, InvalidationScope::TodosInBackground).await?
        };
        let record_invalidation = writing.write().record_invalidation;
        let started = Instant::now();
        let outcome =
            queue::chunk(&self.service.pg, self.meter, claim, limit, is_last, self.lease, record_invalidation).await;
        let elapsed = started.elapsed();
        let outcome = outcome.map(|chunk| Written {
            value: chunk,
            replayed: false,
            cache_wait: matches!(chunk, Chunk::Done { cache_wait: true, .. }),
        });
        Ok((writing.complete(outcome).await?.value, elapsed))
    }

    /// Puts a job off or ends it.
    async fn fail(&self, claim: &Claim, error: &Error) -> Result<()> {
        let caller = self.caller(claim.workspace);
        let writing = self.announce_end(&caller).await?;
        let outcome = queue::fail(&self.service.pg, self.meter, claim, &reason(error), is_final(error)).await;
        let outcome = outcome.map(|failure| Written { value: failure, replayed: false, cache_wait: false });
        writing.complete(outcome).await?;
        Ok(())
    }

    /// Announces the statement that ends a job, so that whoever reads that it has ended sees all that its chunks did.
    async fn announce_end<'c>(&'c self, caller: &'c Caller) -> Result<Writing<'c>> {
        let scope = InvalidationScope::todos(AffectedTodos::All);
        let writing = self.service.write(caller, None, scope).await?;
        // Such a statement changes no todo and records no invalidation, but what the last chunk has made stale may
        // still be served.
        if writing.write().record_invalidation && invalidations::record(&self.service.pg, caller, scope).await? {
            spin_sdk::time::sleep(Cache::INVALIDATION_WAIT).await;
        }
        Ok(writing)
    }

    /// The worker, in the name of a workspace.
    pub(super) fn caller(&self, workspace: WorkspaceId) -> Caller {
        Caller::new(workspace, Arc::clone(self.meter))
    }
}

/// How the work on a job ended.
enum End {
    Over,
    Lost,
    GaveWay,
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

/// Whether another attempt is in vain: what the change refers to is gone, or takes nothing any more.
fn is_final(error: &Error) -> bool {
    matches!(error, Error::Invalid(_) | Error::Conflict(Conflict::ListArchived))
}

/// What took too long is tried with a quarter, down to a single todo: 200, 50, 12, 3, 1.
fn first_limit(consecutive_failures: i64) -> i64 {
    let earlier = u32::try_from(consecutive_failures - 1).unwrap_or(0).min(8);
    (FIRST_CHUNK >> (2 * earlier)).max(1)
}

/// Steers the size of chunks towards [`CHUNK_TARGET`].
pub(super) fn next_limit(limit: i64, elapsed: Duration) -> i64 {
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
    use crate::error::Fault;

    #[test]
    fn chunks_grow_while_they_are_quick_and_shrink_when_they_are_not() {
        assert_eq!(next_limit(200, Duration::from_millis(10)), 400);
        assert_eq!(next_limit(2000, Duration::from_millis(10)), LARGEST_CHUNK);
        assert_eq!(next_limit(200, Duration::from_millis(50)), 200);
        assert_eq!(next_limit(200, Duration::from_millis(500)), 100);
        assert_eq!(next_limit(1, Duration::from_secs(5)), 1);
    }

    #[test]
    fn every_attempt_in_a_row_without_success_begins_smaller() {
        assert_eq!([1, 2, 3, 4, 5, 20].map(first_limit), [200, 50, 12, 3, 1, 1]);
        assert_eq!(first_limit(0), 200);
    }

    #[test]
    fn what_is_gone_is_final_and_told_and_a_defect_is_neither() {
        let gone = Error::Invalid(vec![Fault::at("/assignee_id", "not_found", "there is no such employee")]);
        assert!(is_final(&gone));
        assert_eq!(reason(&gone), "there is no such employee");
        let defect = Error::Internal("constraint secret_check".to_owned());
        assert!(!is_final(&defect));
        assert_eq!(reason(&defect), "the change could not be applied");
    }
}
