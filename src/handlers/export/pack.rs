//! gzip for a stream: each chunk can be sent as soon as it is written.

use std::io::{Result, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A file that is being compressed.
pub struct Packer(GzEncoder<Vec<u8>>);

impl Packer {
    /// Nothing yet.
    pub fn new() -> Self {
        Self(GzEncoder::new(Vec::new(), Compression::fast()))
    }

    /// What is to be sent once `text` is added. It is flushed, so that nobody waits for the rest of the file to see it.
    pub fn chunk(&mut self, text: &str) -> Result<Bytes> {
        self.0.write_all(text.as_bytes())?;
        self.0.flush()?;
        Ok(std::mem::take(self.0.get_mut()).into())
    }

    /// The same for the last chunk.
    pub fn last(mut self, text: &str) -> Result<Bytes> {
        self.0.write_all(text.as_bytes())?;
        self.0.finish().map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_chunks_together_are_the_file() {
        let mut packer = Packer::new();
        let mut packed = packer.chunk("one ").unwrap().to_vec();
        assert!(packed.len() > 10, "it can be sent at once");
        packed.extend(packer.chunk("two ").unwrap());
        packed.extend(packer.last("three").unwrap());
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two three");
    }
}
