//! Text of every kind, hostile text above all.

use serde_json::json;

use crate::harness::{Workspace, suite};

suite![
    what_is_no_markup_survives_byte_for_byte,
    elements_are_stripped_from_titles,
    markup_that_never_ends_is_refused_or_text,
    the_markup_of_a_request_is_bounded,
    stripping_leaves_no_element_behind,
    descriptions_keep_harmless_markup_alone,
    text_is_trimmed_and_normalised,
    line_ends_become_line_feeds,
    a_cleaned_title_is_clean,
    injections_are_only_text,
    every_plane_of_unicode_survives,
];

/// The title that comes back.
async fn title(ws: &Workspace, given: &str) -> String {
    let todo = ws.todo(json!({ "title": given })).await;
    let read = ws.get(&format!("/api/v2/todos/{}", todo["id"].as_str().unwrap())).send().await.ok();
    assert_eq!(read["title"], todo["title"]);
    todo["title"].as_str().unwrap().to_owned()
}

async fn what_is_no_markup_survives_byte_for_byte() {
    let ws = Workspace::new().await;
    for text in [
        "a < b",
        "AT&T",
        "1<2>0",
        "a > b",
        "x <- y",
        "<3",
        "if a<5 and b>3",
        "&amp;",
        "&lt;b&gt;",
        "&#60;b&#62;",
        "Tom & Jerry",
        "100% of \"it\"",
        "it's",
        "{{ template }}",
        "${x}",
        "\\n",
        "a\\b",
        "—…‘’“”",
        "C:\\temp",
        "<>",
        "< b>",
        "a<1b>",
        "<=>",
        "&",
        "&copy",
        "<",
        ">",
    ] {
        assert_eq!(title(&ws, text).await, text);
    }
}

async fn elements_are_stripped_from_titles() {
    let ws = Workspace::new().await;
    for (given, kept) in [
        ("<b>bold</b> text", "bold text"),
        ("a<script>alert(1)</script>b", "ab"),
        ("a<style>b{}</style>c", "ac"),
        ("a<!-- comment -->b", "ab"),
        ("vec <vector> x", "vec  x"),
        ("mail <bob@example.com>", "mail"),
        ("<img src=x onerror=alert(1)>x", "x"),
        ("<a href='javascript:alert(1)'>link</a>", "link"),
        ("<SCRIPT>x</SCRIPT>ok", "ok"),
        ("</b>x", "x"),
    ] {
        assert_eq!(title(&ws, given).await, kept, "{given}");
    }
}

async fn markup_that_never_ends_is_refused_or_text() {
    let ws = Workspace::new().await;
    for text in ["profit<target", "see <Oct 5 for more", "a </", "a <!--b", "a <?php"] {
        let body = json!({ "title": text, "tags": ["ok", text] });
        let problem = ws.post("/api/v2/todos").json(body).send().await.problem(422, "invalid_body");
        problem.at("/title", "unclosed_markup").at("/tags/1", "unclosed_markup").faults_are(2);
        for fault in problem.faults() {
            assert!(fault["detail"].as_str().is_some_and(|hint| hint.contains("put a space after it")), "{fault}");
        }
        let problem =
            ws.post("/api/v2/departments").json(json!({ "name": text })).send().await.problem(422, "invalid_body");
        problem.at("/name", "unclosed_markup").faults_are(1);
        ws.post("/api/v1/todos").json(json!({ "title": text })).send().await.v1_error(422, "invalid_body");
        let todo = ws.todo(json!({ "title": "x", "description": text })).await;
        assert_eq!(todo["description"], text.replace('<', "&lt;"));
    }
    assert_eq!(title(&ws, "profit < target").await, "profit < target");
}

async fn the_markup_of_a_request_is_bounded() {
    let ws = Workspace::new().await;
    let attributes = |count: usize| " a".to_owned() + &(0..count).map(|n| format!(" a{n}")).collect::<String>();
    let tag = |count: usize| format!("<b{}>x</b>", attributes(count));
    for field in ["title", "description"] {
        let mut todo = json!({ "title": "x" });
        todo[field] = json!(tag(60));
        ws.todo(todo.clone()).await;
        todo[field] = json!(tag(1000));
        let problem = ws.post("/api/v2/todos").json(todo).send().await.problem(422, "invalid_body");
        problem.at(&format!("/{field}"), "too_many_attributes").faults_are(1);
    }
    // No tag has many, but all of them have.
    let problem =
        ws.post("/api/v2/todos").json(json!({ "title": "x", "description": tag(60).repeat(70) })).send().await;
    problem.problem(422, "invalid_body").at("/description", "too_many_attributes").faults_are(1);
    ws.todo(json!({ "title": "x", "description": tag(60).repeat(60) })).await;
    let batch = |text: String, count: usize| {
        let operation = json!({ "op": "create", "todo": { "title": "x", "description": text } });
        ws.post("/api/v2/todos/batch").json(json!({ "operations": vec![operation; count] }))
    };
    // Each is sanitised by itself, if need be, but not all of them.
    let nested: String = (0..120).map(|n| format!("<b{} b{n}>", attributes(20))).collect();
    ws.todo(json!({ "title": "x", "description": nested })).await;
    let problem = batch(nested.clone(), 100).send().await.problem(422, "invalid_body");
    assert!(problem.faults().iter().all(|fault| fault["code"] == "too_much_markup"), "{:?}", problem.faults());
    assert!(problem.faults()[0]["pointer"] != "/operations/0/todo/description", "{:?}", problem.faults());
    let ordinary = "<p class=\"x\">Some <b>words</b>, <a href=\"https://example.com/\">a link</a>.</p>\n".repeat(90);
    batch(ordinary, 100).send().await.ok();
}

async fn stripping_leaves_no_element_behind() {
    let ws = Workspace::new().await;
    for given in [
        "<<b>script>alert(1)<</b>/script>x",
        "<scr<script>ipt>alert(1)</scr</script>ipt>x",
        "x<<i>i</i>mg src=x onerror=alert(1)>",
        "<<<<a>a>a>a>x",
        "x<!--<b>--><i>y",
        "<svg/onload=alert(1)>x",
        "x<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">",
    ] {
        let kept = title(&ws, given).await;
        let next_of = |index: usize| kept[index + 1..].chars().next();
        let open = kept
            .match_indices('<')
            .any(|(index, _)| next_of(index).is_some_and(|c| c.is_ascii_alphabetic() || "/!?".contains(c)));
        assert!(!open, "{given} became {kept}");
        assert_eq!(title(&ws, &kept).await, kept, "sanitising twice is sanitising once");
    }
}

async fn descriptions_keep_harmless_markup_alone() {
    let ws = Workspace::new().await;
    for (given, banned) in [
        ("<p>fine</p><script>alert(1)</script>", "script"),
        ("<img src=x onerror=alert(1)>", "onerror"),
        ("<a href=\"javascript:alert(1)\">x</a>", "javascript"),
        ("<p style=\"position:fixed\">x</p>", "style"),
        ("<iframe src=\"//x\"></iframe>x", "iframe"),
        ("<svg onload=alert(1)></svg>x", "onload"),
        ("<p onclick='x()'>x</p>", "onclick"),
        ("<style>*{}</style>x", "style"),
        ("<form action=x><input></form>x", "form"),
    ] {
        let todo = ws.todo(json!({ "title": "x", "description": given })).await;
        let kept = todo["description"].as_str().unwrap_or_default();
        assert!(!kept.contains(banned), "{given} became {kept}");
    }
    let description = "<p>a <strong>b</strong> <a href=\"https://example.com/\">c</a></p>";
    let todo = ws.todo(json!({ "title": "x", "description": description })).await;
    let kept = todo["description"].as_str().unwrap();
    assert!(kept.contains("<strong>b</strong>") && kept.contains("href=\"https://example.com/\""), "{kept}");
}

async fn text_is_trimmed_and_normalised() {
    let ws = Workspace::new().await;
    assert_eq!(title(&ws, "  e\u{301}te\u{301}  ").await, "été");
    assert_eq!(title(&ws, "\u{3000}wide\u{a0}").await, "wide");
    let todo = ws.todo(json!({ "title": "x", "tags": [" cafe\u{301} ", "café"] })).await;
    assert_eq!(todo["tags"], json!(["café"]));
}

async fn line_ends_become_line_feeds() {
    let ws = Workspace::new().await;
    let todo = ws.todo(json!({ "title": "x", "description": "a\r\nb\rc\nd\te" })).await;
    assert_eq!(todo["description"], "a\nb\nc\nd\te");
}

async fn a_cleaned_title_is_clean() {
    let ws = Workspace::new().await;
    // The bound holds after sanitising: markup that goes does not count.
    let given = format!("<b>{}</b>", "x".repeat(200));
    assert_eq!(title(&ws, &given).await, "x".repeat(200));
    for empty in ["<br>", "<!-- -->", "<script>x</script>", " <i> </i> "] {
        let answer = ws.post("/api/v2/todos").json(json!({ "title": empty })).send().await;
        answer.problem(422, "invalid_body").at("/title", "too_short");
    }
}

async fn injections_are_only_text() {
    let ws = Workspace::new().await;
    for text in [
        "'; drop table todos; --",
        "\\'; select pg_sleep(9); --",
        "$1",
        "%s%n",
        "') or 1=1 --",
        "{\"$ne\":1}",
        "\r\nX-Injected: 1",
    ] {
        let tag = text.trim();
        ws.todo(json!({ "title": tag, "tags": [tag] })).await;
        assert_eq!(ws.titles(&[("tag", tag)]).await, [tag]);
        ws.get("/api/v2/todos").query(&[("q", tag)]).send().await.ok();
    }
}

async fn every_plane_of_unicode_survives() {
    let ws = Workspace::new().await;
    for text in ["日本語", "עברית", "😀👩‍👩‍👧‍👦", "𝒳𝓎", "\u{10FFFD}", "a\u{200D}b", "İstanbul", "ß", "ﬁ"]
    {
        assert_eq!(title(&ws, text).await, text);
        let todo = ws.todo(json!({ "title": "t", "tags": [text] })).await;
        assert_eq!(todo["tags"], json!([text]));
    }
}
