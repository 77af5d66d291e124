//! The rules of a manifest, and which of Spin's features we refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use toml::{Spanned, Value};

use super::place::Source;
use super::{AllowedHost, Component, Manifest, Trigger, Variable, raw};
use crate::router;
use crate::template::{Template, validate_name};

type Result<T> = anyhow::Result<T>;

pub(super) fn manifest(raw: raw::Manifest, source: &Source<'_>, folder: &Path) -> Result<Manifest> {
    let raw::Manifest { spin_manifest_version: version, application, variables, trigger, component } = raw;
    if *version.get_ref() != 2 {
        return Err(source.error(&version.span(), "only spin_manifest_version = 2 is supported"));
    }
    let name = application.name.get_ref().clone();
    refuse(source, [("targets", application.targets), ("trigger", application.trigger)])?;
    let variables = self::variables(variables, source)?;
    let mut components = BTreeMap::new();
    for (name, raw) in component {
        kebab(&name, source)?;
        let checked = self::component(raw, &variables, source, folder)?;
        components.insert(name.into_inner(), checked);
    }
    let triggers = triggers(trigger, &components, source)?;
    Ok(Manifest { name, variables, components, triggers })
}

/// Refuses whatever of `fields` is present.
fn refuse<const N: usize>(source: &Source<'_>, fields: [(&str, raw::Present); N]) -> Result<()> {
    for (name, present) in fields {
        if let Some(value) = present {
            let message = format!("`{name}` is not supported by todo-host");
            return Err(source.error(&value.span(), message));
        }
    }
    Ok(())
}

fn variables(raw: BTreeMap<raw::Text, raw::Variable>, source: &Source<'_>) -> Result<BTreeMap<String, Variable>> {
    let mut checked = BTreeMap::new();
    for (name, variable) in raw {
        let span = name.span();
        validate_name(name.get_ref()).map_err(|error| source.error(&span, error))?;
        match (&variable.default, variable.required) {
            (Some(_), true) => {
                let message = format!("variable `{}` is required and has a default: choose one", name.get_ref());
                return Err(source.error(&span, message));
            }
            (None, false) => {
                let message = format!("variable `{}` needs a default or `required = true`", name.get_ref());
                return Err(source.error(&span, message));
            }
            _ => {}
        }
        let variable = Variable { default: variable.default };
        checked.insert(name.into_inner(), variable);
    }
    Ok(checked)
}

fn component(
    raw: raw::Component,
    variables: &BTreeMap<String, Variable>,
    source: &Source<'_>,
    folder: &Path,
) -> Result<Component> {
    refuse(
        source,
        [
            ("files", raw.files),
            ("exclude_files", raw.exclude_files),
            ("allowed_http_hosts", raw.allowed_http_hosts),
            ("key_value_stores", raw.key_value_stores),
            ("sqlite_databases", raw.sqlite_databases),
            ("ai_models", raw.ai_models),
            ("targets", raw.targets),
            ("dependencies_inherit_configuration", raw.dependencies_inherit_configuration),
            ("dependencies", raw.dependencies),
            ("profile", raw.profile),
        ],
    )?;
    let Value::String(path) = raw.source.get_ref() else {
        return Err(source.error(&raw.source.span(), "`source` must be a path; others are not supported by todo-host"));
    };
    let mut own_variables = BTreeMap::new();
    for (name, value) in raw.variables {
        validate_name(name.get_ref()).map_err(|error| source.error(&name.span(), error))?;
        own_variables.insert(name.into_inner(), template(&value, variables, source)?);
    }
    let mut allowed = Vec::new();
    for host in raw.allowed_outbound_hosts {
        let parsed = template(&host, variables, source)?;
        if parsed.names().next().is_none() {
            crate::allowed_hosts::parse_entry(host.get_ref()).map_err(|error| source.error(&host.span(), error))?;
        }
        allowed.push(AllowedHost { template: parsed, place: source.place(&host.span()) });
    }
    Ok(Component {
        source: folder.join(path),
        environment: raw.environment,
        variables: own_variables,
        allowed_outbound_hosts: allowed,
    })
}

/// Reads a template whose variables must all be declared.
fn template(text: &raw::Text, variables: &BTreeMap<String, Variable>, source: &Source<'_>) -> Result<Template> {
    let template = Template::parse(text.get_ref()).map_err(|error| source.error(&text.span(), error))?;
    if let Some(unknown) = template.names().find(|name| !variables.contains_key(*name)) {
        let message = format!("variable `{unknown}` is not declared under [variables]");
        return Err(source.error(&text.span(), message));
    }
    Ok(template)
}

fn triggers(raw: raw::Triggers, components: &BTreeMap<String, Component>, source: &Source<'_>) -> Result<Vec<Trigger>> {
    refuse(
        source,
        [
            ("trigger.redis", raw.redis),
            ("trigger.cron", raw.cron),
            ("trigger.mqtt", raw.mqtt),
            ("trigger.sqs", raw.sqs),
        ],
    )?;
    let mut routes = BTreeSet::new();
    let mut triggers = Vec::new();
    for trigger in raw.http {
        refuse(
            source,
            [
                ("static_response", trigger.static_response),
                ("components", trigger.components),
                ("dependencies", trigger.dependencies),
            ],
        )?;
        if let Some(executor) = trigger.executor.filter(|executor| executor.get_ref().kind != "http") {
            return Err(source.error(&executor.span(), "only the executor type \"http\" is supported by todo-host"));
        }
        let component = component_name(&trigger.component, components, source)?;
        let span = trigger.route.span();
        let route = route(trigger.route, source)?;
        let key = route.clone().unwrap_or_else(|| format!("{component}.spin.internal"));
        if !routes.insert(key.clone()) {
            return Err(source.error(&span, format!("the route {key:?} is given twice")));
        }
        triggers.push(Trigger { component, route });
    }
    Ok(triggers)
}

fn component_name(
    value: &Spanned<Value>,
    components: &BTreeMap<String, Component>,
    source: &Source<'_>,
) -> Result<String> {
    let Value::String(name) = value.get_ref() else {
        return Err(source.error(&value.span(), "an inline component is not supported by todo-host: name one"));
    };
    if !components.contains_key(name) {
        return Err(source.error(&value.span(), format!("there is no [component.{name}]")));
    }
    Ok(name.clone())
}

/// A text, or `{ private = true }`.
fn route(value: Spanned<Value>, source: &Source<'_>) -> Result<Option<String>> {
    let span: Range<usize> = value.span();
    match value.into_inner() {
        Value::String(route) => {
            router::validate(&route).map_err(|error| source.error(&span, error))?;
            Ok(Some(route))
        }
        Value::Table(table) if table.len() == 1 && table.get("private") == Some(&Value::Boolean(true)) => Ok(None),
        _ => Err(source.error(&span, "a route is a text or { private = true }")),
    }
}

/// Component names are words of lower-case letters and digits joined by hyphens, because they become host names.
fn kebab(name: &raw::Text, source: &Source<'_>) -> Result<()> {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if name.get_ref().split('-').all(word) {
        return Ok(());
    }
    let message = format!("component name {:?} is not kebab-case", name.get_ref());
    Err(source.error(&name.span(), message))
}
