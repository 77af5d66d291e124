//! Page tokens: where the next page of a list begins.
//!
//! A token says after which row to go on. It is not valid outside the list, workspace, filter and order that it was made for,
//! and it shows nothing: the internal integer of the row is encrypted with the rest. Both come from one HMAC-SHA-256 in the
//! manner of RFC 5297 (SIV): the code over scope and position is also what the key stream starts from. So equal positions give
//! equal tokens, and a page's `ETag` stays the same from one request to the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Grows when the layout of a token changes; tokens of other versions are refused like forged ones.
const VERSION: u8 = 1;
/// Bytes of authentication code.
const CODE: usize = 16;
/// No token that we make is longer: a title has at most 200 characters, one of which takes at most 4 bytes.
const LONGEST: usize = 2048;

/// The row after which the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The row's value of the sort key as text; `None` where it is null.
    pub value: Option<String>,
    /// The row's internal id, which breaks ties.
    pub id: i64,
}

/// Makes and reads page tokens.
///
/// `scope` names everything that the token is bound to: list, workspace, filter and sort, but not the page size, which may
/// change from page to page (see [`super::filter::Filter::scope`]).
#[derive(Debug, Clone, Copy)]
pub struct Cursor;

impl Cursor {
    /// The token of a position.
    pub fn encode(key: &[u8], scope: &str, position: &Position) -> String {
        let mut body = position.id.to_be_bytes().to_vec();
        if let Some(value) = &position.value {
            body.push(1);
            body.extend_from_slice(value.as_bytes());
        } else {
            body.push(0);
        }
        let code = authenticate(key, scope, &body);
        encrypt(key, &code, &mut body);
        let mut token = vec![VERSION];
        token.extend_from_slice(&code);
        token.append(&mut body);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The position of a token; `None` if it was not made with this key for this scope.
    pub fn decode(key: &[u8], scope: &str, token: &str) -> Option<Position> {
        if token.len() > LONGEST {
            return None;
        }
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (&version, rest) = token.split_first()?;
        let (code, body) = rest.split_first_chunk::<CODE>()?;
        if version != VERSION {
            return None;
        }
        let mut body = body.to_vec();
        encrypt(key, code, &mut body);
        if !is_authentic(key, scope, &body, code) {
            return None;
        }
        let (id, value) = body.split_first_chunk()?;
        let value = match value.split_first()? {
            (0, []) => None,
            (1, text) => Some(String::from_utf8(text.to_vec()).ok()?),
            _ => return None,
        };
        Some(Position { value, id: i64::from_be_bytes(*id) })
    }
}

/// HMAC under a key of its own for each purpose.
fn mac(key: &[u8], purpose: &[u8]) -> Hmac<Sha256> {
    keyed(&keyed(purpose).chain_update(key).finalize().into_bytes())
}

/// HMAC under a key that is not longer than a block, which is filled up with zeros (RFC 2104).
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    let mut block = Key::<Hmac<Sha256>>::default();
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new(&block)
}

fn code_of(key: &[u8], scope: &str, body: &[u8]) -> Hmac<Sha256> {
    // The length keeps scope and body apart.
    let length = u64::try_from(scope.len()).unwrap_or(u64::MAX).to_be_bytes();
    mac(key, b"todo cursor code").chain_update([VERSION]).chain_update(length).chain_update(scope).chain_update(body)
}

fn authenticate(key: &[u8], scope: &str, body: &[u8]) -> [u8; CODE] {
    let full = code_of(key, scope, body).finalize().into_bytes();
    full.first_chunk().copied().unwrap_or_default()
}

fn is_authentic(key: &[u8], scope: &str, body: &[u8], code: &[u8; CODE]) -> bool {
    code_of(key, scope, body).verify_truncated_left(code).is_ok()
}

/// Encrypts, or decrypts, in place.
fn encrypt(key: &[u8], code: &[u8; CODE], body: &mut [u8]) {
    let stream = mac(key, b"todo cursor stream").chain_update(code);
    for (number, block) in (0u32..).zip(body.chunks_mut(32)) {
        let pad = stream.clone().chain_update(number.to_be_bytes()).finalize().into_bytes();
        for (byte, pad) in block.iter_mut().zip(pad) {
            *byte ^= pad;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &[u8] = b"a key of the deployment";

    fn position(value: Option<&str>, id: i64) -> Position {
        Position { value: value.map(str::to_owned), id }
    }

    #[test]
    fn a_token_of_another_scope_or_key_is_refused() {
        let token = Cursor::encode(KEY, "todos/1", &position(Some("2026-11-23T03:13:00Z"), 7));
        assert_eq!(Cursor::decode(KEY, "todos/1", &token), Some(position(Some("2026-11-23T03:13:00Z"), 7)));
        assert_eq!(Cursor::decode(KEY, "todos/2", &token), None);
        assert_eq!(Cursor::decode(KEY, "todos/", &token), None);
        assert_eq!(Cursor::decode(b"another key", "todos/1", &token), None);
    }

    #[test]
    fn null_and_empty_are_different_values() {
        for value in [None, Some("")] {
            let token = Cursor::encode(KEY, "s", &position(value, -1));
            assert_eq!(Cursor::decode(KEY, "s", &token), Some(position(value, -1)));
        }
    }

    #[test]
    fn the_longest_title_fits() {
        let title = "\u{10ffff}".repeat(200);
        let token = Cursor::encode(KEY, "s", &position(Some(&title), i64::MAX));
        assert!(token.len() <= LONGEST, "{}", token.len());
        assert_eq!(Cursor::decode(KEY, "s", &token), Some(position(Some(&title), i64::MAX)));
    }

    #[test]
    fn a_token_hides_what_it_says_and_is_stable() {
        let first = Cursor::encode(KEY, "s", &position(Some("title"), 7));
        assert_eq!(first, Cursor::encode(KEY, "s", &position(Some("title"), 7)));
        let bytes = URL_SAFE_NO_PAD.decode(&first).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"title"));
        assert!(!bytes.windows(8).any(|window| window == 7i64.to_be_bytes()));
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let token = Cursor::encode(KEY, "s", &position(Some("value"), 7));
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut forged = bytes.clone();
                forged[at] ^= 1 << bit;
                assert_eq!(Cursor::decode(KEY, "s", &URL_SAFE_NO_PAD.encode(forged)), None, "byte {at}, bit {bit}");
            }
            assert_eq!(Cursor::decode(KEY, "s", &URL_SAFE_NO_PAD.encode(&bytes[..at])), None, "cut at {at}");
        }
        assert_eq!(Cursor::decode(KEY, "s", &format!("{token}=")), None);
        assert_eq!(Cursor::decode(KEY, "s", &format!("{token}AAAA")), None);
    }

    proptest! {
        #[test]
        fn every_position_comes_back(value in proptest::option::of(".{0,200}"), id: i64, scope in ".{0,80}") {
            let position = Position { value, id };
            let token = Cursor::encode(KEY, &scope, &position);
            prop_assert_eq!(Cursor::decode(KEY, &scope, &token), Some(position));
        }

        #[test]
        fn no_text_is_a_token_by_chance(token in ".{0,300}") {
            prop_assert_eq!(Cursor::decode(KEY, "s", &token), None);
        }
    }
}
