//! The manifests in `deploy/` fit together: each object stands once, and what refers to another thing names it as it is. Whether
//! the fields exist is for the schemas of Kubernetes to say (`deploy/README.md` has the command).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected is meant to fail there and then"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use todo_api::config::SETTINGS;

/// The two ways to run the service. Each is applied together with the folder `jobs`.
const WAYS: [&str; 2] = ["kubernetes", "spinkube"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// All objects of a folder. A key that stands twice in one mapping is an error.
fn objects(folder: &str) -> Vec<Value> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join(folder)).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let texts = files.iter().filter(|file| file.extension().is_some_and(|end| end == "yaml")).map(|file| {
        let text = fs::read_to_string(file).unwrap();
        let documents = serde_norway::Deserializer::from_str(&text);
        let values = documents.map(|document| {
            let value = serde_norway::Value::deserialize(document).unwrap_or_else(|error| panic!("{file:?}: {error}"));
            serde_json::to_value(value).unwrap()
        });
        values.collect::<Vec<_>>()
    });
    texts.flatten().collect()
}

fn only(objects: &[Value], kind: &str) -> Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let first = found.next().unwrap_or_else(|| panic!("there is no {kind}")).clone();
    assert!(found.next().is_none(), "there are several of {kind}");
    first
}

/// Whether everything that the selector asks for is among the labels, and it asks for something.
#[track_caller]
fn selects(selector: &Value, labels: &Value) {
    let asked = selector.as_object().unwrap_or_else(|| panic!("no selector: {selector}"));
    assert!(!asked.is_empty() && asked.iter().all(|(name, value)| &labels[name] == value), "{selector} of {labels}");
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn names(values: &Value) -> BTreeSet<&str> {
    list(values).iter().map(|value| value["name"].as_str().unwrap()).collect()
}

/// Every value under this key, at any depth.
fn under<'a>(value: &'a Value, key: &str, into: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| {
            if name == key {
                into.push(inner);
            }
            under(inner, key, into);
        }),
        Value::Array(items) => items.iter().for_each(|item| under(item, key, into)),
        _ => {}
    }
}

#[test]
fn every_object_stands_once_and_in_one_namespace() {
    for way in WAYS {
        let mut seen = BTreeSet::new();
        for object in objects(way).into_iter().chain(objects("jobs")) {
            assert!(object["apiVersion"].is_string(), "{object}");
            assert_eq!(object["metadata"]["namespace"], "todo", "{object}");
            let key = (object["kind"].to_string(), object["metadata"]["name"].to_string());
            assert!(seen.insert(key.clone()), "{way}: {key:?} stands twice, and the last one that is applied counts");
        }
    }
}

#[test]
fn what_selects_pods_finds_those_of_the_deployment() {
    let all = objects("kubernetes");
    let deployment = only(&all, "Deployment");
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    selects(&deployment["spec"]["selector"]["matchLabels"], labels);
    selects(&only(&all, "Service")["spec"]["selector"], labels);
    selects(&only(&all, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"], labels);
    selects(&only(&all, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"], labels);
    for spread in list(&deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]) {
        selects(&spread["labelSelector"]["matchLabels"], labels);
    }
    // The autoscaler and the budget serve the pods of SpinKube, too.
    selects(
        &only(&all, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        &only(&objects("spinkube"), "SpinApp")["spec"]["podLabels"],
    );
    let autoscaler = only(&all, "HorizontalPodAutoscaler");
    let target = &autoscaler["spec"]["scaleTargetRef"];
    assert_eq!(
        (&target["apiVersion"], &target["kind"], &target["name"]),
        (&deployment["apiVersion"], &deployment["kind"], &deployment["metadata"]["name"])
    );
    let least = autoscaler["spec"]["minReplicas"].as_u64().unwrap();
    assert!(least >= 2 && least <= autoscaler["spec"]["maxReplicas"].as_u64().unwrap(), "{autoscaler}");
    assert_eq!(deployment["spec"]["replicas"].as_u64(), Some(least), "what is applied scales down what has grown");
}

/// Both pools of each replica, those of a rollout included, and of each environment. Postgres has 200 in the example of the README.
#[test]
fn connections_of_all_replicas_fit_into_postgres_and_the_pooler() {
    let all = objects("kubernetes");
    let surge = &only(&all, "Deployment")["spec"]["strategy"]["rollingUpdate"]["maxSurge"];
    let replicas =
        only(&all, "HorizontalPodAutoscaler")["spec"]["maxReplicas"].as_u64().unwrap() + surge.as_u64().unwrap();
    let pooler = fs::read_to_string(root().join("pgbouncer/pgbouncer.ini")).unwrap();
    let clients = pooler.lines().find_map(|line| line.strip_prefix("max_client_conn = ")).unwrap();
    for environment in ["staging", "production"] {
        let config = fs::read_to_string(root().join(format!("config/{environment}.toml"))).unwrap();
        let each = config.lines().find_map(|line| line.strip_prefix("max_connections = ")).unwrap();
        let open = replicas * 2 * each.parse::<u64>().unwrap();
        assert!(open <= clients.parse().unwrap(), "{environment}: {open} of {clients} clients of the pooler");
        assert!(open <= 200 - 3, "{environment}: {open} connections");
    }
}

#[test]
fn ports_probes_and_volumes_are_those_of_the_container() {
    let all = objects("kubernetes");
    let deployment = only(&all, "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    let [container] = list(&pod["containers"]) else { panic!("one container: {pod}") };
    let ports = names(&container["ports"]);
    for port in list(&only(&all, "Service")["spec"]["ports"]) {
        assert!(ports.contains(port["targetPort"].as_str().unwrap()), "{port}");
    }
    for (probe, path) in
        [("startupProbe", "/health/live"), ("readinessProbe", "/health/ready"), ("livenessProbe", "/health/live")]
    {
        let get = &container[probe]["httpGet"];
        assert_eq!(get["path"], path, "{probe}");
        assert!(ports.contains(get["port"].as_str().unwrap()), "{probe}");
    }
    let port = &container["ports"][0]["containerPort"];
    let listen = format!("--listen=0.0.0.0:{port}");
    assert!(list(&container["args"]).iter().any(|argument| argument == listen.as_str()), "{listen}");
    let policy = only(&all, "NetworkPolicy");
    let mut open = list(&policy["spec"]["ingress"]).iter().flat_map(|rule| list(&rule["ports"]));
    assert!(open.any(|rule| &rule["port"] == port), "the policy lets nobody reach {port}");
    assert_eq!(names(&container["volumeMounts"]), names(&pod["volumes"]));
}

#[test]
fn secrets_and_settings_are_those_that_the_readme_makes() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for way in WAYS {
        let all = objects(way);
        let all = Value::Array(all);
        let (mut keys, mut maps) = (Vec::new(), Vec::new());
        under(&all, "secretKeyRef", &mut keys);
        assert_eq!(keys.len(), 3, "{way}");
        for reference in keys {
            let (name, key) = (reference["name"].as_str().unwrap(), reference["key"].as_str().unwrap());
            let made = format!("create secret generic {name} ");
            assert!(readme.contains(&made) && readme.contains(&format!("--from-literal={key}=")), "{reference}");
        }
        under(&all, "configMap", &mut maps);
        for map in maps {
            let made = format!("create configmap {} ", map["name"].as_str().unwrap());
            assert!(readme.contains(&made), "{map}");
        }
    }
    let spinkube = objects("spinkube");
    let app = only(&spinkube, "SpinApp");
    for name in names(&app["spec"]["variables"]) {
        assert!(SETTINGS.iter().any(|setting| setting.name == name), "there is no setting {name}");
    }
    assert_eq!(app["spec"]["executor"], only(&spinkube, "SpinAppExecutor")["metadata"]["name"]);
    let made = format!("create secret generic {} ", app["spec"]["runtimeConfig"]["loadFromSecret"].as_str().unwrap());
    assert!(readme.contains(&made), "{made}");
    assert_eq!(app["spec"]["checks"]["readiness"]["httpGet"]["path"], "/health/ready");
    assert_eq!(app["spec"]["checks"]["liveness"]["httpGet"]["path"], "/health/live");
}

#[test]
fn the_sweep_asks_the_service() {
    let service = only(&objects("kubernetes"), "Service");
    let sweep = only(&objects("jobs"), "CronJob");
    let mut arguments = Vec::new();
    under(&sweep, "args", &mut arguments);
    let url = format!(
        "http://{}.{}.svc/health/ready",
        service["metadata"]["name"].as_str().unwrap(),
        service["metadata"]["namespace"].as_str().unwrap()
    );
    assert_eq!(service["spec"]["ports"][0]["port"], 80);
    assert_eq!(list(arguments[0]).last().unwrap(), url.as_str());
}
