//! The arguments of the scripts and how their replies are read.

use std::str::Split;
use std::time::{Duration, Instant};

use crate::WorkspaceId;
use crate::cache::copies::Copy;
use crate::cache::entry::Former;
use crate::cache::script::{Args, ReplyReader};
use crate::cache::{
    After, Authenticated, AuthenticatedReply, Bypass, Credential, GateReply, GateRequest, Hit, Lookup, Pending,
    RateClass, RateVerdict, Reach, RequestStamp, Ticket, entry,
};

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
        .number(authenticated.waited.as_micros())
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

pub(super) fn memory_id(credential: Credential<'_>) -> Vec<u8> {
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
    let after = After { renew: after & 1 > 0, wait: after & 2 > 0, announced: after & 4 > 0 };
    let address_charged = facts.next()? == "1";
    let principal = reply.bytes()?;
    let lookup = read_lookup(&mut facts, &mut reply, asked, &epoch, copy)?;
    let rates = read_rates(facts)?;
    let received = Some(Instant::now());
    let stamp = RequestStamp { read: Some((now, epoch)), received, address_charged, rates: rates.clone() };
    Some(GateReply { rates, principal, after, lookup, stamp, redis: Reach::Reached })
}

/// The reply of `authenticated.lua`.
pub fn read_authenticated_reply(mut reply: ReplyReader, asked: &GateRequest<'_>) -> Option<AuthenticatedReply> {
    let facts = reply.text()?;
    let mut facts = facts.split(' ');
    let epoch = facts.next()?.to_owned();
    let lookup = read_lookup(&mut facts, &mut reply, asked, &epoch, None)?;
    let used = reply.bytes()?.unwrap_or_default();
    let used = used.chunks_exact(32).filter_map(|hash| hash.try_into().ok()).collect();
    Some(AuthenticatedReply { rates: read_rates(facts)?, lookup, redis: Reach::Reached, used })
}

pub(super) fn read_lookup(
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

pub(super) fn read_hit(reply: &mut ReplyReader, ticket: &Ticket) -> Option<Hit> {
    let head = reply.bytes()??;
    let body = reply.bytes()??;
    entry::unpack(&ticket.epoch, &head, body, ticket.gzip)
}

pub(super) fn read_rates(mut facts: Split<'_, char>) -> Option<Vec<RateVerdict>> {
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
