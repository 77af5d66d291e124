//! The application manifest (`spin.toml`, version 2): what we support of it, checked, with errors that name the line.

mod check;
mod place;
mod raw;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::template::Template;

/// A checked manifest. Paths are resolved against the manifest's folder.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) variables: BTreeMap<String, Variable>,
    pub(crate) components: BTreeMap<String, Component>,
    pub(crate) triggers: Vec<Trigger>,
}

/// A declared variable. Without a default it must be given.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) default: Option<String>,
}

/// A component that some trigger names.
#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) source: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) variables: BTreeMap<String, Template>,
    pub(crate) allowed_outbound_hosts: Vec<AllowedHost>,
}

/// One entry of `allowed_outbound_hosts`, which can only be judged once variables have values.
#[derive(Debug)]
pub(crate) struct AllowedHost {
    pub(crate) template: Template,
    /// Where it stands, for messages: `spin.toml:12:3`.
    pub(crate) place: String,
}

/// Which requests go to which component.
#[derive(Debug)]
pub(crate) struct Trigger {
    pub(crate) component: String,
    /// `None` for a private one, reachable only as `http://<component>.spin.internal`.
    pub(crate) route: Option<String>,
}

impl Manifest {
    /// Reads and checks a manifest.
    pub(crate) fn load(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read the manifest {}", path.display()))?;
        Self::parse(&text, path)
    }

    /// Checks a manifest's text; `path` is for messages and for the paths inside it.
    pub(crate) fn parse(text: &str, path: &Path) -> anyhow::Result<Self> {
        let source = place::Source::new(text, path);
        let raw: raw::Manifest = toml::from_str(text).map_err(|error| source.syntax_error(&error))?;
        check::manifest(raw, &source, path.parent().unwrap_or(Path::new("")))
    }
}

#[cfg(test)]
mod tests;
