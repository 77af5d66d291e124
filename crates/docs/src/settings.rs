//! What the component lets itself be told.

use std::sync::OnceLock;

/// The settings of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocsSettings {
    /// Variable `docs` (`on` | `off`, default on): whether the pages are served at all.
    pub enabled: bool,
    /// Variable `hsts` (`on` | `off`, default on in production): whether browsers are told to insist on TLS.
    pub hsts: bool,
}

/// Read once per instance: the host keeps no copy of its own (ARCHITECTURE.md, *The platform*).
static SETTINGS: OnceLock<DocsSettings> = OnceLock::new();

impl DocsSettings {
    /// The instance's settings.
    pub async fn get() -> Self {
        if let Some(settings) = SETTINGS.get() {
            return *settings;
        }
        let settings = Self::from(&variable("environment").await, &variable("docs").await, &variable("hsts").await);
        *SETTINGS.get_or_init(|| settings)
    }

    fn from(environment: &str, docs: &str, hsts: &str) -> Self {
        Self {
            enabled: docs.trim() != "off",
            hsts: hsts.trim() == "on" || (hsts.trim().is_empty() && environment.trim() == "production"),
        }
    }
}

/// A variable that the manifest does not hand to this component counts as empty: its default holds then.
async fn variable(name: &str) -> String {
    spin_sdk::variables::get(name).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::DocsSettings;

    #[test]
    fn hsts_is_on_in_production_unless_it_is_set() {
        assert!(!DocsSettings::from("development", "", "").hsts);
        assert!(DocsSettings::from("production", "", "").hsts);
        assert!(!DocsSettings::from("production", "", "off").hsts);
        assert!(DocsSettings::from("staging", "", "on").hsts);
    }

    #[test]
    fn the_pages_are_served_unless_they_are_off() {
        assert!(DocsSettings::from("production", "", "").enabled);
        assert!(!DocsSettings::from("development", "off", "").enabled);
    }
}
