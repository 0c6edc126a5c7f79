//! The headers of a delivery, and every way its signature can be wrong (contract 2.1, 2.3).

use ring::hmac;
use serde::{Deserialize, Serialize};

/// How a delivery is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// Both headers, over the bytes sent: what Meta does.
    #[default]
    Good,
    /// Neither header.
    Missing,
    /// Both headers, of the right form and with a wrong digest.
    Bad,
    /// Both headers, made with a secret the receiver does not know.
    OtherSecret,
    /// Only the legacy SHA-1 header.
    Sha1Only,
    /// Both headers, over the body as plain UTF-8 instead of the escaped bytes sent.
    OverDecoded,
}

const UNKNOWN_SECRET: &str = "ffffffffffffffffffffffffffffffff";

/// The lowercase hex HMAC-SHA256 of a body.
pub fn sha256_hex(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, body))
}

/// The lowercase hex HMAC-SHA1 of a body.
pub fn sha1_hex(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    hex::encode(hmac::sign(&key, body))
}

/// The request headers of contract 2.1 but for host and length, which the client adds.
///
/// `decoded` is the body as plain UTF-8; only [`Signing::OverDecoded`] looks at it.
pub fn headers(
    body: &[u8],
    decoded: &[u8],
    secret: &str,
    api_version: &str,
    signing: Signing,
) -> Vec<(String, String)> {
    let mut headers = vec![
        ("Accept".to_owned(), "*/*".to_owned()),
        ("Accept-Encoding".to_owned(), "deflate, gzip".to_owned()),
        ("User-Agent".to_owned(), "facebookexternalua".to_owned()),
        ("Content-Type".to_owned(), "application/json".to_owned()),
    ];
    let (secret, signed) = match signing {
        Signing::OtherSecret => (UNKNOWN_SECRET, body),
        Signing::OverDecoded => (secret, decoded),
        Signing::Good | Signing::Missing | Signing::Bad | Signing::Sha1Only => (secret, body),
    };
    let mut sha1 = sha1_hex(secret, signed);
    let mut sha256 = sha256_hex(secret, signed);
    if signing == Signing::Bad {
        sha1 = flipped(&sha1);
        sha256 = flipped(&sha256);
    }
    if signing != Signing::Missing {
        headers.push(("X-Hub-Signature".to_owned(), format!("sha1={sha1}")));
        if signing != Signing::Sha1Only {
            headers.push(("X-Hub-Signature-256".to_owned(), format!("sha256={sha256}")));
        }
    }
    headers.push(("Facebook-API-Version".to_owned(), api_version.to_owned()));
    headers
}

/// The digest with its first digit changed: well formed, and wrong.
fn flipped(digest: &str) -> String {
    let first = if digest.starts_with('0') { '1' } else { '0' };
    std::iter::once(first)
        .chain(digest.chars().skip(1))
        .collect()
}
