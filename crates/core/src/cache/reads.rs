//! Calls of requests: the gate call before a read or write, the fetch of a response, and its storing.

mod replies;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::copies::Copy;
use super::redis::RedisFailure;
use super::script::{AUTHENTICATED, Args, CHARGE, ENTER, PEEK, ReplyReader, STORE};
use super::{
    After, Authenticated, AuthenticatedReply, Bypass, Cache, Credential, Fresh, GateReply, GateRequest, Hit, Lookup,
    RateLimits, Reach, RequestStamp, Starved, Ticket, entry,
};
use crate::{Meter, lock};
use replies::read_hit;
pub use replies::{authenticated_args, gate_args, peek_args, read_authenticated_reply, read_gate_reply, store_args};

/// How many milliseconds a late comer sleeps before each look for the winner's response; together about 250.
const WAITS: [u64; 9] = [2, 3, 5, 8, 12, 20, 40, 70, 90];

/// What `store.lua` says where the entry that was to be kept is gone.
const NOT_THERE: i64 = 2;

impl Cache {
    /// The one Redis call of a read: counts the request, finds the principal of its token and the cached response.
    pub async fn enter(&self, meter: &Arc<Meter>, asked: &GateRequest<'_>) -> GateReply {
        let Some(redis) = &self.redis else {
            return self.enter_locally(asked, Reach::Off);
        };
        let copy = lock(&self.copies).find(Instant::now(), asked);
        let args = gate_args(asked, copy.as_ref().map(|copy| copy.hit.name.as_str()));
        let reply = match redis.run(meter, self.reading(), &ENTER, args, None).await {
            Err(RedisFailure::Starved) => return self.enter_locally(asked, Reach::Starved),
            reply => reply.ok(),
        };
        self.entered(asked, copy.as_deref(), reply)
    }

    /// What a gate's call has told, if it was answered.
    pub(super) fn entered(
        &self,
        asked: &GateRequest<'_>,
        copy: Option<&Copy>,
        reply: Option<ReplyReader>,
    ) -> GateReply {
        let Some(gate_reply) = reply.and_then(|reply| read_gate_reply(reply, asked, copy)) else {
            return self.enter_locally(asked, Reach::Away);
        };
        if let Lookup::Hit(hit) = &gate_reply.lookup
            && copy.is_none_or(|copy| copy.hit.name != hit.name)
        {
            lock(&self.copies).keep(Instant::now(), asked, hit);
        }
        gate_reply
    }

    /// After the store has authenticated someone whom `enter` did not know, or whom it could not trust without a recent
    /// check: remembers both, invalidates what the store found pending, charges the token in place of the address, and
    /// looks the response up.
    pub async fn authenticated(
        &self,
        meter: &Arc<Meter>,
        asked: &GateRequest<'_>,
        stamp: &RequestStamp,
        authenticated: &Authenticated<'_>,
    ) -> AuthenticatedReply {
        let mut reach = if self.redis.is_some() { Reach::Away } else { Reach::Off };
        if let (Some(redis), Some((came, epoch))) = (&self.redis, &stamp.read) {
            let args = authenticated_args(asked, (*came, epoch), stamp.address_charged, authenticated);
            let reply = redis.run(meter, self.reading(), &AUTHENTICATED, args, None).await;
            if reply.as_ref().is_err_and(|failure| *failure == RedisFailure::Starved) {
                reach = Reach::Starved;
            }
            if let Some(mut told) = reply.ok().and_then(|reply| read_authenticated_reply(reply, asked)) {
                if told.rates.is_empty() {
                    told.rates.clone_from(&stamp.rates);
                }
                return told;
            }
        }
        let rates =
            lock(&self.local).authenticated(Instant::now(), asked, stamp.address_charged && stamp.read.is_none());
        let lookup = Lookup::Bypass(if reach == Reach::Off { Bypass::Off } else { Bypass::RedisAway });
        let rates = rates.unwrap_or_else(|| stamp.rates.clone());
        AuthenticatedReply { rates, lookup, redis: reach, used: Vec::new() }
    }

    /// The second half of [`After::renew`]: `store::authentication` has authenticated the caller again.
    pub async fn renew(
        &self,
        meter: &Arc<Meter>,
        credential: Credential<'_>,
        stamp: &RequestStamp,
        authenticated: &Authenticated<'_>,
    ) -> AuthenticatedReply {
        let asked = GateRequest::authentication(credential);
        let stamp = RequestStamp { address_charged: false, ..stamp.clone() };
        self.authenticated(meter, &asked, &stamp, authenticated).await
    }

    /// Charges the class `auth_failures` of an address. Never refuses by itself; the next `enter` does.
    pub async fn charge_auth_failure(&self, meter: &Arc<Meter>, address: &str, limits: &RateLimits) {
        if limits.auth_failures == 0 {
            return;
        }
        let args = Args::new().with(address).number(limits.auth_failures);
        let charged = match &self.redis {
            Some(redis) => redis.run(meter, self.reading(), &CHARGE, args, None).await.is_ok(),
            None => false,
        };
        if !charged {
            lock(&self.local).charge_auth_failure(Instant::now(), address, limits);
        }
    }

    /// Polls for the response that another caller is fetching, for about 250 ms at most. Without one: fetch, then
    /// store.
    ///
    /// # Errors
    /// [`Starved`]: the request had better be refused.
    pub async fn wait_for(&self, meter: &Arc<Meter>, ticket: &Ticket) -> Result<Option<Hit>, Starved> {
        let Some(redis) = &self.redis else {
            return Ok(None);
        };
        for milliseconds in WAITS {
            spin_sdk::time::sleep(Duration::from_millis(milliseconds)).await;
            let args = peek_args(ticket);
            let mut reply = match redis.run(meter, self.reading(), &PEEK, args, Some(ticket.epoch.clone())).await {
                Ok(reply) => reply,
                Err(RedisFailure::Starved) => return Err(Starved),
                Err(_) => break,
            };
            match reply.bytes().flatten().as_deref() {
                Some(b"h") => return Ok(read_hit(&mut reply, ticket)),
                Some(b"w") => {}
                _ => break,
            }
        }
        Ok(None)
    }

    /// Stores a response for `ttl`, unless it is too large. If what it depends on was invalidated since the ticket was
    /// given, it is only for those who wait for it. A response that is there already, of an earlier generation, is not
    /// sent again.
    pub async fn store(&self, meter: &Arc<Meter>, ticket: Ticket, fresh: &Fresh<'_>, ttl: Duration) {
        if ticket.holds(fresh.etag, fresh.headers, fresh.gzip.is_some())
            && self.finish(meter, &ticket, Vec::new(), fresh.etag, ttl).await != Some(NOT_THERE)
        {
            return;
        }
        let packed = entry::pack(fresh, ticket.generation).filter(|packed| packed.len() <= self.settings.max_bytes);
        self.finish(meter, &ticket, packed.unwrap_or_default(), "", ttl).await;
    }

    /// Gives a ticket back without storing, so that nobody waits for the response.
    pub async fn abandon(&self, meter: &Arc<Meter>, ticket: Ticket) {
        self.finish(meter, &ticket, Vec::new(), "", Duration::from_millis(1)).await;
    }

    /// Nothing depends on it: an entry that was not stored is a miss.
    async fn finish(
        &self,
        meter: &Arc<Meter>,
        ticket: &Ticket,
        packed: Vec<u8>,
        kept: &str,
        ttl: Duration,
    ) -> Option<i64> {
        let args = store_args(ticket, packed, kept, ttl);
        let redis = self.redis.as_ref()?;
        redis.run(meter, self.reading(), &STORE, args, Some(ticket.epoch.clone())).await.ok()?.number()
    }

    fn enter_locally(&self, asked: &GateRequest<'_>, redis: Reach) -> GateReply {
        let (rates, address_charged) = lock(&self.local).enter(Instant::now(), asked);
        let stamp = RequestStamp { address_charged, rates: rates.clone(), ..RequestStamp::default() };
        let lookup = Lookup::Bypass(if redis == Reach::Off { Bypass::Off } else { Bypass::RedisAway });
        GateReply { rates, principal: None, after: After::default(), lookup, stamp, redis }
    }
}
