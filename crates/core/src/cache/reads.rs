//! What a request asks of the cache before, while and after it reads.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::redis::lock;
use super::script::{ADMIT, Args, CHARGE, ENTER, PEEK, Reader, STORE};
use super::{
    Admission, Admitted, Cache, Entrance, Entry, Fresh, Hit, Lookup, Pass, RateClass, RateLimits, RateVerdict, Reach,
    Ticket, Who, entry,
};
use crate::{Meter, WorkspaceId};

/// How long a late comer sleeps before each look for the winner's response; together under 50 ms.
const WAITS: [u64; 6] = [2, 3, 5, 8, 12, 16];

impl Cache {
    /// The one Redis call of a read: counts the request, finds the principal of its token and the cached response.
    pub async fn enter(&self, meter: &Meter, asked: &Entry<'_>) -> Entrance {
        let Some(redis) = &self.redis else {
            return self.enter_locally(asked, Reach::Off);
        };
        let reply = redis.run(meter, self.reading(), &ENTER, door(asked), None).await;
        match reply.ok().and_then(|reply| read_entrance(reply, asked)) {
            Some(entrance) => entrance,
            None => self.enter_locally(asked, Reach::Away),
        }
    }

    /// After the store has admitted someone whom `enter` did not know: remembers them for the rest of [`Self::LEASE`],
    /// charges the token in place of the address, and looks the response up.
    pub async fn admit(&self, meter: &Meter, asked: &Entry<'_>, pass: &Pass, admission: &Admission<'_>) -> Admitted {
        if let (Some(redis), Some((came, epoch))) = (&self.redis, &pass.read) {
            let args = admit_args(asked, (*came, epoch), pass.address_charged, admission);
            let reply = redis.run(meter, self.reading(), &ADMIT, args, None).await;
            if let Some((lookup, rates)) = reply.ok().and_then(|reply| read_admitted(reply, asked)) {
                let rates = if rates.is_empty() { pass.rates.clone() } else { rates };
                return Admitted { rates, lookup };
            }
        }
        let rates = lock(&self.local).admit(Instant::now(), asked, pass.address_charged && pass.read.is_none());
        Admitted { rates: rates.unwrap_or_else(|| pass.rates.clone()), lookup: Lookup::Bypass }
    }

    /// The second half of [`Entrance::renew`]: `store.admission` has admitted the caller again.
    pub async fn renew(&self, meter: &Meter, who: Who<'_>, pass: &Pass, admission: &Admission<'_>) {
        let asked =
            Entry { who, address: "", limits: RateLimits::OFF, write: false, request: None, todo: None, gzip: false };
        let pass = Pass { address_charged: false, ..pass.clone() };
        self.admit(meter, &asked, &pass, admission).await;
    }

    /// Charges the class `auth_failures` of an address. Never refuses by itself; the next `enter` does.
    pub async fn charge_auth_failure(&self, meter: &Meter, address: &str, limits: &RateLimits) {
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

    /// Polls for the response that another caller is fetching, for at most 50 ms. `Err` returns the ticket: fetch, then
    /// store.
    pub async fn wait_for(&self, meter: &Meter, ticket: Ticket) -> Result<Hit, Ticket> {
        let Some(redis) = &self.redis else {
            return Err(ticket);
        };
        for milliseconds in WAITS {
            spin_sdk::time::sleep(Duration::from_millis(milliseconds)).await;
            let args = peek_args(&ticket);
            let Ok(mut reply) = redis.run(meter, self.reading(), &PEEK, args, Some(&ticket.epoch)).await else {
                break;
            };
            match reply.bytes().flatten().as_deref() {
                Some(b"h") => match read_hit(&mut reply, ticket.gzip) {
                    Some(hit) => return Ok(hit),
                    None => break,
                },
                Some(b"w") => {}
                _ => break,
            }
        }
        Err(ticket)
    }

    /// Stores a response for `ttl`, unless a write has been announced since the ticket was given or it is too large.
    pub async fn store(&self, meter: &Meter, ticket: Ticket, fresh: &Fresh<'_>, ttl: Duration) {
        let packed = entry::pack(fresh).filter(|packed| packed.len() <= self.settings.max_bytes);
        self.finish(meter, ticket, packed.unwrap_or_default(), ttl).await;
    }

    /// Gives a ticket back without storing, so that nobody waits for the response.
    pub async fn abandon(&self, meter: &Meter, ticket: Ticket) {
        self.finish(meter, ticket, Vec::new(), Duration::from_millis(1)).await;
    }

    async fn finish(&self, meter: &Meter, ticket: Ticket, packed: Vec<u8>, ttl: Duration) {
        let Some(redis) = &self.redis else { return };
        let args = store_args(&ticket, packed, ttl);
        // Nothing depends on it: an entry that was not stored is a miss.
        let _ = redis.run(meter, self.reading(), &STORE, args, Some(&ticket.epoch)).await;
    }

    fn enter_locally(&self, asked: &Entry<'_>, redis: Reach) -> Entrance {
        let (rates, address_charged) = lock(&self.local).enter(Instant::now(), asked);
        let pass = Pass { read: None, address_charged, rates: rates.clone() };
        Entrance { rates, principal: None, renew: false, lookup: Lookup::Bypass, pass, redis }
    }
}

/// Arguments of `admit.lua`; `came`: when the request came in, and in which epoch.
pub fn admit_args(asked: &Entry<'_>, came: (i64, &str), address_charged: bool, admission: &Admission<'_>) -> Args {
    door(asked)
        .number(came.0)
        .with(came.1)
        .flag(address_charged)
        .number(admission.workspace.0)
        .with(admission.principal)
        .flag(admission.settled)
}

/// Arguments of `peek.lua`.
pub fn peek_args(ticket: &Ticket) -> Args {
    Args::new()
        .with(ticket.lease.as_slice())
        .number(ticket.workspace.0)
        .number(ticket.generation)
        .with(ticket.request)
        .flag(ticket.gzip)
        .with(object(ticket.todo))
}

/// Arguments of `store.lua`.
pub fn store_args(ticket: &Ticket, packed: Vec<u8>, ttl: Duration) -> Args {
    Args::new()
        .number(ticket.workspace.0)
        .number(ticket.generation)
        .with(ticket.request)
        .number(ttl.as_millis().max(1))
        .with(packed)
        .with(object(ticket.todo))
}

/// Arguments 4 to 15 of `enter.lua` and `admit.lua`.
pub fn door(asked: &Entry<'_>) -> Args {
    let limits = &asked.limits;
    Args::new()
        .with(match asked.who {
            Who::Token(_) => "t",
            Who::Workspace(_) => "w",
            Who::Nobody => "n",
        })
        .with(lease_id(asked.who))
        .with(asked.address)
        .number(limits.per_address)
        .number(limits.per_token)
        .number(limits.writes_per_address)
        .number(limits.writes_per_token)
        .number(limits.auth_failures)
        .flag(asked.write)
        .with(asked.request.map(|digest| digest.as_slice()).unwrap_or_default())
        .flag(asked.gzip)
        .with(object(asked.todo))
}

fn object(todo: Option<Uuid>) -> String {
    todo.map(|todo| todo.simple().to_string()).unwrap_or_default()
}

fn lease_id(who: Who<'_>) -> Vec<u8> {
    match who {
        Who::Token(hash) => hash.to_vec(),
        Who::Workspace(workspace) => format!("off{}", workspace.0).into_bytes(),
        Who::Nobody => Vec::new(),
    }
}

/// The reply of `enter.lua`.
pub fn read_entrance(mut reply: Reader, asked: &Entry<'_>) -> Option<Entrance> {
    let now = reply.number()?;
    let epoch = String::from_utf8(reply.bytes()??).ok()?;
    let principal = reply.bytes()?;
    let renew = reply.number()? == 1;
    let address_charged = reply.number()? == 1;
    let lookup = read_lookup(&mut reply, asked, &epoch)?;
    let rates = read_rates(&mut reply)?;
    let pass = Pass { read: Some((now, epoch)), address_charged, rates: rates.clone() };
    Some(Entrance { rates, principal, renew, lookup, pass, redis: Reach::Reached })
}

/// The reply of `admit.lua`.
pub fn read_admitted(mut reply: Reader, asked: &Entry<'_>) -> Option<(Lookup, Vec<RateVerdict>)> {
    let epoch = String::from_utf8(reply.bytes()??).ok()?;
    let lookup = read_lookup(&mut reply, asked, &epoch)?;
    Some((lookup, read_rates(&mut reply)?))
}

fn read_lookup(reply: &mut Reader, asked: &Entry<'_>, epoch: &str) -> Option<Lookup> {
    let state = reply.bytes()??;
    let (workspace, generation) = (reply.bytes()?, reply.bytes()?);
    let (head, body) = (reply.bytes()?, reply.bytes()?);
    if state == b"h" {
        return entry::unpack(&head?, body?, asked.gzip).map(Lookup::Hit);
    }
    if !matches!(state.as_slice(), b"l" | b"w") {
        return Some(Lookup::Bypass);
    }
    let ticket = Ticket {
        workspace: WorkspaceId(decimal(&workspace?)?),
        generation: decimal(&generation?)?,
        epoch: epoch.to_owned(),
        request: *asked.request?,
        lease: lease_id(asked.who),
        gzip: asked.gzip,
        todo: asked.todo,
    };
    Some(if state == b"l" { Lookup::Lead(ticket) } else { Lookup::Wait(ticket) })
}

fn read_hit(reply: &mut Reader, gzip: bool) -> Option<Hit> {
    let head = reply.bytes()??;
    let body = reply.bytes()??;
    entry::unpack(&head, body, gzip)
}

fn decimal(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn read_rates(reply: &mut Reader) -> Option<Vec<RateVerdict>> {
    let mut rates = Vec::with_capacity(2);
    while !reply.is_empty() {
        let class = match reply.bytes()??.as_slice() {
            b"d" => RateClass::Default,
            b"w" => RateClass::Writes,
            b"f" => RateClass::AuthFailures,
            _ => return None,
        };
        let mut number = || reply.number().and_then(|number| u32::try_from(number).ok());
        let (limit, remaining, reset, retry_after) = (number()?, number()?, number()?, number()?);
        rates.push(RateVerdict { class, limit, remaining, reset, allowed: retry_after == 0, retry_after });
    }
    Some(rates)
}
