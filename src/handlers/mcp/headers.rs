//! The headers in which a modern request repeats what its body says, so that proxies need not read the body.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};

/// The version.
pub static VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The method.
pub static METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// The tool.
pub static NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The one value of a header. None of several: readers would differ in which they believe.
pub fn value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| value.trim())
}

/// What a value stands for: `=?base64?…?=` holds text that no header could.
pub fn decoded(value: &str) -> Option<Cow<'_, str>> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Some(Cow::Borrowed(value));
    };
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn encoded_values_are_decoded_and_wrong_ones_are_none() {
        assert_eq!(decoded("find_todos").as_deref(), Some("find_todos"));
        assert_eq!(decoded("=?base64?ZmluZF90b2Rvcw==?=").as_deref(), Some("find_todos"));
        assert_eq!(decoded("=?base64?w7w=?=").as_deref(), Some("ü"));
        assert_eq!(decoded("=?base64?ZmluZA").as_deref(), Some("=?base64?ZmluZA"), "no end: literal");
        for wrong in ["=?base64?ZmluZF90b2Rvcw?=", "=?base64?Zm!!?=", "=?base64?/w==?=", "=?base64?ZmluZB==?="] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_header_that_is_given_twice_has_no_value() {
        let mut headers = HeaderMap::new();
        assert_eq!(value(&headers, &METHOD), None);
        headers.append(&METHOD, HeaderValue::from_static(" ping "));
        assert_eq!(value(&headers, &METHOD), Some("ping"));
        headers.append(&METHOD, HeaderValue::from_static("ping"));
        assert_eq!(value(&headers, &METHOD), None);
    }
}
