//! Digests by which rows are found: of long texts, in the room of a number.

use ring::digest::{SHA256, digest};

/// 128 bits of SHA-256: two texts of a billion billion have the same with odds of 10^-3.
pub(crate) fn key(text: &[u8]) -> [u8; 16] {
    let digest = digest(&SHA256, text);
    let bytes = digest.as_ref().first_chunk();
    bytes.copied().unwrap_or_default()
}

/// 64 bits of SHA-256: enough to look something up among billions, and to compare it whole where
/// another would do harm.
pub(crate) fn short(text: &str) -> i64 {
    let key = key(text.as_bytes());
    i64::from_be_bytes(key.first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{key, short};

    #[test]
    fn what_is_stored_is_found_by_every_version() {
        // From the example of FIPS 180-2.
        assert_eq!(key(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(short("abc"), 0xba78_16bf_8f01_cfea_u64.cast_signed());
    }
}
