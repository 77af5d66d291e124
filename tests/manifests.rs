//! The manifests in `deploy/` fit together: each object stands once, and what refers to another thing names it as it
//! is. Whether the fields of Kubernetes exist is for its schemas to say (`cargo xtask manifests-check`); those of
//! SpinKube that are used are listed here.
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
use serde_json::{Value, json};
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

/// Both pools of each replica, those of a rollout included, and of each environment. Postgres has 200 in the example of
/// the README.
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

/// Wherever the configuration or the pooler says that Postgres, Redis and the pooler are, the pods may go.
#[test]
fn the_policy_lets_the_pods_reach_postgres_the_pooler_and_redis() {
    let policy = only(&objects("kubernetes"), "NetworkPolicy");
    let read = |path: String| -> toml::Table { fs::read_to_string(root().join(path)).unwrap().parse().unwrap() };
    let open = |name: &str, port: u64| {
        let to = json!({ "app.kubernetes.io/name": name });
        let mut rules = list(&policy["spec"]["egress"]).iter();
        rules.any(|rule| {
            rule["ports"] == json!([{ "protocol": "TCP", "port": port }])
                && list(&rule["to"]).iter().any(|peer| peer["podSelector"]["matchLabels"] == to)
        })
    };
    for environment in ["staging", "production"] {
        let file = read(format!("config/{environment}.toml"));
        let values = &file["variables_provider"][0]["values"];
        for (name, setting) in [("postgres", "database_port"), ("redis", "redis_port")] {
            let port = values[setting].as_str().unwrap().parse().unwrap();
            assert!(open(name, port), "{environment}: the policy does not let the pods reach {name} at {port}");
        }
    }
    let pooler = fs::read_to_string(root().join("pgbouncer/pgbouncer.ini")).unwrap();
    let port = pooler.lines().find_map(|line| line.strip_prefix("listen_port = ")).unwrap().parse().unwrap();
    assert!(open("pgbouncer", port), "the policy does not let the pods reach the pooler at {port}");
}

/// The fields of SpinKube that `spinkube/` uses, with their types: those of `core.spinkube.dev/v1alpha1`, as the
/// operator has them in `api/v1alpha1/spinapp_types.go` and `spinappexecutor_types.go`, in its versions 0.4.0 to 0.6.1.
/// A `*` is any index or name.
const SPINKUBE: [(&str, &str); 20] = [
    ("SpinApp/spec/image", "string"),
    ("SpinApp/spec/executor", "string"),
    ("SpinApp/spec/replicas", "integer"),
    ("SpinApp/spec/runtimeConfig/loadFromSecret", "string"),
    ("SpinApp/spec/variables/*/name", "string"),
    ("SpinApp/spec/variables/*/valueFrom/secretKeyRef/name", "string"),
    ("SpinApp/spec/variables/*/valueFrom/secretKeyRef/key", "string"),
    ("SpinApp/spec/checks/readiness|liveness/httpGet/path", "string"),
    ("SpinApp/spec/checks/readiness|liveness/httpGet/httpHeaders", "array"),
    ("SpinApp/spec/checks/readiness|liveness/initialDelaySeconds", "integer"),
    ("SpinApp/spec/checks/readiness|liveness/periodSeconds", "integer"),
    ("SpinApp/spec/checks/readiness|liveness/timeoutSeconds", "integer"),
    ("SpinApp/spec/checks/readiness|liveness/failureThreshold", "integer"),
    ("SpinApp/spec/resources/requests/*", "quantity"),
    ("SpinApp/spec/resources/limits/*", "quantity"),
    ("SpinApp/spec/podLabels/*", "string"),
    ("SpinAppExecutor/spec/createDeployment", "boolean"),
    ("SpinAppExecutor/spec/deploymentConfig/spinImage", "string"),
    ("SpinAppExecutor/spec/deploymentConfig/installDefaultCACerts", "boolean"),
    ("SpinAppExecutor/spec/deploymentConfig/otel/exporter_otlp_endpoint", "string"),
];

/// Every value that holds no others, with the names that lead to it.
fn leaves<'a>(path: &[&'a str], value: &'a Value, into: &mut Vec<(Vec<&'a str>, &'a Value)>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| leaves(&[path, &[name]].concat(), inner, into)),
        Value::Array(items) if !items.is_empty() => {
            items.iter().for_each(|item| leaves(&[path, &["*"]].concat(), item, into));
        }
        _ => into.push((path.to_vec(), value)),
    }
}

#[test]
fn the_objects_of_spinkube_have_only_fields_that_there_are() {
    for object in objects("spinkube") {
        assert_eq!(object["apiVersion"], "core.spinkube.dev/v1alpha1");
        let mut found = Vec::new();
        leaves(&[object["kind"].as_str().unwrap(), "spec"], &object["spec"], &mut found);
        for (path, value) in found {
            let is_it = |known: &str| {
                let known: Vec<&str> = known.split('/').collect();
                let alike = |(known, own): (&&str, &&str)| *known == "*" || known.split('|').any(|name| name == *own);
                known.len() == path.len() && known.iter().zip(&path).all(alike)
            };
            let kind = SPINKUBE.iter().find(|(known, _)| is_it(known)).map(|(_, kind)| *kind);
            let fits = match kind.unwrap_or_else(|| panic!("SpinKube has no {path:?}, or the list lacks it")) {
                "string" => value.is_string(),
                "integer" => value.is_i64(),
                "boolean" => value.is_boolean(),
                "array" => value.is_array(),
                "quantity" => value.is_string() || value.is_i64(),
                unknown => panic!("the type {unknown} is not known to the tests"),
            };
            assert!(fits, "{path:?} is of another type: {value}");
        }
    }
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
