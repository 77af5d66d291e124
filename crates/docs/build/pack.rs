//! Compresses what is to be served and writes the table that the component includes.

use anyhow::{Context, Result, bail};
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use std::{fmt::Write as _, fs, io::Write as _, path::PathBuf};

/// What has been packed so far.
pub struct Pack {
    out: PathBuf,
    /// Plain name and request path of each asset, for links in pages.
    names: Vec<(String, String)>,
    /// Rust source of each entry of the table.
    entries: Vec<(String, String)>,
}

impl Pack {
    pub fn new(out: PathBuf) -> Self {
        Self { out, names: Vec::new(), entries: Vec::new() }
    }

    /// Adds a file that never changes under its name, because the name holds its digest.
    pub fn asset(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let (stem, extension) = name.rsplit_once('.').context("an asset's name has an extension")?;
        let kind = match extension {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            "txt" => "text/plain; charset=utf-8",
            other => bail!("no media type is known for .{other}"),
        };
        let digest: String = digest(bytes).chars().take(12).collect();
        let path = format!("/docs/assets/{stem}.{digest}.{extension}");
        self.entry(&path, kind, true, bytes)?;
        self.names.push((name.to_string(), path));
        Ok(())
    }

    /// Adds a page under a path that stays while its bytes may change.
    pub fn page(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        self.entry(path, "text/html; charset=utf-8", false, bytes)
    }

    /// Replaces each `{{asset NAME}}` by the path of that asset.
    pub fn link(&self, html: &str) -> Result<String> {
        let mut linked = html.to_string();
        for (name, path) in &self.names {
            linked = linked.replace(&format!("{{{{asset {name}}}}}"), path);
        }
        match linked.split_once("{{") {
            Some((_, rest)) => bail!("unknown placeholder: {{{{{}", rest.chars().take(40).collect::<String>()),
            None => Ok(linked),
        }
    }

    /// Writes `assets.rs`, ordered by path so that the component can search it by halves.
    pub fn write(mut self) -> Result<()> {
        self.entries.sort();
        let mut source =
            String::from("/// Everything that is served, ordered by path.\npub static ASSETS: &[Asset] = &[\n");
        for (_, entry) in &self.entries {
            source.push_str(entry);
        }
        source.push_str("];\n");
        fs::write(self.out.join("assets.rs"), source).context("writing assets.rs")
    }

    fn entry(&mut self, path: &str, kind: &str, immutable: bool, bytes: &[u8]) -> Result<()> {
        let file = self.out.join(format!("{}.gz", path.trim_start_matches('/').replace('/', "_")));
        // No name and no time in the header: the same input gives the same component.
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
        encoder.write_all(bytes)?;
        fs::write(&file, encoder.finish()?).with_context(|| format!("writing {}", file.display()))?;

        let mut entry = String::new();
        writeln!(entry, "    Asset {{")?;
        writeln!(entry, "        path: {path:?},")?;
        writeln!(entry, "        media_type: {kind:?},")?;
        writeln!(entry, "        digest: {:?},", digest(bytes).chars().take(24).collect::<String>())?;
        writeln!(entry, "        immutable: {immutable},")?;
        writeln!(entry, "        length: {},", bytes.len())?;
        writeln!(entry, "        gzip: include_bytes!({file:?}),")?;
        writeln!(entry, "    }},")?;
        self.entries.push((path.to_string(), entry));
        Ok(())
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
