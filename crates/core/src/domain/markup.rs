//! HTML: what a parser takes for markup, and how it is taken out.
//!
//! The parser decides, not a pattern of ours: html5ever is the one that ammonia uses. Nothing here is repeated until it
//! changes nothing any more; [`super::sanitising`] does that.

mod plain;
mod size;
mod tags;

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

pub(super) use self::plain::text_of;

/// Where the first `<` is that may begin markup: one before a letter, `/`, `!` or `?` (HTML, 13.2.5.6). To a parser
/// everything in front of it is text.
pub(super) fn first(text: &str) -> Option<usize> {
    let begins = |next: &u8| next.is_ascii_alphabetic() || b"/!?".contains(next);
    text.as_bytes().windows(2).position(|pair| pair.first() == Some(&b'<') && pair.last().is_some_and(begins))
}

/// Takes out what an HTML parser takes for markup, in one pass: tags, comments, declarations, and
/// the contents of `script` and `style`. The rest stays byte for byte; the text must not contain control characters.
///
/// What the pass joins may be markup again: `<<b>script>` becomes `<script>`.
///
/// `None`: there are too many attributes, or markup never ends, so that the end of the text would go with it
/// ([`has_unclosed`]).
pub(super) fn strip(text: &str) -> Option<String> {
    if has_many(&tags::openings(text)) {
        return None;
    }
    let input = BufferQueue::default();
    // The tokenizer decodes character references. Escaping what begins them is undone by that, and so they stay as
    // typed.
    input.push_back(StrTendril::from(format!("{}{END}", text.replace('&', "&amp;"))));
    let options = TokenizerOpts { discard_bom: false, ..TokenizerOpts::default() };
    let tokenizer = Tokenizer::new(PlainText::default(), options);
    // It stops early only if the sink asks for that.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let PlainText { kept, dropping: _, ended } = tokenizer.sink;
    let mut kept = kept.into_inner();
    if kept.ends_with(END) {
        kept.pop();
    }
    ended.get().then_some(kept)
}

/// Whether something in a text begins like markup and never ends.
pub(super) fn has_unclosed(text: &str) -> bool {
    tags::openings(text).iter().any(|opening| !opening.ends)
}

/// The text in which nothing begins like markup that never ends: what did is text. `None`: there are too many
/// attributes.
pub(super) fn escape_unclosed(text: &str) -> Option<String> {
    let openings = tags::openings(text);
    let ending: Vec<_> = openings.iter().filter(|opening| opening.ends).copied().collect();
    (!has_many(&ending)).then(|| tags::escape_unclosed(text, &openings))
}

/// Whether a tag has more attributes than one may have, or all together have.
fn has_many(openings: &[tags::Opening]) -> bool {
    let attributes = || openings.iter().map(|opening| opening.attributes);
    attributes().any(|count| count > MAX_ATTRIBUTES) || attributes().sum::<usize>() > MAX_ATTRIBUTES_OF_TEXT
}

/// Stands behind a text while it is read: if it comes out as a character, whatever began had ended. No text holds it.
const END: char = '\u{1}';
/// The most attributes of one tag. A tokenizer compares each with all before it.
const MAX_ATTRIBUTES: usize = 64;
/// The most attributes of a text. A parser copies those of an element that it opens again. One of ordinary markup takes
/// sixteen bytes or more, so that as many fill the longest text.
const MAX_ATTRIBUTES_OF_TEXT: usize = 4_000;

/// The most elements of a rich text. Each that stays takes four characters or more, so that half as many are too long
/// already; word processors, however, write many that go.
const MAX_ELEMENTS: usize = 5_000;
/// How deep the elements of a rich text may be nested. Browsers stop at twice that.
const MAX_DEPTH: usize = 256;

/// Why a rich text is not sanitised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// It has too many elements, or they are nested too deeply.
    Size,
    /// It takes more steps than are left.
    Steps,
}

/// Takes out of rich text whatever could run, restyle the page or leave its place in it: what stays are ammonia's
/// elements, attributes and URL schemes. Comments and the contents of `script` and `style` go. Also tells how many
/// steps it took, which are at most `steps`.
pub(super) fn sanitise(text: &str, steps: usize) -> Result<(String, usize), Excess> {
    // The text is parsed twice: once to measure it, once by ammonia.
    let taken = size::measure(text, MAX_ELEMENTS, MAX_DEPTH, steps / 2)?;
    Ok((ammonia::clean(text), 2 * taken))
}

/// Collects the characters of a document that are neither markup nor the contents of `script` or `style`.
///
/// The contents of other elements are read as markup, even where a browser would show tags as text (`<textarea><b>`),
/// since without the element around them that is what they become.
#[derive(Default)]
struct PlainText {
    kept: RefCell<String>,
    dropping: Cell<bool>,
    ended: Cell<bool>,
}

impl TokenSink for PlainText {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::CharacterTokens(text) => {
                self.ended.set(self.ended.get() || text.contains(END));
                if !self.dropping.get() {
                    self.kept.borrow_mut().push_str(&text);
                }
            }
            Token::TagToken(tag) => {
                let raw = raw_contents(&tag);
                self.dropping.set(raw.is_some());
                return raw.map_or(TokenSinkResult::Continue, TokenSinkResult::RawData);
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// How the contents of an element are read that go with it. In there, the only tag that the tokenizer reports is the
/// one that ends it.
fn raw_contents(tag: &Tag) -> Option<RawKind> {
    match (tag.kind, &*tag.name) {
        (TagKind::StartTag, "script") => Some(RawKind::ScriptData),
        (TagKind::StartTag, "style") => Some(RawKind::Rawtext),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_takes_out_what_a_parser_takes_for_markup() {
        let cases = [
            ("<b>bold</b>", "bold"),
            ("a<br/>b", "ab"),
            ("<vector>", ""),
            ("<bob@example.com>", ""),
            ("<A HREF='>'>x</A >", "x"),
            ("</p>x", "x"),
            ("a</>b", "ab"),
            ("a</ b>c", "ac"),
            ("a<!-- <b> -- > -->b", "ab"),
            ("a<!-->b", "ab"),
            ("a<!x>b", "ab"),
            ("a<?php x ?>b", "ab"),
            ("<!DOCTYPE html>a", "a"),
            ("a<![CDATA[x]]>b", "ab"),
            ("<script>if (a<b) {}</script>x", "x"),
            ("<SCRIPT/>x</script >y", "y"),
            ("<script><!--<script></script>x</script>--></script>y", "-->y"),
            ("<style>p{}</p></style>x", "x"),
            ("a<script>x", "a"),
            ("a<style>x</styles>", "a"),
            ("<title>a</title><textarea><b>c</b></textarea><plaintext>d", "acd"),
            ("<<b>script>", "<script>"),
        ];
        for (text, stripped) in cases {
            assert_eq!(strip(text).as_deref(), Some(stripped), "{text}");
        }
    }

    #[test]
    fn one_pass_keeps_the_rest() {
        let kept = [
            "",
            "a < b",
            "1<2>0",
            "AT&T",
            "&lt;b&gt; &amp;amp; &nbsp; &#60; &#x3c;b>",
            "a && b &",
            "<3",
            "<-- >_> <_<",
            "a<",
            "\u{feff}x <",
            "<é>",
            "\u{1f600}<=>\u{10ffff}",
            "x\n\t< y",
        ];
        for text in kept {
            assert_eq!(strip(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn references_outlive_the_markup_around_them() {
        let stripped = strip("<b>AT&T</b> &lt;i&gt;<i title='&quot;>'> &copy</i>");
        assert_eq!(stripped.as_deref(), Some("AT&T &lt;i&gt; &copy"));
    }

    #[test]
    fn what_begins_like_markup_and_never_ends_takes_nothing_with_it() {
        for text in ["a <b", "a <b>c</b", "a </b c=\"", "a <!--", "a <!", "a <?x", "a</", "<b title='x>y</b>"] {
            assert_eq!(strip(text), None, "{text}");
            assert!(has_unclosed(text), "{text}");
        }
        assert!(!has_unclosed("a < b <c> <3"));
    }

    #[test]
    fn attributes_are_bounded_before_a_parser_sees_them() {
        let tag = |count: usize| format!("<b {}>x</b>", "a ".repeat(count));
        assert_eq!(strip(&tag(MAX_ATTRIBUTES)).as_deref(), Some("x"));
        assert_eq!(strip(&tag(MAX_ATTRIBUTES + 1)), None);
        assert!(escape_unclosed(&tag(MAX_ATTRIBUTES)).is_some());
        for hidden in ["", "<!--", "<script>", "<x y='\"'>"] {
            assert_eq!(escape_unclosed(&format!("{hidden}{}", tag(MAX_ATTRIBUTES + 1))), None, "{hidden}");
        }
    }

    #[test]
    fn nothing_that_runs_or_restyles_survives() {
        let cases = [
            ("<b onclick=\"x()\">a</b>", "<b>a</b>"),
            ("<script>x()</script>a<style>p{}</style>", "a"),
            ("<p style=\"color:red\" class=\"x\" id=\"y\">a</p>", "<p>a</p>"),
            ("<a href=\"javascript:x()\">a</a>", "<a rel=\"noopener noreferrer\">a</a>"),
            ("<img src=x onerror=x()>", "<img src=\"x\">"),
            ("<svg><script>x()</script></svg>a", "a"),
            ("<iframe src=\"//example.com\"></iframe>a<!-- b -->", "a"),
            ("<form action=x><input name=y></form>a", "a"),
            ("a < b & c", "a &lt; b &amp; c"),
        ];
        for (text, sanitised) in cases {
            assert_eq!(sanitise(text, usize::MAX).unwrap().0, sanitised, "{text}");
        }
    }

    #[test]
    fn too_much_markup_is_not_sanitised() {
        // The parser adds a root and the element that it pretends to be in.
        assert!(sanitise(&"<br>".repeat(MAX_ELEMENTS - 2), usize::MAX).is_ok());
        assert_eq!(sanitise(&"<br>".repeat(MAX_ELEMENTS - 1), usize::MAX), Err(Excess::Size));
        assert!(sanitise(&"<div>".repeat(MAX_DEPTH - 1), usize::MAX).is_ok());
        assert_eq!(sanitise(&"<div>".repeat(MAX_DEPTH), usize::MAX), Err(Excess::Size));
        let unclosed: String = (0..200).map(|n| format!("<b title={n}>")).collect();
        assert_eq!(sanitise(&format!("<p>{unclosed}</p>{}", "<p>x</p>".repeat(200)), usize::MAX), Err(Excess::Size));
    }
}
