//! What the build has packed: every page and file, compressed, with what its headers say.

/// One thing to serve.
#[derive(Debug)]
pub struct Asset {
    /// The path it is served at. One that begins with `:` is the body of an error and is served nowhere.
    pub path: &'static str,
    /// The value of `Content-Type`.
    pub media_type: &'static str,
    /// What identifies the uncompressed bytes.
    pub digest: &'static str,
    /// Whether the bytes under this path can never change.
    pub immutable: bool,
    /// The length of the uncompressed bytes.
    pub length: usize,
    /// The bytes, compressed.
    pub gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Finds what is packed under a path or a name.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok().and_then(|index| ASSETS.get(index))
}
