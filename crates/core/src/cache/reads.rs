//! Calls of requests: the gate call before a read or write, the fetch of a response, and its storing.

use std::str::Split;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::copies::Copy;
use super::entry::Former;
use super::redis::RedisFailure;
use super::script::{AUTHENTICATED, Args, CHARGE, ENTER, PEEK, ReplyReader, STORE};
use super::{
    After, Authenticated, AuthenticatedReply, Bypass, Cache, Credential, Fresh, GateReply, GateRequest, Hit, Lookup,
    Pending, RateClass, RateLimits, RateVerdict, Reach, RequestStamp, Starved, Ticket, entry,
};
use crate::{Meter, WorkspaceId, lock};

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
        let Some(gate_reply) = reply.and_then(|reply| read_gate_reply(reply, asked, copy.as_deref())) else {
            return self.enter_locally(asked, Reach::Away);
        };
        if let Lookup::Hit(hit) = &gate_reply.lookup
            && copy.is_none_or(|copy| copy.hit.name != hit.name)
        {
            lock(&self.copies).keep(Instant::now(), asked, hit);
        }
        gate_reply
    }

    /// After the store has authenticated someone whom `enter` did not know, or whom it could not trust without a recent check: remembers
    /// both, invalidates what the store found pending, charges the token in place of the address, and looks the response up.
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
            if let Some((lookup, rates)) = reply.ok().and_then(|reply| read_authenticated_reply(reply, asked)) {
                let rates = if rates.is_empty() { stamp.rates.clone() } else { rates };
                return AuthenticatedReply { rates, lookup, redis: Reach::Reached };
            }
        }
        let rates =
            lock(&self.local).authenticated(Instant::now(), asked, stamp.address_charged && stamp.read.is_none());
        let lookup = Lookup::Bypass(if reach == Reach::Off { Bypass::Off } else { Bypass::RedisAway });
        AuthenticatedReply { rates: rates.unwrap_or_else(|| stamp.rates.clone()), lookup, redis: reach }
    }

    /// The second half of [`After::renew`]: `store::authentication` has authenticated the caller again. Whether Redis was told.
    pub async fn renew(
        &self,
        meter: &Arc<Meter>,
        credential: Credential<'_>,
        stamp: &RequestStamp,
        authenticated: &Authenticated<'_>,
    ) -> bool {
        let asked = GateRequest::authentication(credential);
        let stamp = RequestStamp { address_charged: false, ..stamp.clone() };
        self.authenticated(meter, &asked, &stamp, authenticated).await.redis == Reach::Reached
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

    /// Polls for the response that another caller is fetching, for about 250 ms at most. Without one: fetch, then store.
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

    /// Stores a response for `ttl`, unless it is too large. If what it depends on was invalidated since the ticket was given, it is
    /// only for those who wait for it. A response that is there already, of an earlier generation, is not sent again.
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
        let stamp = RequestStamp { read: None, address_charged, rates: rates.clone() };
        let lookup = Lookup::Bypass(if redis == Reach::Off { Bypass::Off } else { Bypass::RedisAway });
        GateReply { rates, principal: None, after: After::default(), lookup, stamp, redis }
    }
}

/// Arguments of `authenticated.lua`; `came`: when the request came in, and in which epoch.
pub fn authenticated_args(
    asked: &GateRequest<'_>,
    came: (i64, &str),
    address_charged: bool,
    authenticated: &Authenticated<'_>,
) -> Args {
    let nothing = Pending::default();
    let pending = authenticated.pending.unwrap_or(&nothing);
    gate_args(asked, None)
        .number(came.0)
        .with(came.1)
        .flag(address_charged)
        .number(authenticated.workspace.0)
        .number(authenticated.life.as_micros())
        .number(authenticated.noted.as_micros())
        .with(authenticated.principal)
        .with(pending.workspaces.iter().map(i64::to_string).collect::<Vec<_>>().join(" "))
        .flag(!pending.more)
        .flag(pending.access)
}

/// Arguments of `peek.lua`.
pub fn peek_args(ticket: &Ticket) -> Args {
    Args::new().number(ticket.workspace.0).number(ticket.generation).with(ticket.request).flag(ticket.gzip)
}

/// Arguments of `store.lua`; `kept`: the entity tag of an entry that is there already.
pub fn store_args(ticket: &Ticket, packed: Vec<u8>, kept: &str, ttl: Duration) -> Args {
    Args::new()
        .number(ticket.workspace.0)
        .number(ticket.generation)
        .with(ticket.request)
        .number(ttl.as_millis().max(1))
        .with(packed)
        .with(ticket.dependency.field())
        .with(kept)
}

/// Argument 4 of `enter.lua` and `authenticated.lua`, which unpack it; `known`: the name of a copy that is at hand.
pub fn gate_args(asked: &GateRequest<'_>, known: Option<&str>) -> Args {
    let limits = &asked.limits;
    let mut packed = Vec::with_capacity(192);
    packed.push(match asked.credential {
        Credential::Token(_) => b't',
        Credential::Workspace(_) => b'w',
        Credential::Nobody => b'n',
    });
    packed.extend([u8::from(asked.write), u8::from(asked.gzip)]);
    for quota in
        [limits.per_address, limits.per_token, limits.writes_per_address, limits.writes_per_token, limits.auth_failures]
    {
        packed.extend(quota.to_be_bytes());
    }
    let id = memory_id(asked.credential);
    let request = asked.request.map(|digest| digest.as_slice()).unwrap_or_default();
    let known = known.unwrap_or_default().as_bytes();
    let announce = asked.announce.unwrap_or_default().as_bytes();
    for text in [&id, asked.address.as_bytes(), request, asked.dependency.field().as_bytes(), known, announce] {
        // None of them is longer.
        let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        packed.push(length);
        packed.extend(text.iter().take(length.into()));
    }
    Args::new().with(packed)
}

fn memory_id(credential: Credential<'_>) -> Vec<u8> {
    match credential {
        Credential::Token(hash) => hash.to_vec(),
        Credential::Workspace(workspace) => format!("off{}", workspace.0).into_bytes(),
        Credential::Nobody => Vec::new(),
    }
}

/// The reply of `enter.lua`, to whoever has that copy at hand.
pub fn read_gate_reply(mut reply: ReplyReader, asked: &GateRequest<'_>, copy: Option<&Copy>) -> Option<GateReply> {
    let facts = reply.text()?;
    let mut facts = facts.split(' ');
    let now = facts.next()?.parse().ok()?;
    let epoch = facts.next()?.to_owned();
    let after: u8 = facts.next()?.parse().ok()?;
    let after = After { renew: after & 1 > 0, note_use: after & 2 > 0, wait: after & 4 > 0, announced: after & 8 > 0 };
    let address_charged = facts.next()? == "1";
    let principal = reply.bytes()?;
    let lookup = read_lookup(&mut facts, &mut reply, asked, &epoch, copy)?;
    let rates = read_rates(facts)?;
    let stamp = RequestStamp { read: Some((now, epoch)), address_charged, rates: rates.clone() };
    Some(GateReply { rates, principal, after, lookup, stamp, redis: Reach::Reached })
}

/// The reply of `authenticated.lua`.
pub fn read_authenticated_reply(mut reply: ReplyReader, asked: &GateRequest<'_>) -> Option<(Lookup, Vec<RateVerdict>)> {
    let facts = reply.text()?;
    let mut facts = facts.split(' ');
    let epoch = facts.next()?.to_owned();
    let lookup = read_lookup(&mut facts, &mut reply, asked, &epoch, None)?;
    Some((lookup, read_rates(facts)?))
}

fn read_lookup(
    facts: &mut Split<'_, char>,
    reply: &mut ReplyReader,
    asked: &GateRequest<'_>,
    epoch: &str,
    copy: Option<&Copy>,
) -> Option<Lookup> {
    let (state, workspace, generation) = (facts.next()?, facts.next()?, facts.next()?);
    let (head, body) = (reply.bytes()?, reply.bytes()?);
    let hit = || match &head {
        Some(head) => entry::unpack(epoch, head, body?, asked.gzip),
        None => copy.map(|copy| copy.hit.clone()),
    };
    match state {
        "h" => return hit().map(Lookup::Hit),
        "o" | "l" | "w" => {}
        "p" => return Some(Lookup::Bypass(Bypass::Pending)),
        _ => return Some(Lookup::Bypass(Bypass::Unchecked)),
    }
    let (_, generation) = generation.split_once(',').unwrap_or(("", generation));
    let ticket = Ticket {
        workspace: WorkspaceId(workspace.parse().ok()?),
        generation: generation.parse().ok()?,
        epoch: epoch.to_owned(),
        request: *asked.request?,
        dependency: asked.dependency,
        gzip: asked.gzip,
        former: head.as_deref().and_then(Former::read),
    };
    Some(match state {
        "l" => Lookup::Lead(ticket),
        "w" => Lookup::Wait(ticket),
        _ => Lookup::Stale(hit()?, ticket),
    })
}

fn read_hit(reply: &mut ReplyReader, ticket: &Ticket) -> Option<Hit> {
    let head = reply.bytes()??;
    let body = reply.bytes()??;
    entry::unpack(&ticket.epoch, &head, body, ticket.gzip)
}

fn read_rates(mut facts: Split<'_, char>) -> Option<Vec<RateVerdict>> {
    let mut rates = Vec::new();
    while let Some(class) = facts.next() {
        let class = match class {
            "d" => RateClass::Default,
            "w" => RateClass::Writes,
            "f" => RateClass::AuthFailures,
            _ => return None,
        };
        let mut number = || facts.next()?.parse().ok();
        let (limit, remaining, reset, retry_after) = (number()?, number()?, number()?, number()?);
        rates.push(RateVerdict { class, limit, remaining, reset, allowed: retry_after == 0, retry_after });
    }
    Some(rates)
}
