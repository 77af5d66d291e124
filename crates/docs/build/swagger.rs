//! The files of Swagger UI that the reference page needs.

use anyhow::{Context, Result};
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// A file of Swagger UI under the name that pages use for it.
pub struct File {
    pub name: &'static str,
    pub bytes: Vec<u8>,
}

/// Two files do the work, and two say whose work it is.
const WANTED: [(&str, &str); 4] = [
    ("dist/swagger-ui-bundle.js", "swagger-ui.js"),
    ("dist/swagger-ui.css", "swagger-ui.css"),
    ("LICENSE", "swagger-ui-license.txt"),
    ("NOTICE", "swagger-ui-notice.txt"),
];

/// Unpacks them from the vendored archive, whose top folder names the version.
pub fn files() -> Result<Vec<File>> {
    let mut archive = ZipArchive::new(Cursor::new(utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED))
        .context("opening the vendored Swagger UI")?;
    let first =
        archive.by_index(0).context("the vendored archive is empty")?.name().context("its first name")?.to_string();
    let (top, _) = first.split_once('/').context("the vendored archive has no top folder")?;

    WANTED
        .into_iter()
        .map(|(path, name)| {
            let mut bytes = Vec::new();
            archive
                .by_name(&format!("{top}/{path}"))
                .with_context(|| format!("the vendored Swagger UI has no {path}"))?
                .read_to_end(&mut bytes)?;
            Ok(File { name, bytes })
        })
        .collect()
}
