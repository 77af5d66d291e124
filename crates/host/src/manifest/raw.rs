//! The manifest as it is written, before anything is checked.
//!
//! Fields that Spin knows and we do not support are listed, so that using one is an error that says so instead of
//! "unknown field"; a field that is in neither list is unknown to Spin too.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

pub(super) type Text = Spanned<String>;
/// Something that we only need to know the place of.
pub(super) type Present = Option<Spanned<Value>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) spin_manifest_version: Spanned<i64>,
    pub(super) application: Application,
    #[serde(default)]
    pub(super) variables: BTreeMap<Text, Variable>,
    pub(super) trigger: Triggers,
    #[serde(default)]
    pub(super) component: BTreeMap<Text, Component>,
}

/// `version`, `description` and `authors` are for people; we do nothing with them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Application {
    pub(super) name: Text,
    #[serde(default, rename = "version")]
    _version: String,
    #[serde(default, rename = "description")]
    _description: String,
    #[serde(default, rename = "authors")]
    _authors: Vec<String>,
    #[serde(default, rename = "tool")]
    _tool: BTreeMap<String, toml::Table>,
    pub(super) targets: Present,
    pub(super) trigger: Present,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variable {
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) required: bool,
    /// For who shows values; we show none.
    #[serde(default, rename = "secret")]
    _secret: bool,
    #[serde(default, rename = "description")]
    _description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Triggers {
    #[serde(default)]
    pub(super) http: Vec<Trigger>,
    pub(super) redis: Present,
    pub(super) cron: Present,
    pub(super) mqtt: Present,
    pub(super) sqs: Present,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trigger {
    #[serde(default, rename = "id")]
    _id: String,
    pub(super) route: Spanned<Value>,
    pub(super) component: Spanned<Value>,
    pub(super) executor: Option<Spanned<Executor>>,
    pub(super) static_response: Present,
    pub(super) components: Present,
    pub(super) dependencies: Present,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Executor {
    #[serde(rename = "type")]
    pub(super) kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Component {
    pub(super) source: Spanned<Value>,
    #[serde(default, rename = "description")]
    _description: String,
    #[serde(default)]
    pub(super) variables: BTreeMap<Text, Text>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) allowed_outbound_hosts: Vec<Text>,
    /// How to build it is `spin build`'s business, but it must be a table.
    #[serde(default, rename = "build")]
    _build: Option<toml::Table>,
    #[serde(default, rename = "tool")]
    _tool: BTreeMap<String, toml::Table>,
    pub(super) files: Present,
    pub(super) exclude_files: Present,
    pub(super) allowed_http_hosts: Present,
    pub(super) key_value_stores: Present,
    pub(super) sqlite_databases: Present,
    pub(super) ai_models: Present,
    pub(super) targets: Present,
    pub(super) dependencies_inherit_configuration: Present,
    pub(super) dependencies: Present,
    pub(super) profile: Present,
}
