//! How a query string is written: names and values, encoded and decoded.

use std::fmt::Write;

/// The same query as every client could have written it: decoded, and encoded again in one way, in ASCII; what `keep`
/// refuses by its name is left out. `None` if something cannot be decoded.
pub fn rewritten(query: &str, keep: impl Fn(&str) -> bool) -> Option<String> {
    let mut written = String::with_capacity(query.len());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        if keep(&name) {
            let separator = if written.is_empty() { "" } else { "&" };
            written.extend([separator, &encoded(&name), "=", &encoded(&value)]);
        }
    }
    Some(written)
}

/// Whether a query has a parameter of this name, however it is spelled.
pub fn has(query: &str, name: &str) -> bool {
    query.split('&').any(|pair| {
        let written = pair.split_once('=').map_or(pair, |(name, _)| name);
        decoded(written).is_some_and(|known| known == name)
    })
}

/// Whether a query gives this parameter this value, however they are spelled.
pub fn says(query: &str, name: &str, value: &str) -> bool {
    query.split('&').any(|pair| {
        let (known, said) = pair.split_once('=').unwrap_or((pair, ""));
        decoded(known).is_some_and(|known| known == name) && decoded(said).is_some_and(|said| said == value)
    })
}

/// Percent-encoded where it is not unreserved or plainly harmless in a query (RFC 3986, 3.4).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,:*".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into memory does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A segment of a path; `None` where it cannot be decoded.
pub fn decoded_segment(text: &str) -> Option<String> {
    decoded(&text.replace('+', "%2B"))
}

/// A name or value of a query; `None` where a `%` begins no two hexadecimal digits, or the bytes are not UTF-8 or hold
/// NUL.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?].map(|digit| char::from(digit).to_digit(16));
                let [Some(high), Some(low)] = digits else { return None };
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_decoded_is_no_text() {
        assert_eq!(decoded("a+b%2C%C3%BC%2b").as_deref(), Some("a b,ü+"));
        assert_eq!(decoded("%EF%BF%BD").as_deref(), Some("\u{fffd}"));
        for wrong in ["%", "%2", "%zz", "%+1", "100%", "%FF", "%00", "%ED%A0%80"] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_query_is_the_same_in_every_spelling() {
        let without_cursor = |query| rewritten(query, |name| name != "cursor");
        for query in ["q=a+%C3%A4&limit=2", "q=a%20ä&&limit=2&", "%71=%61%20%c3%a4&c%75rsor=x&limit=%32&cursor=y"] {
            assert_eq!(without_cursor(query).as_deref(), Some("q=a%20%C3%A4&limit=2"), "{query}");
        }
        assert_eq!(without_cursor("q=%26%3D%2B&x").as_deref(), Some("q=%26%3D%2B&x="));
        assert_eq!(without_cursor(""), Some(String::new()));
        assert_eq!(without_cursor("q=%FF"), None);
        assert!(has("a=b&over%64ue=true", "overdue") && has("overdue", "overdue"));
        assert!(!has("q=overdue", "overdue") && !has("", "overdue"));
        for query in ["assignee=me", "q=x&assignee=%6De", "%61ssignee=m%65", "assignee=x&assignee=me"] {
            assert!(says(query, "assignee", "me"), "{query}");
        }
        for query in ["", "assignee", "assignee=", "assignee=Me", "assignee=me%20", "q=assignee%3Dme", "me=assignee"] {
            assert!(!says(query, "assignee", "me"), "{query}");
        }
        assert_eq!(decoded_segment("%37+").as_deref(), Some("7+"));
    }
}
