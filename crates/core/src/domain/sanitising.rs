//! Sanitises every text that callers write: trimmed, in NFC, without control characters and without markup that is not
//! allowed.
//!
//! Each step can undo another: taking a tag out of the middle joins letters with accents (`e<b>\u{301}`) or makes a new
//! tag (`<<b>i>`), and NFC turns `>` with an overlay into another character. So all steps are repeated until none
//! changes anything, which also makes sanitising a clean text a no-op. Repetition and the parser's worst cases cost
//! time, so the input is bounded, and so is the work for all texts of a request ([`SanitisingBudget`]).

mod budget;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

pub use self::budget::SanitisingBudget;
use super::markup;
use super::text::TextError;

/// The most bytes of plain text before sanitising. Two hundred characters take at most 800; the rest is for markup.
const MAX_PLAIN: usize = 16 * 1024;
/// The most bytes of rich text before sanitising. Ten thousand characters take at most 40,000.
const MAX_RICH: usize = 64 * 1024;
/// The most bytes that are read to sanitise one plain text, over all repetitions, and how many times its own length on
/// top. It is enough for forty tags of which each hides the next. A body holds two thousand texts, and while they are
/// sanitised the instance serves nobody else: at a megabyte for each text that was seen to take ten seconds.
const MAX_WORK: usize = 8 * 1024;
const MAX_READS: usize = 3;
/// What a repetition costs besides reading, in bytes read.
const REPETITION: usize = 128;
/// The most repetitions for one rich text. ammonia's answer is nearly always stable at once.
const MAX_ROUNDS: usize = 8;
/// How often a repetition for a rich text reads it, whatever is in it.
const RICH_PASSES: usize = 4;

/// Sanitises plain text of 1 to `max` characters (Unicode scalar values).
pub(super) fn plain(text: &str, max: usize, budget: &SanitisingBudget) -> Result<String, TextError> {
    refuse_excess(text, MAX_PLAIN, max)?;
    let mut text = normalised(text);
    let most = MAX_WORK + MAX_READS * text.len();
    // Taking out markup adds no characters, so it is enough to look once.
    refuse_controls(&text, |_| false)?;
    let mut work = 0;
    while let Some(start) = markup::first(&text) {
        work += text.len() + REPETITION;
        if work > most {
            return Err(too_complex());
        }
        budget.spend(text.len() + REPETITION)?;
        let (before, rest) = text.split_at(start);
        let kept = match markup::strip(rest) {
            Some(kept) => kept,
            None if markup::has_unclosed(rest) => return Err(unclosed()),
            None => return Err(too_many_attributes()),
        };
        text = normalised(&format!("{before}{kept}"));
    }
    bounded(text, max)
}

/// Sanitises rich text of up to `max` characters (Unicode scalar values), which may be none.
pub(super) fn rich(text: &str, max: usize, budget: &SanitisingBudget) -> Result<String, TextError> {
    let mut text = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        // Each time, since a parser repeats tags that were never closed.
        refuse_excess(&text, MAX_RICH, max)?;
        let before = normalised(&text.replace("\r\n", "\n").replace('\r', "\n"));
        // Each time, since character references may stand for control characters.
        refuse_controls(&before, |c| matches!(c, '\n' | '\t'))?;
        budget.spend(RICH_PASSES * before.len())?;
        let markup = markup::escape_unclosed(&before).ok_or_else(too_many_attributes)?;
        refuse_excess(&markup, MAX_RICH, max)?;
        text = match markup::sanitise(&markup, budget.left()) {
            Ok((text, steps)) => budget.spend(steps).map(|()| text)?,
            Err(markup::Excess::Size) => return Err(too_complex()),
            Err(markup::Excess::Steps) => return Err(budget.exhaust()),
        };
        if text == before {
            refuse_length(&text, max)?;
            return Ok(text);
        }
    }
    Err(too_complex())
}

/// Prepares a search term of 1 to `max` characters (Unicode scalar values). Markup stays, since it is only looked for.
pub(super) fn search(text: &str, max: usize) -> Result<String, TextError> {
    refuse_excess(text, MAX_PLAIN, max)?;
    let text = normalised(text);
    refuse_controls(&text, |_| false)?;
    bounded(text, max)
}

/// Trimmed and in NFC. Neither step undoes the other: no white space composes with anything or comes out of a
/// composition unless it was white space before.
fn normalised(text: &str) -> String {
    let text = text.trim();
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.to_owned(),
        _ => text.nfc().collect(),
    }
}

fn refuse_excess(text: &str, bytes: usize, max: usize) -> Result<(), TextError> {
    if text.len() > bytes {
        return Err(TextError::new(
            "too_long",
            format!("must have at most {max} characters, and with markup {bytes} bytes"),
        ));
    }
    Ok(())
}

fn refuse_controls(text: &str, allowed: impl Fn(char) -> bool) -> Result<(), TextError> {
    if text.chars().any(|c| c.is_control() && !allowed(c)) {
        return Err(TextError::new("control_character", "must not contain control characters"));
    }
    Ok(())
}

fn bounded(text: String, max: usize) -> Result<String, TextError> {
    if !text.chars().any(is_visible) {
        return Err(TextError::new("too_short", "must not be empty"));
    }
    refuse_length(&text, max)?;
    Ok(text)
}

/// Whether a character shows at all: neither white space nor one that only steers how others are shown (Unicode's
/// `Default_Ignorable_Code_Point`, and the annotation characters).
fn is_visible(c: char) -> bool {
    let ignorable = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    !(ignorable || c.is_whitespace())
}

fn refuse_length(text: &str, max: usize) -> Result<(), TextError> {
    if text.chars().count() > max {
        return Err(TextError::new("too_long", format!("must have at most {max} characters")));
    }
    Ok(())
}

fn too_complex() -> TextError {
    TextError::new("too_much_markup", "has more markup, or markup inside markup, than can be sanitised")
}

fn too_many_attributes() -> TextError {
    TextError::new("too_many_attributes", "has more than 64 attributes in a tag, or 4000 in all its tags")
}

fn unclosed() -> TextError {
    let detail = "has a < that begins like markup, which never ends; put a space after it if it is no markup";
    TextError::new("unclosed_markup", detail)
}

#[cfg(test)]
mod tests;
