use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use todo_host::Options;

use crate::client::send;
use crate::fixture::{Fixture, Setup};

#[tokio::test]
async fn a_component_calls_a_private_sibling() {
    let fixture = Fixture::new().await;
    let answer = fixture.ask("/call", json!({ "url": "http://hidden.spin.internal/a/b?c=d", "body": 7 })).await;
    assert_eq!(answer["status"], 200, "{answer}");
    let echo: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(echo["body"], "7");
    let headers = echo["headers"].to_string();
    for expected in
        [r#"["spin-path-info","/a/b"]"#, r#"["spin-client-addr","0.0.0.0:0"]"#, r#"["spin-matched-route","/..."]"#]
    {
        assert!(headers.contains(expected), "{expected} in {headers}");
    }
    assert_eq!(fixture.counters().internal_requests, 1);
    assert_eq!(fixture.counters().requests, 2);
}

#[tokio::test]
async fn a_call_may_be_made_after_the_response() {
    let fixture = Fixture::new().await;
    fixture.ask("/call-later", json!({ "url": "http://hidden.spin.internal/taken" })).await;
    for _ in 0..50 {
        if fixture.counters().internal_requests == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the call was never made");
}

#[tokio::test]
async fn a_private_component_cannot_be_reached_from_outside() {
    let fixture = Fixture::new().await;
    for host in ["hidden.spin.internal", "hidden.spin.internal:80"] {
        let answer = send(fixture.address(), "/taken", &[("host", host)], Bytes::new()).await;
        assert!(answer.is_none(), "{answer:?}");
    }
    assert_eq!(fixture.counters().requests, 0);
}

#[tokio::test]
async fn a_sibling_that_is_not_listed_or_not_there_cannot_be_called() {
    let fixture = Fixture::start(Setup { allowed: &["http://nobody.spin.internal"], ..Setup::default() }).await;
    let denied = fixture.ask("/call", json!({ "url": "http://hidden.spin.internal/" })).await;
    assert!(denied["error"].as_str().unwrap().contains("HttpRequestDenied"), "{denied}");
    let absent = fixture.ask("/call", json!({ "url": "http://nobody.spin.internal/" })).await;
    assert!(absent["error"].as_str().unwrap().contains("DestinationNotFound"), "{absent}");
    assert_eq!(fixture.counters().internal_requests, 0);
}

#[tokio::test]
async fn the_network_is_reached_only_where_the_manifest_says() {
    let other = Fixture::new().await;
    let url = other.host.url();
    let fixture = Fixture::start(Setup { allowed: &[url.as_str()], ..Setup::default() }).await;
    let answer = fixture.ask("/call", json!({ "url": format!("{url}/taken") })).await;
    assert_eq!(answer, json!({ "status": 200, "body": "1" }));
    let denied = fixture.ask("/call", json!({ "url": "http://127.0.0.1:1/" })).await;
    assert!(denied["error"].as_str().unwrap().contains("HttpRequestDenied"), "{denied}");
    assert_eq!(fixture.counters().outbound_requests, 1);
}

#[tokio::test]
async fn a_component_reads_its_variables_and_no_others() {
    let manifest = "[component.probe.variables]\nurl = \"http://{{ place }}:80\"\n\
                    [component.hidden.variables]\nother = \"x\"\n[variables]\nplace = { required = true }\n";
    let options = Options { variables: vec![("place".into(), "here".into())], ..Options::default() };
    let fixture = Fixture::start(Setup { manifest, options, ..Setup::default() }).await;
    assert_eq!(fixture.ask("/variable", json!("url")).await, json!({ "ok": "http://here:80" }));
    for (name, error) in [("place", "Undefined"), ("other", "Undefined"), ("Not A Name", "InvalidName")] {
        let answer = fixture.ask("/variable", json!(name)).await;
        assert!(answer["error"].as_str().unwrap().contains(error), "{name}: {answer}");
    }
}
