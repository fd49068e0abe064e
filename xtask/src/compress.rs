//! Precompressed copies, so that the server only ever sends ready bytes.

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Compresses as Brotli does best with 4 MiB of window; `quality` goes from 0 to 11.
pub fn brotli(bytes: &[u8], quality: u32) -> Result<Vec<u8>> {
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 64 * 1024, quality, 22);
    writer.write_all(bytes)?;
    Ok(writer.into_inner())
}

/// Compresses for the few clients without Brotli. No time goes into the header: equal input, equal output.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn both_forms_lead_back_to_the_same_bytes() -> Result<()> {
        let bytes = "one log, many replicas; ".repeat(4000).into_bytes();
        let mut back = Vec::new();
        brotli::Decompressor::new(brotli(&bytes, 11)?.as_slice(), 4096).read_to_end(&mut back)?;
        assert_eq!(back, bytes);
        back.clear();
        flate2::read::GzDecoder::new(gzip(&bytes)?.as_slice()).read_to_end(&mut back)?;
        assert_eq!(back, bytes);
        assert_eq!(gzip(&bytes)?, gzip(&bytes)?);
        Ok(())
    }
}
