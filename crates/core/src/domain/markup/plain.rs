//! Rich text as plain text, for where no markup is read.

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

/// Elements that stand in lines of their own.
const BLOCKS: &str = "article aside blockquote caption center dd details div dl dt figcaption figure footer h1 h2 h3 \
                      h4 h5 h6 header hr li nav ol p pre summary table tr ul";

/// The text of sanitised rich text: character references decoded, a line for each paragraph, list item or row, the
/// target of a link behind its words, an image's description in its place.
pub(in crate::domain) fn text_of(markup: &str) -> String {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(markup));
    let tokenizer = Tokenizer::new(Lines::default(), TokenizerOpts { discard_bom: false, ..TokenizerOpts::default() });
    // It stops early only if the sink asks for that.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let text = tokenizer.sink.text.into_inner();
    let mut lines = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.trim().split('\n').map(str::trim_end) {
        blank = if line.is_empty() { blank + 1 } else { 0 };
        // One blank line parts paragraphs, however many the markup had.
        if blank <= 1 {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    lines.pop();
    lines
}

/// Collects the text.
#[derive(Default)]
struct Lines {
    text: RefCell<String>,
    /// Where a link began, and its target.
    link: RefCell<Option<(usize, String)>>,
    /// The text so far ends with a line break that only parts two blocks.
    parted: Cell<bool>,
}

impl Lines {
    fn push(&self, text: &str) {
        self.parted.set(false);
        self.text.borrow_mut().push_str(text);
    }

    /// Begins a line, unless one has just begun.
    fn part(&self) {
        let mut text = self.text.borrow_mut();
        if !(text.is_empty() || text.ends_with('\n')) {
            text.push('\n');
            self.parted.set(true);
        }
    }

    fn tag(&self, tag: &Tag) {
        let attribute = |name: &str| {
            let found = tag.attrs.iter().find(|attribute| &*attribute.name.local == name);
            found.map(|attribute| attribute.value.to_string()).filter(|value| !value.is_empty())
        };
        let name = &*tag.name;
        if BLOCKS.split(' ').any(|block| block == name) {
            self.part();
        }
        match (tag.kind, name) {
            (TagKind::StartTag, "br") => self.push("\n"),
            (TagKind::StartTag, "li") => self.push("- "),
            (TagKind::EndTag, "td" | "th") => self.push(" "),
            (TagKind::StartTag, "img") => self.push(&attribute("alt").unwrap_or_default()),
            (TagKind::StartTag, "a") => {
                let begins = self.text.borrow().len();
                self.link.replace(attribute("href").map(|target| (begins, target)));
            }
            (TagKind::EndTag, "a") => {
                if let Some((begins, target)) = self.link.take() {
                    let words = self.text.borrow().get(begins..).unwrap_or_default().trim().to_owned();
                    if words != target {
                        let separator = if words.is_empty() { "" } else { " " };
                        self.push(&format!("{separator}<{target}>"));
                    }
                }
            }
            _ => {}
        }
    }
}

impl TokenSink for Lines {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            // What stands between two blocks and is a line break parts them already.
            Token::CharacterTokens(text) if self.parted.get() => self.push(text.strip_prefix('\n').unwrap_or(&text)),
            Token::CharacterTokens(text) => self.push(&text),
            Token::TagToken(tag) => self.tag(&tag),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_lines_of_text() {
        let cases = [
            ("one\ntwo\n\n three", "one\ntwo\n\n three"),
            ("a &lt; b &amp; c&nbsp;d", "a < b & c\u{a0}d"),
            ("<p>one</p>\n<p>two <b>bold</b></p>", "one\ntwo bold"),
            ("one<br>two<br><br><br>three", "one\ntwo\n\nthree"),
            ("Buy:<ul><li>milk</li><li>bread</li></ul>now", "Buy:\n- milk\n- bread\nnow"),
            ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
            ("<a href=\"https://example.com/\">a link</a>.", "a link <https://example.com/>."),
            ("<a href=\"https://a.example\">https://a.example</a>", "https://a.example"),
            ("<img src=\"x\" alt=\"a cat\"> sleeps", "a cat sleeps"),
            ("", ""),
        ];
        for (markup, text) in cases {
            assert_eq!(text_of(markup), text, "{markup}");
        }
    }
}
