//! What sanitising guarantees, over generated and hostile strings, with a whole HTML parser as the judge.

use html5ever::tendril::TendrilSink;
use html5ever::{LocalName, ParseOpts, QualName, local_name, ns, parse_document, parse_fragment};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use proptest::prelude::*;

use super::*;

const TITLE: usize = 200;

fn clean(text: &str) -> Result<String, &'static str> {
    plain(text, TITLE, &SanitisingBudget::default()).map_err(|error| error.code)
}

fn sanitise(text: &str) -> Result<String, &'static str> {
    rich(text, 10_000, &SanitisingBudget::default()).map_err(|error| error.code)
}

/// Shows every node below one.
fn walk(node: &Handle, visit: &mut impl FnMut(&NodeData)) {
    for child in node.children.borrow().iter() {
        visit(&child.data);
        walk(child, visit);
    }
}

/// The names of all elements of a tree, and `!` for each comment, declaration and the like.
fn markup_of(dom: &RcDom) -> Vec<String> {
    let mut found = Vec::new();
    walk(&dom.document, &mut |data| match data {
        NodeData::Text { .. } => {}
        NodeData::Element { name, .. } => found.push(name.local.to_string()),
        _ => found.push("!".to_owned()),
    });
    found
}

/// All attributes of a tree.
fn attributes_of(dom: &RcDom) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(&dom.document, &mut |data| {
        if let NodeData::Element { attrs, .. } = data {
            let pairs = attrs.borrow();
            found.extend(pairs.iter().map(|a| (a.name.local.to_string(), a.value.to_string())));
        }
    });
    found
}

/// What a parser makes of the text inside an element.
fn parse_inside(context: LocalName, text: &str) -> RcDom {
    let context = QualName::new(None, ns!(html), context);
    parse_fragment(RcDom::default(), ParseOpts::default(), context, vec![], false).one(text)
}

/// The markup of that.
fn markup_inside(context: LocalName, text: &str) -> Vec<String> {
    let mut found = markup_of(&parse_inside(context, text));
    // The root that every fragment is given.
    assert_eq!(found.remove(0), "html");
    found
}

/// What a parser makes of the text in each place where it might be put.
fn markup_in(text: &str) -> Vec<String> {
    let mut found = markup_inside(local_name!("body"), text);
    found.append(&mut markup_inside(local_name!("div"), text));
    found.append(&mut markup_inside(local_name!("td"), text));
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(text);
    found.extend(markup_of(&dom).into_iter().filter(|name| !["html", "head", "body"].contains(&name.as_str())));
    found
}

/// The text as it comes out of Postgres and back in: nothing but trimming and NFC.
fn unmarked(text: &str) -> String {
    text.trim().nfc().collect()
}

/// The text with a blank after every `<` that would begin a tag, a comment or a declaration (HTML standard, 13.2.5.6).
fn defused(text: &str) -> String {
    let mut parts = text.split('<');
    let mut defused = parts.next().unwrap().to_owned();
    for part in parts {
        let opens = part.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
        defused.push_str(if opens { "< " } else { "<" });
        defused.push_str(part);
    }
    defused
}

/// Pieces of which hostile text is made, apart from those with blanks in them.
const PIECES: &str = r#"< > </ /> <! <!-- --> --!> <? ]]> <![CDATA[ <!DOCTYPE = " ' / - ! & &lt; &#60; &amp; &lt &#7;
    <b> </b> b> <script> </script> script <style> </style> <textarea> </textarea> <title> <plaintext> <xmp> <svg> <math>
    <table> <td> <select> <template> <noscript> <iframe> <form> <p> <a <vector> <bob@example.com> 1<2>0 AT&T e é K>"#;

/// The others, and characters that matter to normalisation, trimming or parsers.
const SPECIAL: [&str; 22] = [
    " ",
    "a < b",
    "<a href=javascript:x>",
    "<p style=x onclick=y>",
    "<img src=x onerror=y>",
    "\u{301}",
    "\u{327}",
    "\u{338}",
    "\u{226e}",
    "\u{226f}",
    "\u{212a}",
    "\u{feff}",
    "\u{fffe}",
    "\u{a0}",
    "\u{2028}",
    "\u{1f600}",
    "\u{0}",
    "\u{b}",
    "\u{85}",
    "\n",
    "\t",
    "\r\n",
];

fn piece() -> impl Strategy<Value = String> {
    let pieces: Vec<&str> = PIECES.split_whitespace().collect();
    prop_oneof![
        6 => proptest::sample::select(pieces).prop_map(str::to_owned),
        3 => proptest::sample::select(&SPECIAL).prop_map(str::to_owned),
        1 => ".{0,6}",
        1 => "[ -~]{0,6}",
    ]
}

fn hostile() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

/// The same, but without what is always refused, so that more of it is kept.
fn tame() -> impl Strategy<Value = String> {
    hostile().prop_map(|text| text.chars().filter(|c| !c.is_control()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_clean_title_holds_nothing_that_a_parser_takes_for_markup(text in prop_oneof![hostile(), tame()]) {
        if let Ok(title) = clean(&text) {
            prop_assert_eq!(markup_in(&title), Vec::<String>::new(), "{:?}", title);
        }
    }

    #[test]
    fn sanitising_a_title_twice_is_sanitising_it_once(text in prop_oneof![hostile(), tame()]) {
        if let Ok(title) = clean(&text) {
            prop_assert_eq!(clean(&title), Ok(title.clone()));
            prop_assert_eq!(unmarked(&title), title);
        }
    }

    #[test]
    fn text_that_no_parser_takes_for_markup_survives(text in prop_oneof![tame(), "[^<\\p{Cc}]{1,60}"]) {
        let text = defused(&unmarked(&text));
        prop_assume!(text.chars().any(is_visible));
        prop_assert_eq!(markup_in(&text), Vec::<String>::new());
        prop_assert_eq!(plain(&text, text.len(), &SanitisingBudget::default()), Ok(text));
    }

    #[test]
    fn sanitising_a_description_twice_is_sanitising_it_once(text in prop_oneof![hostile(), tame()]) {
        if let Ok(description) = sanitise(&text) {
            prop_assert_eq!(sanitise(&description), Ok(description.clone()));
            prop_assert_eq!(unmarked(&description), description);
        }
    }

    #[test]
    fn nothing_in_a_sanitised_description_runs_or_restyles(text in prop_oneof![hostile(), tame()]) {
        if let Ok(description) = sanitise(&text) {
            let elements = ammonia::Builder::default().clone_tags();
            for name in markup_inside(local_name!("body"), &description) {
                prop_assert!(elements.contains(name.as_str()), "{name} in {description:?}");
            }
            for (name, value) in attributes_of(&parse_inside(local_name!("body"), &description)) {
                let runs = name.starts_with("on") || value.trim_start().to_lowercase().starts_with("javascript:");
                prop_assert!(!runs && name != "style", "{name} in {description:?}");
            }
        }
    }
}

#[test]
fn markup_goes_until_none_is_left() {
    let cases = [
        ("<<b>script>alert(1)<</b>/script>", Err("too_short")),
        ("<<b>i>x", Ok("x")),
        ("<<<b>b>b>x", Ok("x")),
        ("<scr<script></script>ipt>x</script>y", Ok("ipt>xy")),
        ("<scr<!-- -->ipt>x", Ok("ipt>x")),
        ("<<!-- -->b>x", Ok("x")),
        ("<</b>/b>x", Ok("x")),
        ("<textarea><b>x</b></textarea>", Ok("x")),
        ("x <b", Err("unclosed_markup")),
        ("<<b>b x", Err("unclosed_markup")),
        ("profit<target", Err("unclosed_markup")),
        ("see <Oct 5 for more", Err("unclosed_markup")),
        ("see < Oct 5 for more", Ok("see < Oct 5 for more")),
    ];
    for (text, expected) in cases {
        assert_eq!(clean(text), expected.map(str::to_owned), "{text}");
    }
}

#[test]
fn what_is_not_markup_comes_back_byte_for_byte() {
    for text in
        ["a < b", "AT&T", "1<2>0", "&lt;b&gt;", "&amp;amp;", "<3", "a <= b >= c", "\u{226e}", "¯\\_(ツ)_/¯", "-> <-"]
    {
        assert_eq!(clean(text), Ok(text.to_owned()));
    }
}

#[test]
fn normalisation_neither_hides_nor_makes_markup() {
    // With the overlay, `<` and `>` are other characters, in whichever way they are written.
    assert_eq!(clean("<\u{338}b>x"), Ok("\u{226e}b>x".to_owned()));
    assert_eq!(clean("\u{226e}b>x"), Ok("\u{226e}b>x".to_owned()));
    assert_eq!(clean("x <b>\u{338}"), Err("unclosed_markup"));
    assert_eq!(clean("x <b>\u{338}>"), Ok("x".to_owned()));
    // The Kelvin sign is a K.
    assert_eq!(clean("<\u{212a}>x"), Ok("x".to_owned()));
    // Without the tag between them, letter and accent are one character.
    assert_eq!(clean("e<b>x</b>\u{301}"), Ok("ex\u{301}".to_owned()));
    assert_eq!(clean("e<b></b>\u{301}"), Ok("\u{e9}".to_owned()));
    // The overlay comes first: this tag is called "i\u{226f}b".
    assert_eq!(clean("<i>\u{338}b>x"), Ok("x".to_owned()));
}

#[test]
fn white_space_goes_at_the_ends_only() {
    assert_eq!(clean(" \t\u{a0}a  b\u{2003}\r\n"), Ok("a  b".to_owned()));
    assert_eq!(clean("<b> a</b> b <i> </i>"), Ok("a b".to_owned()));
    for text in ["", " ", "\u{3000}", "<br>", " <b> </b> "] {
        assert_eq!(clean(text), Err("too_short"), "{text:?}");
    }
}

#[test]
fn control_characters_are_refused() {
    for c in (0..=0x1f).chain(0x7f..=0x9f).filter_map(char::from_u32) {
        assert_eq!(clean(&format!("a{c}b")), Err("control_character"), "{c:?}");
        assert_eq!(clean(&format!("a<b title='{c}'>b")), Err("control_character"), "{c:?}");
        let expected =
            if "\t\n\r".contains(c) { Ok(format!("a{c}b").replace('\r', "\n")) } else { Err("control_character") };
        assert_eq!(sanitise(&format!("a{c}b")), expected, "{c:?}");
    }
    // Format characters are no control characters: emoji are joined by them.
    assert_eq!(clean("\u{1f468}\u{200d}\u{1f469}"), Ok("\u{1f468}\u{200d}\u{1f469}".to_owned()));
}

#[test]
fn a_character_is_a_scalar_value_and_counts_after_sanitising() {
    for c in ["a", "é", "\u{1f600}", "<", "&"] {
        assert_eq!(clean(&c.repeat(TITLE)), Ok(c.repeat(TITLE)));
        assert_eq!(clean(&c.repeat(TITLE + 1)), Err("too_long"));
    }
    assert_eq!(clean(&"e\u{301}".repeat(TITLE)), Ok("é".repeat(TITLE)));
    assert_eq!(clean(&format!("<script>{}</script>{}", "x".repeat(9000), "y".repeat(TITLE))), Ok("y".repeat(TITLE)));
    assert_eq!(sanitise(&"é".repeat(10_000)), Ok("é".repeat(10_000)));
    assert_eq!(sanitise(&"é".repeat(10_001)), Err("too_long"));
    assert_eq!(sanitise(&format!("<style>{}</style>y", "x".repeat(20_000))), Ok("y".to_owned()));
}

#[test]
fn line_ends_of_a_description_become_line_feeds() {
    assert_eq!(sanitise("a\r\nb\rc\n\td\r\n"), Ok("a\nb\nc\n\td".to_owned()));
    assert_eq!(sanitise("a&#13;b"), Ok("a\nb".to_owned()));
    assert_eq!(sanitise("a&#7;b"), Err("control_character"));
    assert_eq!(sanitise("a&#0;b"), Ok("a\u{fffd}b".to_owned()));
    assert_eq!(sanitise(" <script>x</script> "), Ok(String::new()));
}

#[test]
fn references_do_not_undo_normalisation() {
    assert_eq!(sanitise("e&#x301;"), Ok("é".to_owned()));
    let description = sanitise("<b>&#x338;x</b>").unwrap();
    assert_eq!(sanitise(&description), Ok(description.clone()));
    assert_eq!(unmarked(&description), description);
}

#[test]
fn hostile_length_is_refused_before_it_costs_anything() {
    for text in ["a", "<", "<b>", "<b a=", "&", "<!--", "e\u{301}"] {
        let text = text.repeat(1024 * 1024 / text.len());
        assert_eq!(clean(&text), Err("too_long"));
        assert_eq!(sanitise(&text), Err("too_long"));
    }
    let nested = |depth: usize| format!("{}{}x", "<".repeat(depth), "b>".repeat(depth));
    assert_eq!(clean(&nested(40)), Ok("x".to_owned()));
    assert_eq!(clean(&nested(100)), Err("too_much_markup"));
    assert_eq!(clean(&nested(5000)), Err("too_much_markup"));
}

#[test]
fn markup_that_never_ends_is_text_in_a_description() {
    for (given, kept) in [
        ("profit<target", "profit&lt;target"),
        ("see <Oct 5 for more", "see &lt;Oct 5 for more"),
        ("<b>bold</b>, <i", "<b>bold</b>, &lt;i"),
        ("a <!-- b", "a &lt;!-- b"),
        ("a </", "a &lt;/"),
        ("<b title='x> <i>y</i>", "&lt;b title='x&gt; <i>y</i>"),
        ("a <b>c</b> <script>d", "a <b>c</b>"),
    ] {
        assert_eq!(sanitise(given).as_deref(), Ok(kept), "{given}");
    }
}

/// Texts that cost a parser much more than their length: each has all that fits into a request.
fn costly() -> Vec<String> {
    let attributes = |count: usize| (0..count).fold(String::new(), |text, n| format!("{text} a{n}"));
    let nested = |depth: usize, count: usize| (0..depth).map(|n| format!("<b{} b{n}>", attributes(count))).collect();
    vec![
        format!("<b{}>", attributes(15_000).get(..60_000).unwrap()),
        nested(180, 85),
        nested(180, 60),
        nested(250, 40),
        format!("{}{}", "<div>".repeat(200), "</b>".repeat(16_000)),
        format!("{}{}", "<b>".repeat(250), "</i>".repeat(16_000)),
        "<a b c d e f g>".repeat(4_000),
        "<p>".repeat(4_900),
    ]
}

#[test]
fn the_texts_of_a_request_share_the_steps_that_sanitising_takes() {
    for text in costly() {
        let budget = SanitisingBudget::default();
        let refused = (0..100).filter(|_| rich(&text, 10_000, &budget).is_err()).count();
        assert!(refused > 0 && budget.spent() <= SanitisingBudget::STEPS, "{}…", text.get(..40).unwrap());
    }
}

#[test]
fn a_batch_of_ordinary_texts_is_within_the_budget() {
    let paragraph =
        "<p class=\"x\">Some <b>words</b> with <a href=\"https://example.com/\">a link</a> &amp; more, twice.</p>\n";
    let text = paragraph.repeat(100);
    let budget = SanitisingBudget::default();
    for _ in 0..100 {
        rich(&text, 20_000, &budget).unwrap();
        plain("A <b>title</b> of a todo", TITLE, &budget).unwrap();
    }
    assert!(budget.spent() < SanitisingBudget::STEPS * 2 / 3, "{}", budget.spent());
}
