//! The format of a stored response: one string, so that an entry costs one key.
//!
//! ```text
//! 0   version (1)
//! 1   length of the entity tag
//! 2   status, big-endian as everything
//! 4   length of the fields
//! 6   length of the gzip form, 0 without one
//! 10  length of the body
//! 14  entity tag, fields (`name: value` lines), gzip form, body
//! ```
//! `scripts/lookup.lua` reads the lengths and returns what stands before the body, and the one form that is wanted.

use super::{Fresh, Hit};

const VERSION: u8 = 1;
const LENGTHS: usize = 14;

/// `None` if a part is too long for its length.
pub fn pack(fresh: &Fresh<'_>) -> Option<Vec<u8>> {
    let Fresh { status, etag, headers, body, gzip } = *fresh;
    let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let gzip = gzip.unwrap_or_default();
    let mut packed = Vec::with_capacity(LENGTHS + etag.len() + fields.len() + gzip.len() + body.len());
    packed.push(VERSION);
    packed.push(u8::try_from(etag.len()).ok()?);
    packed.extend(status.to_be_bytes());
    packed.extend(u16::try_from(fields.len()).ok()?.to_be_bytes());
    packed.extend(u32::try_from(gzip.len()).ok()?.to_be_bytes());
    packed.extend(u32::try_from(body.len()).ok()?.to_be_bytes());
    packed.extend(etag.as_bytes());
    packed.extend(fields.as_bytes());
    packed.extend(gzip);
    packed.extend(body);
    Some(packed)
}

/// From the name, what stands before the body, and the body in the form that was asked for. `None` if it is not ours.
pub fn unpack(name: String, head: &[u8], body: Vec<u8>, asked_gzip: bool) -> Option<Hit> {
    let (lengths, text) = head.split_at_checked(LENGTHS)?;
    let &[VERSION, etag_length, s0, s1, f0, f1, z0, z1, z2, z3, ..] = lengths else {
        return None;
    };
    let (etag, fields) = text.split_at_checked(usize::from(etag_length))?;
    if fields.len() != usize::from(u16::from_be_bytes([f0, f1])) {
        return None;
    }
    let headers = std::str::from_utf8(fields).ok()?.lines().filter_map(|line| line.split_once(": "));
    Some(Hit {
        status: u16::from_be_bytes([s0, s1]),
        etag: std::str::from_utf8(etag).ok()?.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: body.into(),
        name,
        gzipped: asked_gzip && u32::from_be_bytes([z0, z1, z2, z3]) > 0,
    })
}
