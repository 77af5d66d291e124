//! Authentication, rate limit and response cache: one Redis call for all of it, and one statement a second for all
//! callers behind it.
//!
//! A caller is checked against Postgres when Redis does not remember the token, and one of all callers each second
//! because only a recent check proves that Postgres knows of no invalidation that Redis was not told of (see
//! [`crate::cache`]). Each check also finds work that is due and that nobody told a worker of, or whose worker is dead.

mod idle;
mod installation;
mod memory;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cache::{
    AuthenticatedReply, Bypass, Credential, GateReply, GateRequest, Lookup, RateLimits, RateVerdict, Reach,
    RequestStamp,
};
use crate::domain::access::Principal;
use crate::store::authentication::{self, Checked};
use crate::store::invalidations;
use crate::{Meter, Result, WorkspaceId};

use super::Service;
pub(super) use idle::LastCaller;
pub(super) use memory::{Parsed, Recent};

/// The result of authentication, rate limit and cache look-up of a request.
#[derive(Debug)]
pub struct RequestAccess {
    /// The caller; `None` without a credential or with a wrong one.
    pub principal: Option<Arc<Principal>>,
    /// The state of every class of the rate limit that applies.
    pub rates: Vec<RateVerdict>,
    /// The cached answer, or the right to store one.
    pub lookup: Lookup,
    /// The class that refuses the request.
    pub refused: Option<RateVerdict>,
    /// Whether the write was announced ([`GateRequest::announce`]).
    pub announced: bool,
    /// What is to be done beside the response.
    pub follow_up: FollowUp,
}

impl RequestAccess {
    fn of_nobody(rates: Vec<RateVerdict>) -> Self {
        let (lookup, follow_up) = (Lookup::Bypass(Bypass::Refused), FollowUp::default());
        Self { principal: None, rates, lookup, refused: None, announced: false, follow_up }
    }
}

/// What is to be done beside the response, by whoever finds it.
#[derive(Debug, Default)]
pub struct FollowUp {
    /// A worker is needed.
    pub work_due: bool,
    /// The hashes of the tokens whose use is to be noted ([`Service::note_uses`]).
    pub used: Vec<[u8; 32]>,
    /// A check that will soon be out of date ([`Service::renew`]).
    pub renewal: Option<Renewal>,
}

/// A check that is to be repeated.
#[derive(Debug)]
pub struct Renewal {
    credential: OwnedCredential,
    stamp: RequestStamp,
}

/// A [`Credential`] that outlives the request.
#[derive(Debug)]
enum OwnedCredential {
    Token([u8; 32]),
    Workspace(WorkspaceId),
}

impl Renewal {
    fn of(credential: Credential<'_>, stamp: RequestStamp) -> Option<Self> {
        Some(Self { credential: OwnedCredential::of(credential)?, stamp })
    }
}

impl OwnedCredential {
    fn of(credential: Credential<'_>) -> Option<Self> {
        match credential {
            Credential::Token(token) => Some(Self::Token(*token)),
            Credential::Workspace(workspace) => Some(Self::Workspace(workspace)),
            Credential::Nobody => None,
        }
    }

    fn as_credential(&self) -> Credential<'_> {
        match self {
            Self::Token(token) => Credential::Token(token),
            Self::Workspace(workspace) => Credential::Workspace(*workspace),
        }
    }
}

impl FollowUp {
    fn of(checked: &Checked, used: Vec<[u8; 32]>) -> Self {
        Self { work_due: checked.work_due, used, renewal: None }
    }
}

impl Service {
    /// Finds out what [`Cache::enter`](crate::cache::Cache::enter) could not tell: who calls, and whether the caller's
    /// requests may be answered from the cache.
    pub async fn authenticate(
        &self,
        meter: &Arc<Meter>,
        gate_request: &GateRequest<'_>,
        mut gate_reply: GateReply,
    ) -> Result<RequestAccess> {
        self.refuse_if_starved(meter, gate_reply.redis)?;
        if let Some(refused) = gate_reply.refusal().copied() {
            return Ok(RequestAccess { refused: Some(refused), ..RequestAccess::of_nobody(gate_reply.rates) });
        }
        if gate_request.credential == Credential::Nobody {
            return Ok(RequestAccess::of_nobody(gate_reply.rates));
        }
        // What is rare is boxed: a request's future is moved as a whole before it runs, and had better be small.
        if gate_reply.after.wait {
            gate_reply = Box::pin(self.wait_for_check(meter, gate_request, gate_reply)).await;
            self.refuse_if_starved(meter, gate_reply.redis)?;
        }
        if let Some(principal) = gate_reply.principal.take().and_then(|text| self.parsed.get(text)) {
            let GateReply { rates, lookup, stamp, after, .. } = gate_reply;
            let renewal = if after.renew { Renewal::of(gate_request.credential, stamp) } else { None };
            let follow_up = FollowUp { renewal, ..FollowUp::default() };
            let announced = after.announced;
            self.last_caller.note(gate_request.credential);
            return Ok(RequestAccess {
                principal: Some(principal),
                rates,
                lookup,
                refused: None,
                announced,
                follow_up,
            });
        }
        Box::pin(self.check(meter, gate_request, gate_reply)).await
    }

    /// After a pause many callers find the last check out of date at once. One of them checks; the others look again a
    /// few times.
    async fn wait_for_check(&self, meter: &Arc<Meter>, gate_request: &GateRequest<'_>, first: GateReply) -> GateReply {
        const WAITS: [u64; 9] = [3, 5, 8, 13, 21, 34, 55, 89, 144];
        // Counted already.
        let gate_request = GateRequest { limits: RateLimits::OFF, ..*gate_request };
        for milliseconds in WAITS {
            spin_sdk::time::sleep(Duration::from_millis(milliseconds)).await;
            let again = self.cache.enter(meter, &gate_request).await;
            if !again.after.wait {
                return GateReply { rates: first.rates, ..again };
            }
        }
        first
    }

    /// Checks again while the last check and the memory of the token are still good, so that no caller has to wait for
    /// Postgres. What is found matters to the next caller: a refused token is forgotten when its time is over.
    pub async fn renew(&self, meter: &Arc<Meter>, Renewal { credential, stamp }: Renewal) -> FollowUp {
        let credential = credential.as_credential();
        let Ok(Some(checked)) = self.ask(meter, credential).await else { return FollowUp::default() };
        let principal = serde_json::to_vec(&checked.principal).unwrap_or_default();
        let told = self.cache.renew(meter, credential, &stamp, &checked.authenticated(&principal, &stamp)).await;
        self.settle_invalidations(meter, &checked, told.redis == Reach::Reached).await;
        FollowUp::of(&checked, told.used)
    }

    /// Notes that these tokens are in use. Nothing depends on it: what is not noted now is found due again.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] where Postgres is away or read-only.
    pub async fn note_uses(&self, meter: &Arc<Meter>, tokens: &[[u8; 32]]) -> Result<()> {
        authentication::note_uses(&self.pg, meter, tokens).await
    }

    /// Asks Postgres, and lets Redis remember the answer.
    async fn check(
        &self,
        meter: &Arc<Meter>,
        gate_request: &GateRequest<'_>,
        gate_reply: GateReply,
    ) -> Result<RequestAccess> {
        let GateReply { rates, stamp, redis, lookup, .. } = gate_reply;
        let token = match gate_request.credential {
            Credential::Token(token) => *token,
            Credential::Workspace(_) | Credential::Nobody => [0; 32],
        };
        if redis != Reach::Reached
            && let Some(principal) = self.recent.get(&token)
        {
            return Ok(RequestAccess { principal: Some(principal), lookup, ..RequestAccess::of_nobody(rates) });
        }
        let began = Instant::now();
        let Some(checked) = self.ask(meter, gate_request.credential).await? else {
            self.cache.charge_auth_failure(meter, gate_request.address, &gate_request.limits).await;
            return Ok(RequestAccess::of_nobody(rates));
        };
        let text = serde_json::to_vec(&checked.principal).unwrap_or_default();
        let authenticated =
            self.cache.authenticated(meter, gate_request, &stamp, &checked.authenticated(&text, &stamp)).await;
        let refused = authenticated.refusal().copied();
        let AuthenticatedReply { rates, lookup, redis, mut used } = authenticated;
        self.refuse_if_starved(meter, redis)?;
        self.settle_invalidations(meter, &checked, redis == Reach::Reached).await;
        if redis != Reach::Reached && checked.is_use_due() {
            used.push(token);
        }
        let follow_up = FollowUp::of(&checked, used);
        let principal = Arc::new(checked.principal);
        self.recent.put(token, began, &principal);
        self.last_caller.note(gate_request.credential);
        Ok(RequestAccess { principal: Some(principal), rates, lookup, refused, announced: false, follow_up })
    }

    async fn ask(&self, meter: &Arc<Meter>, credential: Credential<'_>) -> Result<Option<Checked>> {
        let checked = match credential {
            Credential::Token(token) => authentication::of_token(&self.pg, meter, token).await?,
            Credential::Workspace(_) => Some(authentication::of_default_workspace(&self.pg, meter).await?),
            Credential::Nobody => None,
        };
        if let Some(checked) = &checked {
            // Another one than before is taken up before anything is invalidated or remembered there.
            self.cache.belong_to(checked.installation.as_deref());
        }
        Ok(checked)
    }

    /// Forgets the pending invalidations that Redis was `told` of. If that fails they stay pending, and the next check
    /// settles them.
    async fn settle_invalidations(&self, meter: &Arc<Meter>, checked: &Checked, told: bool) {
        if let Some(pending) = checked.pending.as_ref().filter(|_| told) {
            let _ = Box::pin(invalidations::settle(&self.pg, meter, pending)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::Error;
    use crate::cache::{After, CacheSettings};
    use crate::usecases::PgSettings;

    /// Postgres is asked by nobody here: the answer is there at once.
    fn authenticate(meter: &Arc<Meter>, redis: Reach) -> Result<RequestAccess> {
        let postgres = PgSettings {
            url: String::new(),
            authority: None,
            wait_deadline: Duration::ZERO,
            statement_deadline: Duration::ZERO,
            retry_after: Duration::from_secs(1),
        };
        let service = Service::new(postgres, CacheSettings::default());
        let gate_request = GateRequest::authentication(Credential::Nobody);
        let gate_reply = GateReply {
            rates: Vec::new(),
            principal: None,
            after: After::default(),
            lookup: Lookup::Bypass(Bypass::RedisAway),
            stamp: RequestStamp::default(),
            redis,
        };
        service.authenticate(meter, &gate_request, gate_reply).now_or_never().unwrap()
    }

    #[test]
    fn a_starved_instance_refuses_and_counts_it() {
        let meter = Arc::default();
        assert!(authenticate(&meter, Reach::Away).is_ok());
        assert_eq!(meter.overload_refusals(), 0);
        let refused = authenticate(&meter, Reach::Starved);
        assert!(matches!(refused, Err(Error::Unavailable { outcome_unknown: false, .. })), "{refused:?}");
        assert_eq!(meter.overload_refusals(), 1);
    }
}
