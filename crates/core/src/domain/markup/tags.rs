//! What begins in a text like markup, measured before any parser reads it.
//!
//! A parser compares each attribute of a tag with all before it, and copies them whenever it reopens the element. So
//! their number is bounded, in whatever context a tag turns out to stand: everything that looks like the beginning of
//! one is measured. One pass from the end to the beginning does it, since what follows a place does not depend on what
//! came before.

use std::array;

/// Something that begins like markup: `<` and a letter, `</`, `<!` or `<?` (HTML standard, 13.2.5.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    /// Where its `<` is.
    pub at: usize,
    /// Whether the end of the tag, comment or declaration follows.
    pub ends: bool,
    /// How many attributes the tag has; those of one that never ends are counted to the end of the text.
    pub attributes: usize,
}

/// Where a tokenizer may be in a tag (HTML standard, 13.2.5.8 to 13.2.5.40).
#[derive(Clone, Copy)]
enum TokenizerState {
    TagName,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    DoubleQuoted,
    SingleQuoted,
    Unquoted,
    AfterQuoted,
    Slash,
}

impl TokenizerState {
    const ALL: [Self; 10] = [
        Self::TagName,
        Self::BeforeName,
        Self::Name,
        Self::AfterName,
        Self::BeforeValue,
        Self::DoubleQuoted,
        Self::SingleQuoted,
        Self::Unquoted,
        Self::AfterQuoted,
        Self::Slash,
    ];

    /// The state after a byte, and whether an attribute begins with it; `None` where it ends the tag.
    fn after(self, byte: u8) -> Option<(Self, bool)> {
        let space = matches!(byte, b'\t' | b'\n' | b'\x0c' | b' ');
        let next = match (self, byte) {
            (Self::DoubleQuoted, b'"') | (Self::SingleQuoted, b'\'') => Self::AfterQuoted,
            (Self::DoubleQuoted | Self::SingleQuoted, _) => self,
            (_, b'>') => return None,
            (Self::BeforeValue, b'"') => Self::DoubleQuoted,
            (Self::BeforeValue, b'\'') => Self::SingleQuoted,
            (Self::BeforeValue, _) if space => self,
            (Self::Unquoted, _) if space => Self::BeforeName,
            (Self::BeforeValue | Self::Unquoted, _) => Self::Unquoted,
            (Self::Name | Self::AfterName, b'=') => Self::BeforeValue,
            (_, b'/') => Self::Slash,
            (Self::Name | Self::AfterName, _) if space => Self::AfterName,
            (_, _) if space => Self::BeforeName,
            (Self::TagName | Self::Name, _) => self,
            (Self::BeforeName | Self::AfterName | Self::AfterQuoted | Self::Slash, _) => {
                return Some((Self::Name, true));
            }
        };
        Some((next, false))
    }
}

/// Everything in a text that begins like markup, the last first.
pub(super) fn openings(text: &str) -> Vec<Opening> {
    let Some(first) = text.find('<') else {
        return Vec::new();
    };
    let bytes = text.as_bytes();
    let last = |end: &str| text.rfind(end);
    let (last_gt, last_comment, last_bang) = (last(">"), last("-->"), last("--!>"));
    let comes = |last: Option<usize>, from: usize| last.is_some_and(|at| at >= from);
    let mut found = Vec::new();
    // For each state: whether the tag ends, and how many attributes it still gets.
    let mut ahead = [(false, 0); TokenizerState::ALL.len()];
    for (at, &byte) in bytes.iter().enumerate().skip(first).rev() {
        let before = |steps: usize| at.checked_sub(steps).and_then(|at| bytes.get(at)).copied();
        let from = |state: TokenizerState| match state.after(byte) {
            None => (true, 0),
            Some((next, begins)) => {
                let (ends, attributes) = ahead.get(next as usize).copied().unwrap_or_default();
                (ends, attributes + usize::from(begins))
            }
        };
        let here: [(bool, usize); TokenizerState::ALL.len()] =
            array::from_fn(|state| TokenizerState::ALL.get(state).map_or((false, 0), |state| from(*state)));
        let opening = match (before(2), before(1), byte) {
            (_, Some(b'<'), b'a'..=b'z' | b'A'..=b'Z') => Some((at - 1, here.first().copied().unwrap_or_default())),
            (Some(b'<'), Some(b'/'), b'a'..=b'z' | b'A'..=b'Z') => {
                Some((at - 2, here.first().copied().unwrap_or_default()))
            }
            (_, Some(b'<'), b'!') if bytes.get(at + 1..).is_some_and(|rest| rest.starts_with(b"--")) => {
                Some((at - 1, (comes(last_comment, at + 1) || comes(last_bang, at + 3), 0)))
            }
            (_, Some(b'<'), b'!' | b'?') => Some((at - 1, (comes(last_gt, at + 1), 0))),
            (_, Some(b'<'), b'/') if !bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic) => {
                Some((at - 1, (comes(last_gt, at + 1), 0)))
            }
            _ => None,
        };
        if let Some((at, (ends, attributes))) = opening {
            found.push(Opening { at, ends, attributes });
        }
        ahead = here;
    }
    found
}

/// The text with `&lt;` for the `<` of each opening that never ends, so that a parser reads it as text instead of
/// dropping it.
pub(super) fn escape_unclosed(text: &str, openings: &[Opening]) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    let mut done = 0;
    for opening in openings.iter().rev().filter(|opening| !opening.ends) {
        let Some((before, after)) = rest.split_at_checked(opening.at - done) else { break };
        escaped.push_str(before);
        escaped.push_str("&lt;");
        rest = after.strip_prefix('<').unwrap_or(after);
        done = opening.at + 1;
    }
    escaped.push_str(rest);
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openings_end_where_a_tokenizer_ends_them() {
        let cases = [
            ("a<b>", Some((true, 0))),
            ("<b", Some((false, 0))),
            ("<b x y=1 z='>' u=\">\"w>", Some((true, 5))),
            ("<b/x/y/>", Some((true, 2))),
            ("<b x = >", Some((true, 1))),
            ("<b =x>", Some((true, 1))),
            ("<b x=y/z>", Some((true, 1))),
            ("<b x='>", Some((false, 1))),
            ("</b x>", Some((true, 1))),
            ("</b", Some((false, 0))),
            ("</", Some((false, 0))),
            ("</>", Some((true, 0))),
            ("</ b>", Some((true, 0))),
            ("<!x>", Some((true, 0))),
            ("<!x", Some((false, 0))),
            ("<?x", Some((false, 0))),
            ("<!-->", Some((true, 0))),
            ("<!--->", Some((true, 0))),
            ("<!--x-->", Some((true, 0))),
            ("<!--x--!>", Some((true, 0))),
            ("<!--!>", Some((false, 0))),
            ("<!--x>", Some((false, 0))),
            ("a < b", None),
            ("1<2>0", None),
            ("<", None),
        ];
        for (text, expected) in cases {
            let found = openings(text);
            assert_eq!(found.last().map(|opening| (opening.ends, opening.attributes)), expected, "{text}");
        }
    }

    #[test]
    fn what_never_ends_is_escaped_where_it_begins() {
        let escaped = |text: &str| escape_unclosed(text, &openings(text));
        assert_eq!(escaped("<i>a</i> <b <i c"), "<i>a</i> &lt;b &lt;i c");
        assert_eq!(escaped("<b title='x> <i>y</i>"), "&lt;b title='x> <i>y</i>");
        assert_eq!(escaped("<!-- x <b>é</b> </"), "&lt;!-- x <b>é</b> &lt;/");
        assert_eq!(escaped("a < b <c>"), "a < b <c>");
    }
}
