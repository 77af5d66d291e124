//! The format of a stored response: one string, so that an entry costs one key.
//!
//! ```text
//! 0   version (2)
//! 1   length of the entity tag
//! 2   status, big-endian as everything
//! 4   length of the fields
//! 6   length of the gzip form, 0 without one
//! 10  length of the body
//! 14  the generation under which it was fetched, in 16 digits
//! 30  entity tag, fields (`name: value` lines), gzip form, body
//! ```
//! `scripts/lookup.lua` reads the lengths and returns what stands before the body, and the one form that is wanted.
//! `scripts/store.lua` writes another generation into an entry whose response has not changed.

use super::{Fresh, Hit};

const VERSION: u8 = 2;
const DIGITS: usize = 16;
const LENGTHS: usize = 14 + DIGITS;

/// What stands before the body.
struct Head<'a> {
    status: u16,
    generation: i64,
    etag: &'a str,
    fields: &'a str,
    has_gzip: bool,
}

impl<'a> Head<'a> {
    fn read(head: &'a [u8]) -> Option<Self> {
        let (lengths, text) = head.split_at_checked(LENGTHS)?;
        let (lengths, generation) = lengths.split_at_checked(LENGTHS - DIGITS)?;
        let &[VERSION, etag_length, s0, s1, f0, f1, z0, z1, z2, z3, ..] = lengths else {
            return None;
        };
        let (etag, fields) = text.split_at_checked(usize::from(etag_length))?;
        if fields.len() != usize::from(u16::from_be_bytes([f0, f1])) {
            return None;
        }
        Some(Self {
            status: u16::from_be_bytes([s0, s1]),
            generation: std::str::from_utf8(generation).ok()?.parse().ok()?,
            etag: std::str::from_utf8(etag).ok()?,
            fields: std::str::from_utf8(fields).ok()?,
            has_gzip: u32::from_be_bytes([z0, z1, z2, z3]) > 0,
        })
    }
}

/// An entry of an earlier generation, of which only the beginning was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Former {
    etag: String,
    fields: String,
    has_gzip: bool,
}

impl Former {
    /// `None` if it is not ours.
    pub fn read(head: &[u8]) -> Option<Self> {
        let Head { etag, fields, has_gzip, .. } = Head::read(head)?;
        Some(Self { etag: etag.to_owned(), fields: fields.to_owned(), has_gzip })
    }

    /// Whether it holds this response, in the form that is wanted.
    pub fn holds(&self, etag: &str, headers: &[(&str, &str)], gzip: bool) -> bool {
        !etag.is_empty() && self.etag == etag && self.fields == lines(headers) && (self.has_gzip || !gzip)
    }
}

fn lines(headers: &[(&str, &str)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

/// `None` if a part is too long for its length.
pub fn pack(fresh: &Fresh<'_>, generation: i64) -> Option<Vec<u8>> {
    let Fresh { status, etag, headers, body, gzip } = *fresh;
    let fields = lines(headers);
    let gzip = gzip.unwrap_or_default();
    let mut packed = Vec::with_capacity(LENGTHS + etag.len() + fields.len() + gzip.len() + body.len());
    packed.push(VERSION);
    packed.push(u8::try_from(etag.len()).ok()?);
    packed.extend(status.to_be_bytes());
    packed.extend(u16::try_from(fields.len()).ok()?.to_be_bytes());
    packed.extend(u32::try_from(gzip.len()).ok()?.to_be_bytes());
    packed.extend(u32::try_from(body.len()).ok()?.to_be_bytes());
    packed.extend(format!("{generation:0DIGITS$}").into_bytes());
    packed.extend(etag.as_bytes());
    packed.extend(fields.as_bytes());
    packed.extend(gzip);
    packed.extend(body);
    Some(packed)
}

/// From the epoch, what stands before the body, and the body in the form that was asked for. `None` if it is not ours.
pub fn unpack(epoch: &str, head: &[u8], body: Vec<u8>, asked_gzip: bool) -> Option<Hit> {
    let Head { status, generation, etag, fields, has_gzip } = Head::read(head)?;
    let headers = fields.lines().filter_map(|line| line.split_once(": "));
    Some(Hit {
        status,
        etag: etag.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: body.into(),
        name: format!("{epoch}:{generation}"),
        gzipped: asked_gzip && has_gzip,
    })
}
