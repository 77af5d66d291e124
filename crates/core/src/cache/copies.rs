//! Copies of the responses that this instance has read from Redis within the last second.
//!
//! A copy is served only when Redis has just said that what has the name under which it was found may be served, and
//! under a name there is never anything else. So it is as true as the entry itself; what it saves is the way of its
//! bytes through Redis, the host and the component.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::{Cache, Credential, GateRequest, Hit};

/// The copies of one instance.
#[derive(Debug, Default)]
pub struct Copies {
    kept: HashMap<CopyKey, Arc<Copy>>,
    bytes: usize,
}

/// A copy of an entry.
#[derive(Debug)]
pub struct Copy {
    /// The entry.
    pub hit: Hit,
    /// When it was read: an entry lives no longer than its ttl, and so does a copy, give or take [`Cache::LEASE`].
    read: Instant,
}

/// A credential and a request; the credential determines the workspace.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CopyKey {
    credential: Option<[u8; 32]>,
    request: [u8; 32],
    gzip: bool,
}

impl CopyKey {
    fn of(asked: &GateRequest<'_>) -> Option<Self> {
        let credential = match asked.credential {
            Credential::Token(hash) => Some(*hash),
            // There is only one where authentication is off.
            Credential::Workspace(_) => None,
            Credential::Nobody => return None,
        };
        Some(Self { credential, request: *asked.request?, gzip: asked.gzip })
    }
}

impl Copies {
    /// All copies together, in bytes. Beyond it all are forgotten: an instance lives too briefly for an order.
    const MOST_BYTES: usize = 1 << 20;
    /// What a copy takes beyond its body, about.
    const OVERHEAD: usize = 512;

    /// The copy of what is asked for, if there is one.
    pub fn find(&self, now: Instant, asked: &GateRequest<'_>) -> Option<Arc<Copy>> {
        let copy = self.kept.get(&CopyKey::of(asked)?)?;
        (now.duration_since(copy.read) < Cache::LEASE).then(|| Arc::clone(copy))
    }

    /// Keeps what was just read.
    pub fn keep(&mut self, now: Instant, asked: &GateRequest<'_>, hit: &Hit) {
        let Some(key) = CopyKey::of(asked) else { return };
        if self.bytes + Self::size(hit) > Self::MOST_BYTES {
            *self = Self::default();
        }
        self.bytes += Self::size(hit);
        if let Some(former) = self.kept.insert(key, Arc::new(Copy { hit: hit.clone(), read: now })) {
            self.bytes -= Self::size(&former.hit);
        }
    }

    fn size(hit: &Hit) -> usize {
        Self::OVERHEAD + hit.body.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'a>(token: &'a [u8; 32], request: &'a [u8; 32]) -> GateRequest<'a> {
        GateRequest { request: Some(request), ..GateRequest::authentication(Credential::Token(token)) }
    }

    fn hit(body: &[u8]) -> Hit {
        let body = body.to_vec().into();
        Hit { status: 200, etag: String::new(), headers: Vec::new(), body, gzipped: false, name: "e:1".to_owned() }
    }

    #[test]
    fn a_copy_is_for_whoever_read_it_and_for_a_second() {
        let now = Instant::now();
        let mut copies = Copies::default();
        let mine = asked(&[1; 32], &[2; 32]);
        copies.keep(now, &mine, &hit(b"mine"));
        assert_eq!(copies.find(now, &mine).unwrap().hit.body, "mine");
        assert!(copies.find(now + Cache::LEASE, &mine).is_none());
        assert!(copies.find(now, &asked(&[9; 32], &[2; 32])).is_none(), "another token");
        assert!(copies.find(now, &asked(&[1; 32], &[3; 32])).is_none(), "another request");
        assert!(copies.find(now, &GateRequest { gzip: true, ..mine }).is_none(), "another form");
        assert!(copies.find(now, &GateRequest { request: None, ..mine }).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut copies = Copies::default();
        let body = vec![0; Copies::MOST_BYTES / 4];
        for number in 0..20 {
            copies.keep(now, &asked(&[1; 32], &[number; 32]), &hit(&body));
        }
        assert!(copies.kept.len() <= 4);
        assert!(copies.find(now, &asked(&[1; 32], &[19; 32])).is_some());
    }

    #[test]
    fn a_newer_copy_takes_the_place_of_the_older() {
        let now = Instant::now();
        let (mut copies, mine) = (Copies::default(), asked(&[1; 32], &[2; 32]));
        copies.keep(now, &mine, &hit(b"older"));
        copies.keep(now, &mine, &hit(b"newer one"));
        assert_eq!(copies.find(now, &mine).unwrap().hit.body, "newer one");
        assert_eq!(copies.bytes, Copies::size(&hit(b"newer one")));
    }
}
