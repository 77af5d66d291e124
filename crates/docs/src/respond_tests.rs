use super::{CONTENT_SECURITY_POLICY, respond};
use crate::{
    assets::{ASSETS, find},
    problems::{FAULTS, PROBLEMS},
    settings::DocsSettings,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

const OPEN: DocsSettings = DocsSettings { enabled: true, hsts: false };

fn ask(method: Method, path: &str, headers: &[(HeaderName, &str)]) -> Response<Full<Bytes>> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    respond(&method, path, &map, OPEN)
}

fn get(path: &str) -> Response<Full<Bytes>> {
    ask(Method::GET, path, &[])
}

fn header<'a>(response: &'a Response<Full<Bytes>>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn bytes(response: Response<Full<Bytes>>) -> Bytes {
    match pin!(response.into_body().collect()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(body) => body.unwrap().to_bytes(),
        Poll::Pending => unreachable!("a full body is ready at once"),
    }
}

fn text(response: Response<Full<Bytes>>) -> String {
    String::from_utf8(bytes(response).to_vec()).unwrap()
}

#[test]
fn each_page_is_served_with_and_without_a_trailing_slash() {
    for path in [
        "/docs",
        "/docs/",
        "/docs/assistants",
        "/docs/errors",
        "/docs/errors/",
        "/docs/lists",
        "/docs/migrating",
        "/docs/sync",
    ] {
        let response = get(path);
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&response, "cache-control"), "public, no-cache");
        assert!(text(response).contains("<h1>"), "{path}");
    }
}

#[test]
fn every_asset_comes_compressed_and_plain_with_a_tag_for_each() {
    for asset in ASSETS.iter().filter(|asset| asset.path.starts_with('/')) {
        let plain = get(asset.path);
        let gzip = ask(Method::GET, asset.path, &[(header::ACCEPT_ENCODING, "br, gzip;q=0.5")]);
        assert_eq!(header(&plain, "content-encoding"), "");
        assert_eq!(header(&gzip, "content-encoding"), "gzip");
        assert_eq!(header(&plain, "vary"), "Accept-Encoding");
        assert_eq!(header(&gzip, "etag"), format!("{}-gzip\"", header(&plain, "etag").trim_end_matches('"')));
        assert_eq!(header(&plain, "content-length"), asset.length.to_string());
        assert_eq!(bytes(plain).len(), asset.length, "{}", asset.path);
        assert_eq!(bytes(gzip), asset.gzip, "{}", asset.path);
    }
}

#[test]
fn gzip_is_sent_only_to_those_who_take_it() {
    for (accepted, expected) in [
        ("gzip", "gzip"),
        ("deflate, GZIP", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", ""),
        ("gzip; q=0.0, *", ""),
        ("*;q=0", ""),
        ("identity", ""),
        ("", ""),
    ] {
        let response = ask(Method::GET, "/docs", &[(header::ACCEPT_ENCODING, accepted)]);
        assert_eq!(header(&response, "content-encoding"), expected, "{accepted:?}");
    }
}

#[test]
fn a_client_that_has_the_page_gets_304_whichever_form_it_has() {
    let tag = header(&get("/docs"), "etag").to_string();
    let compressed = format!("{}-gzip\"", tag.trim_end_matches('"'));
    for condition in [tag.clone(), compressed, format!("W/{tag}"), format!("\"other\", {tag}"), "*".into()] {
        let response = ask(Method::GET, "/docs", &[(header::IF_NONE_MATCH, &condition)]);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{condition}");
        assert_eq!(header(&response, "etag"), tag);
        assert!(bytes(response).is_empty());
    }
    assert_eq!(ask(Method::GET, "/docs", &[(header::IF_NONE_MATCH, "\"other\"")]).status(), StatusCode::OK);
}

#[test]
fn head_answers_as_get_without_a_body() {
    let (head, get) = (ask(Method::HEAD, "/docs/errors", &[]), get("/docs/errors"));
    assert_eq!(head.status(), get.status());
    assert_eq!(head.headers(), get.headers());
    assert!(bytes(head).is_empty());
}

#[test]
fn other_methods_are_refused_with_allow() {
    let response = ask(Method::POST, "/docs", &[]);
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&response, "allow"), "GET, HEAD, OPTIONS");
    assert!(text(response).contains("can only be read"));

    let options = ask(Method::OPTIONS, "/docs", &[]);
    assert_eq!(options.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&options, "allow"), "GET, HEAD, OPTIONS");
}

#[test]
fn an_unknown_path_gets_a_page_that_leads_back() {
    for path in ["/docs/nothing", "/docs//", "/docs/assets/", "/docs/../docs", ":not-found", "/docs/:not-found"] {
        let response = get(path);
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert!(text(response).contains("href=\"/docs/errors\""));
    }
}

#[test]
fn every_answer_carries_the_security_headers() {
    let answers = [get("/docs"), get("/docs/nothing"), ask(Method::PUT, "/docs", &[]), ask(Method::HEAD, "/docs", &[])];
    for response in answers {
        assert_eq!(header(&response, "content-security-policy"), CONTENT_SECURITY_POLICY);
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "x-frame-options"), "DENY");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        assert_eq!(header(&response, "cross-origin-resource-policy"), "same-origin");
        assert_eq!(header(&response, "strict-transport-security"), "");
    }
    let strict = respond(&Method::GET, "/docs", &HeaderMap::new(), DocsSettings { hsts: true, ..OPEN });
    assert_eq!(header(&strict, "strict-transport-security"), "max-age=63072000; includeSubDomains");
}

#[test]
fn nothing_is_served_when_the_pages_are_off() {
    for path in ["/docs", "/docs/errors", "/docs/nothing"] {
        let response = respond(&Method::GET, path, &HeaderMap::new(), DocsSettings { enabled: false, ..OPEN });
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(bytes(response).is_empty());
    }
}

#[test]
fn pages_refer_only_to_what_this_component_and_the_api_serve() {
    for path in
        ["/docs", "/docs/assistants", "/docs/errors", "/docs/lists", "/docs/migrating", "/docs/sync", "/docs/nothing"]
    {
        let page = text(get(path));
        for attribute in ["href=\"", "src=\""] {
            for reference in page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()) {
                let (target, anchor) = reference.split_once('#').unwrap_or((reference, ""));
                let (target, _) = target.split_once('?').unwrap_or((target, ""));
                let known = match target {
                    "" | "/api/v1/openapi.json" | "/api/v2/openapi.json" => true,
                    _ => target.starts_with('/') && find(target).is_some(),
                };
                assert!(known, "{path} refers to {reference}");
                if target.is_empty() {
                    assert!(page.contains(&format!("id=\"{anchor}\"")), "{path} has no anchor {anchor}");
                }
            }
        }
        assert!(!page.contains("<style") && !page.contains("style=\"") && !page.contains("onclick"), "{path}");
    }
}

#[test]
fn assets_that_never_change_say_so() {
    let assets: Vec<_> = ASSETS.iter().filter(|asset| asset.path.starts_with("/docs/assets/")).collect();
    assert_eq!(assets.len(), 8);
    for asset in assets {
        assert_eq!(header(&get(asset.path), "cache-control"), "public, max-age=31536000, immutable");
    }
}

#[test]
fn every_code_has_its_anchor_and_is_listed_once() {
    let page = text(get("/docs/errors"));
    for problem in PROBLEMS {
        assert_eq!(page.matches(&format!("id=\"{}\"", problem.code)).count(), 1, "{}", problem.code);
        assert!((400..600).contains(&problem.status));
    }
    for fault in FAULTS {
        assert_eq!(page.matches(&format!("id=\"fault-{}\"", fault.code)).count(), 1, "{}", fault.code);
    }
}
