//! The rate limit while Redis is away: the same GCRA as `scripts/rate.lua`, counted by this instance alone.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::{Credential, GateRequest, RateClass, RateLimits, RateVerdict};

/// The window of every quota.
const WINDOW: Duration = Duration::from_secs(60);

/// More buckets than this are not kept; full ones matter, so empty ones go first.
const CAPACITY: usize = 10_000;

/// The buckets of one instance.
#[derive(Debug)]
pub struct LocalRates {
    start: Instant,
    /// When each bucket is empty again, in microseconds since `start`.
    buckets: HashMap<Bucket, u64>,
    /// Tokens that were valid while Redis was away. Others share the bucket of their address.
    known: HashSet<[u8; 32]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Bucket {
    class: RateClass,
    owner: Owner,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Owner {
    Address(String),
    Token([u8; 32]),
}

impl LocalRates {
    /// All buckets empty.
    pub fn new(start: Instant) -> Self {
        Self { start, buckets: HashMap::new(), known: HashSet::new() }
    }

    /// Charges a request at the gate. Also says whether the address of an unknown token was charged.
    pub fn enter(&mut self, now: Instant, gate_request: &GateRequest<'_>) -> (Vec<RateVerdict>, bool) {
        let unknown = match gate_request.credential {
            Credential::Token(hash) if self.known.contains(hash) => {
                return (self.charge_token(now, hash, gate_request), false);
            }
            Credential::Token(_) => true,
            Credential::Workspace(_) | Credential::Nobody => false,
        };
        let owner = Owner::Address(gate_request.address.to_owned());
        let mut charged = address_quotas(gate_request, &owner);
        let charges = charged.len();
        if unknown && gate_request.limits.auth_failures > 0 {
            charged.push((Bucket { class: RateClass::AuthFailures, owner }, gate_request.limits.auth_failures));
        }
        let rates = self.charge(now, &charged, charges);
        let passes = rates.iter().all(|rate| rate.allowed);
        (rates, unknown && passes)
    }

    /// The token of `gate_request` is valid. If its address was charged in place of it, sets that right.
    pub fn authenticated(
        &mut self,
        now: Instant,
        gate_request: &GateRequest<'_>,
        address_charged: bool,
    ) -> Option<Vec<RateVerdict>> {
        let Credential::Token(hash) = gate_request.credential else {
            return None;
        };
        if self.known.len() >= CAPACITY {
            self.known.clear();
        }
        self.known.insert(*hash);
        if !address_charged {
            return None;
        }
        for (bucket, quota) in address_quotas(gate_request, &Owner::Address(gate_request.address.to_owned())) {
            if let Some(tat) = self.buckets.get_mut(&bucket) {
                *tat = tat.saturating_sub(interval(quota));
            }
        }
        Some(self.charge_token(now, hash, gate_request))
    }

    /// Charges a wrong credential.
    pub fn charge_auth_failure(&mut self, now: Instant, address: &str, limits: &RateLimits) {
        if limits.auth_failures > 0 {
            let bucket = Bucket { class: RateClass::AuthFailures, owner: Owner::Address(address.to_owned()) };
            self.charge(now, &[(bucket, limits.auth_failures)], 1);
        }
    }

    fn charge_token(&mut self, now: Instant, hash: &[u8; 32], gate_request: &GateRequest<'_>) -> Vec<RateVerdict> {
        let charged = quotas(
            gate_request,
            &Owner::Token(*hash),
            gate_request.limits.per_token,
            gate_request.limits.writes_per_token,
        );
        self.charge(now, &charged, charged.len())
    }

    /// Charges the first `charges` buckets and checks the others; charges none if one refuses.
    fn charge(&mut self, now: Instant, buckets: &[(Bucket, u32)], charges: usize) -> Vec<RateVerdict> {
        let now = micros(now.saturating_duration_since(self.start));
        if self.buckets.len() + buckets.len() > CAPACITY {
            self.buckets.retain(|_, tat| *tat > now);
            if self.buckets.len() + buckets.len() > CAPACITY {
                self.buckets.clear();
            }
        }
        let held = |rates: &Self, bucket| rates.buckets.get(bucket).copied().unwrap_or_default().max(now);
        let passes = buckets.iter().all(|(bucket, quota)| room(held(self, bucket) - now, *quota));
        let mut verdicts = Vec::with_capacity(buckets.len());
        for (index, (bucket, quota)) in buckets.iter().enumerate() {
            let before = held(self, bucket);
            let mut after = before;
            if passes && index < charges {
                after = before + interval(*quota);
                self.buckets.insert(bucket.clone(), after);
            }
            verdicts.push(verdict(bucket.class, *quota, before - now, after - now));
        }
        verdicts
    }
}

fn address_quotas(gate_request: &GateRequest<'_>, owner: &Owner) -> Vec<(Bucket, u32)> {
    quotas(gate_request, owner, gate_request.limits.per_address, gate_request.limits.writes_per_address)
}

fn quotas(gate_request: &GateRequest<'_>, owner: &Owner, default: u32, writes: u32) -> Vec<(Bucket, u32)> {
    let classes = [(RateClass::Default, default), (RateClass::Writes, if gate_request.write { writes } else { 0 })];
    let on = classes.into_iter().filter(|(_, quota)| *quota > 0);
    on.map(|(class, quota)| (Bucket { class, owner: owner.clone() }, quota)).collect()
}

fn interval(quota: u32) -> u64 {
    (micros(WINDOW) / u64::from(quota)).max(1)
}

fn room(held: u64, quota: u32) -> bool {
    held + interval(quota) <= interval(quota) * u64::from(quota)
}

/// `before` and `after`: what the bucket held without and with this request, in microseconds.
fn verdict(class: RateClass, quota: u32, before: u64, after: u64) -> RateVerdict {
    let (interval, whole) = (interval(quota), interval(quota) * u64::from(quota));
    let allowed = room(before, quota);
    let wait = (before + interval).saturating_sub(whole);
    RateVerdict {
        class,
        limit: quota,
        remaining: narrow(whole.saturating_sub(after) / interval),
        reset: seconds(after),
        allowed,
        retry_after: if allowed { 0 } else { seconds(wait).max(1) },
    }
}

fn seconds(micros: u64) -> u32 {
    narrow(micros.div_ceil(1_000_000))
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RateLimits =
        RateLimits { per_address: 5, per_token: 8, writes_per_address: 2, writes_per_token: 3, auth_failures: 2 };

    fn gate_request(credential: Credential<'_>, write: bool) -> GateRequest<'_> {
        GateRequest { address: "192.0.2.1", limits: LIMITS, write, ..GateRequest::authentication(credential) }
    }

    fn passes(rates: &[RateVerdict]) -> bool {
        rates.iter().all(|rate| rate.allowed)
    }

    #[test]
    fn a_burst_of_exactly_the_quota_passes_and_comes_back_one_by_one() {
        let start = Instant::now();
        let mut rates = LocalRates::new(start);
        for left in (0..5).rev() {
            let (verdicts, _) = rates.enter(start, &gate_request(Credential::Nobody, false));
            assert!(passes(&verdicts));
            assert_eq!(verdicts.iter().map(|rate| rate.remaining).collect::<Vec<_>>(), [left]);
        }
        let (verdicts, _) = rates.enter(start, &gate_request(Credential::Nobody, false));
        let expected = RateVerdict {
            class: RateClass::Default,
            limit: 5,
            remaining: 0,
            reset: 60,
            allowed: false,
            retry_after: 12,
        };
        assert_eq!(verdicts, [expected]);
        assert!(!passes(
            &rates.enter(start + Duration::from_millis(11_999), &gate_request(Credential::Nobody, false)).0
        ));
        assert!(passes(&rates.enter(start + Duration::from_secs(12), &gate_request(Credential::Nobody, false)).0));
        assert!(!passes(&rates.enter(start + Duration::from_secs(12), &gate_request(Credential::Nobody, false)).0));
    }

    #[test]
    fn a_refused_write_is_not_charged_to_the_default_class() {
        let start = Instant::now();
        let mut rates = LocalRates::new(start);
        assert!(passes(&rates.enter(start, &gate_request(Credential::Nobody, true)).0));
        assert!(passes(&rates.enter(start, &gate_request(Credential::Nobody, true)).0));
        assert!(!passes(&rates.enter(start, &gate_request(Credential::Nobody, true)).0));
        let (verdicts, _) = rates.enter(start, &gate_request(Credential::Nobody, false));
        assert_eq!(verdicts.iter().map(|rate| rate.remaining).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn an_invented_token_has_no_bucket_of_its_own() {
        let start = Instant::now();
        let mut rates = LocalRates::new(start);
        for number in 0..5u8 {
            assert!(passes(&rates.enter(start, &gate_request(Credential::Token(&[number; 32]), false)).0));
        }
        assert!(!passes(&rates.enter(start, &gate_request(Credential::Token(&[9; 32]), false)).0));
    }

    #[test]
    fn a_valid_token_gives_its_address_the_request_back() {
        let start = Instant::now();
        let mut rates = LocalRates::new(start);
        let (hash, token) = ([1; 32], 8);
        let (_, charged) = rates.enter(start, &gate_request(Credential::Token(&hash), false));
        assert!(charged);
        let authenticated =
            rates.authenticated(start, &gate_request(Credential::Token(&hash), false), charged).unwrap();
        assert_eq!(authenticated.iter().map(|rate| (rate.limit, rate.remaining)).collect::<Vec<_>>(), [(8, 7)]);
        for _ in 1..token {
            assert!(passes(&rates.enter(start, &gate_request(Credential::Token(&hash), false)).0));
        }
        assert!(!passes(&rates.enter(start, &gate_request(Credential::Token(&hash), false)).0));
        let (verdicts, _) = rates.enter(start, &gate_request(Credential::Nobody, false));
        assert_eq!(verdicts.iter().map(|rate| rate.remaining).collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn failures_stop_unknown_tokens_but_not_known_ones() {
        let start = Instant::now();
        let mut rates = LocalRates::new(start);
        rates.authenticated(start, &gate_request(Credential::Token(&[1; 32]), false), false);
        rates.charge_auth_failure(start, "192.0.2.1", &LIMITS);
        assert!(passes(&rates.enter(start, &gate_request(Credential::Token(&[2; 32]), false)).0));
        rates.charge_auth_failure(start, "192.0.2.1", &LIMITS);
        assert!(!passes(&rates.enter(start, &gate_request(Credential::Token(&[2; 32]), false)).0));
        assert!(passes(&rates.enter(start, &gate_request(Credential::Token(&[1; 32]), false)).0));
    }

    #[test]
    fn memory_is_bounded() {
        let start = Instant::now();
        let mut rates = LocalRates::new(start);
        for number in 0..CAPACITY * 2 {
            let address = number.to_string();
            rates.enter(start, &GateRequest { address: &address, ..gate_request(Credential::Nobody, false) });
        }
        assert!(rates.buckets.len() <= CAPACITY);
    }
}
