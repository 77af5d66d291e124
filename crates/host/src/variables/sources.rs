//! Where variables' values come from, in Spin's order: `--variable`, then the providers of the runtime-config file,
//! then the environment (`SPIN_VARIABLE_<NAME>`) and `.env` in the current folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::dotenv;

/// The prefix of environment variables where none is configured.
const PREFIX: &str = "SPIN_VARIABLE";

/// Looks up a process's environment variable.
pub(crate) type Environment = fn(&str) -> Option<String>;

/// All sources, first come first served.
#[derive(Default)]
pub(crate) struct Sources {
    given: BTreeMap<String, String>,
    providers: Vec<Provider>,
    postgres_connections: Option<usize>,
}

enum Provider {
    Static(BTreeMap<String, String>),
    Env { prefix: String, environment: Environment, dotenv: BTreeMap<String, String> },
}

/// The runtime-config file; everything else of Spin's is refused.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeConfig {
    #[serde(default, alias = "config_provider")]
    variables_provider: Vec<ProviderConfig>,
    #[serde(default)]
    outbound_pg: OutboundPg,
}

/// `[outbound_pg]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutboundPg {
    max_connections: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "type")]
enum ProviderConfig {
    Static { values: BTreeMap<String, String> },
    Env { prefix: Option<String>, dotenv_path: Option<PathBuf> },
}

impl Sources {
    /// Reads the runtime-config file, if any, and `.env`, if there is one in `folder`.
    pub(crate) fn load(
        given: &[(String, String)],
        runtime_config: Option<&Path>,
        environment: Environment,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let config = match runtime_config {
            Some(path) => read_config(path)?,
            None => RuntimeConfig::default(),
        };
        let standard = ProviderConfig::Env { prefix: None, dotenv_path: Some(".env".into()) };
        let providers = config
            .variables_provider
            .into_iter()
            .chain([standard])
            .map(|provider| provider.load(environment, folder))
            .collect::<anyhow::Result<_>>()?;
        let postgres_connections = config.outbound_pg.max_connections;
        Ok(Self { given: given.iter().cloned().collect(), providers, postgres_connections })
    }

    /// How many connections to Postgres all components together may hold, if the runtime-config file says so.
    pub(crate) fn postgres_connections(&self) -> Option<usize> {
        self.postgres_connections
    }

    /// The names given on the command line.
    pub(crate) fn given(&self) -> impl Iterator<Item = &str> {
        self.given.keys().map(String::as_str)
    }

    /// The value of a variable, if any source has one.
    pub(crate) fn get(&self, name: &str) -> anyhow::Result<Option<String>> {
        let given = self.given.get(name).cloned();
        Ok(given.or_else(|| self.providers.iter().find_map(|provider| provider.get(name))))
    }
}

impl ProviderConfig {
    fn load(self, environment: Environment, folder: &Path) -> anyhow::Result<Provider> {
        match self {
            Self::Static { values } => Ok(Provider::Static(values)),
            Self::Env { prefix, dotenv_path } => Ok(Provider::Env {
                prefix: prefix.unwrap_or_else(|| PREFIX.to_owned()),
                environment,
                dotenv: match dotenv_path {
                    Some(path) => read_dotenv(&folder.join(path))?,
                    None => BTreeMap::new(),
                },
            }),
        }
    }
}

impl Provider {
    fn get(&self, name: &str) -> Option<String> {
        match self {
            Self::Static(values) => values.get(name).cloned(),
            Self::Env { prefix, environment, dotenv } => {
                let name = format!("{prefix}_{}", name.to_ascii_uppercase());
                environment(&name).or_else(|| dotenv.get(&name).cloned())
            }
        }
    }
}

fn read_config(path: &Path) -> anyhow::Result<RuntimeConfig> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the runtime-config file {}", path.display()))?;
    toml::from_str(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

/// A file that is not there has no values.
fn read_dotenv(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => dotenv::parse(&text).with_context(|| format!("in {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Reads a `--variable` argument as Spin does: `name=value`, `name=@file`, `@file.json` or `@file.toml`.
pub fn parse_argument(argument: &str) -> anyhow::Result<Vec<(String, String)>> {
    let read = |path: &str| std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
    if let Some(path) = argument.strip_prefix('@') {
        let values: BTreeMap<String, String> = match Path::new(path).extension().and_then(|ext| ext.to_str()) {
            Some("json") => serde_json::from_str(&read(path)?).with_context(|| format!("in {path}"))?,
            Some("toml") => toml::from_str(&read(path)?).with_context(|| format!("in {path}"))?,
            _ => bail!("variable files must end in .json or .toml"),
        };
        return Ok(values.into_iter().collect());
    }
    let (name, value) = argument.split_once('=').context("variables must be in the form 'key=value' or '@file'")?;
    let value = match value.strip_prefix('@') {
        Some(path) => read(path)?,
        None => value.to_owned(),
    };
    Ok(vec![(name.to_owned(), value)])
}
