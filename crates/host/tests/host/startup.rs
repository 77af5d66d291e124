use todo_host::{Host, Options};

use crate::fixture::{manifest, probe};

/// Why an application with one component of this name and source does not start.
async fn refusal(name: &str, source: &str) -> String {
    let text = format!(
        "spin_manifest_version = 2\n[application]\nname = \"r\"\n[[trigger.http]]\nroute = \"/...\"\n\
         component = \"{name}\"\n[component.{name}]\nsource = {source:?}\n"
    );
    let started = Host::start(Options { manifest: manifest(&text), ..Options::default() }).await;
    format!("{:#}", started.err().expect("it must not start"))
}

/// Writes a component's bytes to a file.
fn component(name: &str, bytes: &[u8]) -> String {
    let path = manifest("").with_file_name(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn a_component_that_imports_more_than_its_world_allows_is_refused() {
    let refusal = refusal("docs", probe().to_str().unwrap()).await;
    assert!(refusal.contains("component `docs` imports `"), "{refusal}");
    assert!(refusal.contains("wit/worlds.wit does not allow"), "{refusal}");
}

#[tokio::test]
async fn a_component_that_handles_no_requests_is_refused() {
    let empty = component("empty.wasm", b"\0asm\x0d\0\x01\0");
    let refusal = refusal("probe", &empty).await;
    assert!(refusal.contains("does not export wasi:http/handler@0.3.0"), "{refusal}");
}

#[tokio::test]
async fn a_file_that_is_missing_or_no_component_is_named() {
    let missing = refusal("probe", "no/such.wasm").await;
    assert!(missing.contains("no/such.wasm: build it first"), "{missing}");
    let nonsense = component("nonsense.wasm", b"nonsense");
    let refusal = refusal("probe", &nonsense).await;
    assert!(refusal.contains("is not a WebAssembly component"), "{refusal}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = "spin_manifest_version = 2\n[application]\nname = \"r\"\n[trigger]\n";
    let options = Options { manifest: manifest(text), listen: taken.local_addr().unwrap(), ..Options::default() };
    let error = format!("{:#}", Host::start(options).await.err().unwrap());
    assert!(error.contains(&format!("cannot listen on {}", taken.local_addr().unwrap())), "{error}");
}

#[tokio::test]
async fn an_allowed_host_that_a_variable_spoils_names_its_place() {
    let text = format!(
        "spin_manifest_version = 2\n[application]\nname = \"r\"\n[variables]\nport = {{ default = \"none\" }}\n\
         [[trigger.http]]\nroute = \"/...\"\ncomponent = \"probe\"\n[component.probe]\nsource = {:?}\n\
         allowed_outbound_hosts = [\"http://a:{{{{ port }}}}\"]\n",
        probe()
    );
    let options = Options { manifest: manifest(&text), ..Options::default() };
    let error = format!("{:#}", Host::start(options).await.err().unwrap());
    assert!(error.contains(".toml:11:27: "), "{error}");
    assert!(error.contains("port \"none\" is not a number"), "{error}");
}
