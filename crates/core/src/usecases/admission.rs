//! Who may come in. One Redis call for token, rate limit and cached answer; one statement a second and token behind it.
//!
//! An admission is checked against Postgres at most once in [`Cache::LEASE`]. The check also finds invalidations that a write
//! could not tell to Redis, and no cached answer is served without a recent check (see [`crate::cache`]). And it finds work
//! that is due and that nobody told a worker of, or whose worker is dead.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::cache::{Admission, Admitted, Cache, Entrance, Entry, Learning, Lookup, Pass, RateVerdict, Reach, Who};
use crate::store::admission::{self, Principal};
use crate::store::invalidations;
use crate::{Caller, Meter, Result, WorkspaceId, lock};

use super::Service;

/// How a request was received.
#[derive(Debug)]
pub struct Admittance {
    /// Who it is; `None` without a credential or with a wrong one.
    pub principal: Option<Arc<Principal>>,
    /// The state of every class of the rate limit that applies.
    pub rates: Vec<RateVerdict>,
    /// The cached answer, or the right to store one.
    pub lookup: Lookup,
    /// The class that refuses the request.
    pub refused: Option<RateVerdict>,
    /// What this check, if it was one, found to be done after the response.
    pub follow_up: FollowUp,
}

/// What a check of a token finds to be done, by whoever finds it and when the response is out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FollowUp {
    /// A worker is needed.
    pub work_due: bool,
    /// The token whose use is to be noted ([`Service::note_uses`]).
    pub used: Option<Uuid>,
}

impl FollowUp {
    fn of(principal: &Principal) -> Self {
        Self { work_due: principal.work_due, used: principal.token_uid.filter(|_| principal.use_due) }
    }
}

/// Admissions of the last second, for the time when Redis is away. Bounded, because it is filled by strangers' tokens only
/// after they turned out to be valid.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<HashMap<[u8; 32], Checked>>);

#[derive(Debug)]
struct Checked {
    at: Instant,
    principal: Arc<Principal>,
}

impl Recent {
    fn get(&self, token: &[u8; 32]) -> Option<Arc<Principal>> {
        let known = lock(&self.0);
        let checked = known.get(token).filter(|checked| checked.at.elapsed() < Cache::LEASE)?;
        Some(Arc::clone(&checked.principal))
    }

    fn put(&self, token: [u8; 32], at: Instant, principal: &Arc<Principal>) {
        make_room(&mut lock(&self.0)).insert(token, Checked { at, principal: Arc::clone(principal) });
    }
}

/// Principals as Redis remembers them, each parsed only once: what is the same text is the same principal.
#[derive(Debug, Default)]
pub(super) struct Parsed(Mutex<HashMap<Vec<u8>, Arc<Principal>>>);

impl Parsed {
    /// `None` if it is not ours.
    fn get(&self, text: Vec<u8>) -> Option<Arc<Principal>> {
        if let Some(known) = lock(&self.0).get(&text) {
            return Some(Arc::clone(known));
        }
        let principal: Arc<Principal> = Arc::new(serde_json::from_slice(&text).ok()?);
        make_room(&mut lock(&self.0)).insert(text, Arc::clone(&principal));
        Some(principal)
    }
}

/// Keeps what an instance remembers of its callers within bounds. It lives too briefly for an order.
fn make_room<K, V>(known: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    const MOST: usize = 1000;
    if known.len() >= MOST {
        known.clear();
    }
    known
}

impl Service {
    /// [`Cache::enter`], once it is known which installation this is.
    pub async fn enter(&self, meter: &Arc<Meter>, entry: &Entry<'_>) -> Entrance {
        if !self.cache.knows_installation() {
            Box::pin(self.learn_installation(meter)).await;
        }
        self.cache.enter(meter, entry).await
    }

    /// Makes sure that the cache knows whose it is: one statement in the life of an instance. Where it fails Redis is left alone for
    /// a while.
    pub async fn learn_installation(&self, meter: &Arc<Meter>) {
        loop {
            match self.cache.learning() {
                Learning::Done => return,
                Learning::Ask => {
                    let installation = admission::installation(&self.pg, meter).await.ok().flatten();
                    self.cache.belong_to(installation.as_deref());
                    return;
                }
                Learning::Wait => spin_sdk::time::sleep(Duration::from_millis(2)).await,
            }
        }
    }

    /// Finds out what [`Cache::enter`] could not tell: who calls, and whether the caller's requests may be answered from the cache.
    pub async fn admit(&self, meter: &Arc<Meter>, entry: &Entry<'_>, mut entrance: Entrance) -> Result<Admittance> {
        if let Some(refused) = entrance.refusal().copied() {
            let Entrance { rates, .. } = entrance;
            let refused = Some(refused);
            return Ok(Admittance {
                principal: None,
                rates,
                lookup: Lookup::Bypass,
                refused,
                follow_up: FollowUp::default(),
            });
        }
        if entry.who == Who::Nobody {
            let Entrance { rates, lookup, .. } = entrance;
            return Ok(Admittance { principal: None, rates, lookup, refused: None, follow_up: FollowUp::default() });
        }
        // What is rare is boxed: a request's future is moved as a whole before it runs, and had better be small.
        if let Some(principal) = entrance.principal.take().and_then(|text| self.parsed.get(text)) {
            let Entrance { rates, lookup, pass, renew, .. } = entrance;
            let follow_up =
                if renew { Box::pin(self.renew(meter, entry.who, &pass)).await } else { FollowUp::default() };
            return Ok(Admittance { principal: Some(principal), rates, lookup, refused: None, follow_up });
        }
        Box::pin(self.check(meter, entry, entrance)).await
    }

    /// Checks an admission again while it is still good, so that no caller of a busy token has to wait for Postgres. What the
    /// check finds matters to the next caller, not to this one: a refusal lets the old admission run out.
    async fn renew(&self, meter: &Arc<Meter>, who: Who<'_>, pass: &Pass) -> FollowUp {
        let checked = match who {
            Who::Token(token) => admission::of_token(&self.pg, meter, token).await,
            Who::Workspace(_) => admission::of_default_workspace(&self.pg, meter).await.map(Some),
            Who::Nobody => Ok(None),
        };
        let Ok(Some(principal)) = checked else { return FollowUp::default() };
        self.cache.belong_to(principal.installation.as_deref());
        if principal.pending_invalidations.is_none() {
            let workspace = WorkspaceId(principal.workspace_id);
            let bytes = serde_json::to_vec(&principal).unwrap_or_default();
            let remembered = Admission { workspace, principal: &bytes, settled: true };
            self.cache.renew(meter, who, pass, &remembered).await;
        }
        FollowUp::of(&principal)
    }

    /// Notes that these tokens are in use. Nothing depends on it: what is not noted now is found due again.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] where Postgres is away or read-only.
    pub async fn note_uses(&self, meter: &Arc<Meter>, tokens: Vec<Uuid>) -> Result<()> {
        admission::note_uses(&self.pg, meter, tokens).await
    }

    /// Asks Postgres, and lets Redis remember the answer.
    async fn check(&self, meter: &Arc<Meter>, entry: &Entry<'_>, entrance: Entrance) -> Result<Admittance> {
        let Entrance { rates, pass, redis, .. } = entrance;
        let token = match entry.who {
            Who::Token(token) => *token,
            Who::Workspace(_) | Who::Nobody => [0; 32],
        };
        if redis != Reach::Reached
            && let Some(principal) = self.recent.get(&token)
        {
            let lookup = Lookup::Bypass;
            return Ok(Admittance {
                principal: Some(principal),
                rates,
                lookup,
                refused: None,
                follow_up: FollowUp::default(),
            });
        }
        let checked = Instant::now();
        let principal = match entry.who {
            Who::Token(token) => admission::of_token(&self.pg, meter, token).await?,
            Who::Workspace(_) => Some(admission::of_default_workspace(&self.pg, meter).await?),
            Who::Nobody => None,
        };
        let Some(principal) = principal.map(Arc::new) else {
            self.cache.charge_auth_failure(meter, entry.address, &entry.limits).await;
            return Ok(Admittance {
                principal: None,
                rates,
                lookup: Lookup::Bypass,
                refused: None,
                follow_up: FollowUp::default(),
            });
        };
        // Another one than before is taken up before anything is settled or remembered there.
        self.cache.belong_to(principal.installation.as_deref());
        let workspace = WorkspaceId(principal.workspace_id);
        let pending = principal.pending_invalidations.as_deref();
        if let Some(snapshot) = pending
            && self.cache.settle(meter, workspace).await
        {
            let caller = Caller { workspace, meter: Arc::clone(meter) };
            // If it fails they stay pending, and the next check settles them. This request has its principal.
            let _ = invalidations::settle(&self.pg, &caller, snapshot).await;
        }
        self.recent.put(token, checked, &principal);
        let bytes = serde_json::to_vec(&*principal).unwrap_or_default();
        let remembered = Admission { workspace, principal: &bytes, settled: pending.is_none() };
        let Admitted { rates: exact, lookup } = self.cache.admit(meter, entry, &pass, &remembered).await;
        let refused = exact.iter().filter(|rate| !rate.allowed).max_by_key(|rate| rate.retry_after).copied();
        let follow_up = FollowUp::of(&principal);
        Ok(Admittance { principal: Some(principal), rates: exact, lookup, refused, follow_up })
    }
}
