//! Page tokens: where the next page of a list begins.
//!
//! A token says after which row to go on. It is not valid outside the list, workspace, filter and order that it was
//! made for, and it shows nothing: the internal integer of the row is encrypted with the rest, by AES-SIV (RFC 5297),
//! which takes no random number. So equal positions give equal tokens, and a page's `ETag` stays the same from one
//! request to the next.

use aes_siv::KeyInit;
use aes_siv::siv::Aes128Siv;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Grows when the layout of a token changes; tokens of other versions are refused like forged ones.
const VERSION: u8 = 1;
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
/// `scope` names everything that the token is bound to: list, workspace, filter and sort, but not the page size, which
/// may change from page to page (see [`super::filter::Filter::scope`]).
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
        let mut token = vec![VERSION];
        // It fails with more than a hundred headers alone.
        token.append(&mut cipher(key).encrypt([&[VERSION], scope.as_bytes()], &body).unwrap_or_default());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The position of a token; `None` if it was not made with this key for this scope.
    pub fn decode(key: &[u8], scope: &str, token: &str) -> Option<Position> {
        if token.len() > LONGEST {
            return None;
        }
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (&version, rest) = token.split_first()?;
        if version != VERSION {
            return None;
        }
        let body = cipher(key).decrypt([&[VERSION], scope.as_bytes()], rest).ok()?;
        let (id, value) = body.split_first_chunk()?;
        let value = match value.split_first()? {
            (0, []) => None,
            (1, text) => Some(String::from_utf8(text.to_vec()).ok()?),
            _ => return None,
        };
        Some(Position { value, id: i64::from_be_bytes(*id) })
    }
}

/// AES-SIV under a key that is made of the deployment's, which may be of any length.
fn cipher(key: &[u8]) -> Aes128Siv {
    Aes128Siv::new(&Sha256::new().chain_update("todo cursor").chain_update(key).finalize())
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
