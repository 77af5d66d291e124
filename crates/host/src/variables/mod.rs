//! Variables: where values come from (`sources`), what each component sees, and the `spin:variables` interface
//! (`host`).
//!
//! All values are settled when the host starts: none of our sources changes while it runs, and a missing value is an
//! error at once instead of on some request.

mod dotenv;
mod host;
mod sources;

use std::collections::BTreeMap;

use anyhow::{Context, ensure};

pub(crate) use sources::Sources;
pub use sources::parse_argument;

use crate::manifest::{Manifest, Variable};
use crate::template::Template;

/// The values of the application's variables.
pub(crate) struct Values(BTreeMap<String, String>);

/// What one component may read, by the component's own names.
pub(crate) struct ComponentVariables(BTreeMap<String, String>);

impl Values {
    /// Takes each variable from the first source that has it, else its default.
    pub(crate) fn resolve(manifest: &Manifest, sources: &Sources) -> anyhow::Result<Self> {
        if let Some(unknown) = sources.given().find(|name| !manifest.variables.contains_key(*name)) {
            anyhow::bail!("variable `{unknown}` is given but not declared in the manifest");
        }
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, Variable { default, .. }) in &manifest.variables {
            match sources.get(name)?.or_else(|| default.clone()) {
                Some(value) => {
                    values.insert(name.clone(), value);
                }
                None => missing.push(name.as_str()),
            }
        }
        ensure!(missing.is_empty(), "required variables have no value: {}", missing.join(", "));
        Ok(Self(values))
    }

    /// Fills a template's holes.
    pub(crate) fn fill(&self, template: &Template) -> anyhow::Result<String> {
        template.resolve(|name| {
            let value = self.0.get(name).cloned();
            value.with_context(|| format!("unknown variable {name:?}"))
        })
    }

    /// The variables of one component.
    pub(crate) fn component(&self, templates: &BTreeMap<String, Template>) -> anyhow::Result<ComponentVariables> {
        let filled = templates
            .iter()
            .map(|(name, template)| Ok((name.clone(), self.fill(template)?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(ComponentVariables(filled))
    }
}

#[cfg(test)]
mod tests;
