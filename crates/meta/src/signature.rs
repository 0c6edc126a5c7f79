//! Who may get in: HMAC-SHA256 over the bytes as received, before anything parses them.
//!
//! Only this file can build a [`VerifiedDelivery`], so code that asks for one cannot be reached
//! with bytes that Meta did not sign (contract 2.3).

use std::fmt;

use bytes::Bytes;
use hookline_model::secret::Secret;
use ring::hmac;

/// What the signature header starts with (contract 2.3).
const SCHEME: &[u8] = b"sha256=";

/// Bytes in an HMAC-SHA256 digest.
const DIGEST_BYTES: usize = 32;

/// One POST as it arrived: nothing in it is known to come from Meta.
#[derive(Clone)]
pub struct UnverifiedDelivery {
    /// The body, byte for byte.
    pub body: Bytes,
    /// The value of `X-Hub-Signature-256` as received.
    pub signature: Option<Vec<u8>>,
    /// The value of `Facebook-API-Version` (contract 2.1).
    pub api_version: Option<String>,
}

impl fmt::Debug for UnverifiedDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedDelivery")
            .field("body_bytes", &self.body.len())
            .field("is_signed", &self.signature.is_some())
            .field("api_version", &self.api_version)
            .finish()
    }
}

/// One POST that was signed with a secret of ours; only [`Verifier::verify`] makes them.
#[derive(Clone)]
pub struct VerifiedDelivery {
    body: Bytes,
    secret_index: usize,
    api_version: Option<String>,
}

impl VerifiedDelivery {
    /// Its body, which of the secrets signed it, and its API version: what is recorded of it.
    pub fn into_parts(self) -> (Bytes, usize, Option<String>) {
        (self.body, self.secret_index, self.api_version)
    }

    /// The body, byte for byte as it was signed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Which of the configured secrets signed it, counted from 0.
    pub fn secret_index(&self) -> usize {
        self.secret_index
    }

    /// The API version the subscribed field has, where Meta said so (contract 2.1).
    pub fn api_version(&self) -> Option<&str> {
        self.api_version.as_deref()
    }
}

impl fmt::Debug for VerifiedDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedDelivery")
            .field("body_bytes", &self.body.len())
            .field("secret_index", &self.secret_index)
            .field("api_version", &self.api_version)
            .finish()
    }
}

/// Why a delivery was turned away; says nothing of its body or digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureProblem {
    /// There is no `X-Hub-Signature-256` header.
    #[error("the delivery has no sha-256 signature")]
    Missing,
    /// The header is not `sha256=` and 64 lower-case hex digits.
    #[error("the delivery's signature is not of the form meta writes")]
    Malformed,
    /// No configured secret made this signature over these bytes.
    #[error("the delivery was not signed with a configured app secret")]
    Mismatch,
}

/// Checks signatures against a list of secrets, prepared once.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: Box<[(usize, hmac::Key)]>,
}

impl Verifier {
    /// Prepares the keys. An empty secret is left out, because anyone could sign with it; without
    /// any secret every delivery is turned away.
    pub fn new(secrets: &[Secret]) -> Self {
        let keys = secrets
            .iter()
            .enumerate()
            .filter(|(_, secret)| !secret.expose().is_empty())
            .map(|(index, secret)| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
                (index, key)
            })
            .collect();
        Self { keys }
    }

    /// Lets a delivery in if one of the secrets signed exactly these bytes.
    ///
    /// Every secret is tried whatever the others say, and each digest is compared in constant
    /// time. On failure the body is dropped here: the error hands nothing of it back.
    pub fn verify(
        &self,
        delivery: UnverifiedDelivery,
    ) -> Result<VerifiedDelivery, SignatureProblem> {
        let header = delivery.signature.ok_or(SignatureProblem::Missing)?;
        let claimed = read_header(&header).ok_or(SignatureProblem::Malformed)?;
        self.signer_of(&delivery.body, &claimed)
            .map(|secret_index| VerifiedDelivery {
                body: delivery.body,
                secret_index,
                api_version: delivery.api_version,
            })
            .ok_or(SignatureProblem::Mismatch)
    }

    /// Which of the secrets made this digest of exactly these bytes, in time that does not depend
    /// on which one did.
    pub(crate) fn signer_of(&self, message: &[u8], claimed: &[u8]) -> Option<usize> {
        let mut signed_by = None;
        for (index, key) in &self.keys {
            let is_match = hmac::verify(key, message, claimed).is_ok();
            signed_by = signed_by.or(is_match.then_some(*index));
        }
        signed_by
    }
}

/// The digest in the header. Upper-case digits are refused: Meta never writes them, so a body
/// signed that way came another way.
fn read_header(header: &[u8]) -> Option<[u8; DIGEST_BYTES]> {
    let (pairs, rest) = header.strip_prefix(SCHEME)?.as_chunks::<2>();
    if pairs.len() != DIGEST_BYTES || !rest.is_empty() {
        return None;
    }
    let mut digest = [0; DIGEST_BYTES];
    let mut seen = 0;
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        let (high, low) = (digit(*high), digit(*low));
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (seen < NO_DIGIT).then_some(digest)
}

/// What stands for the value of something else than a digit: no value of one has this bit.
const NO_DIGIT: u8 = 0x80;

/// The values of lower-case hex digits. No processor guesses which of 64 digits are letters, so
/// they are looked up and not compared.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    // Behind the ten values from `0` on, and the six from `a` on, nothing is one.
    let (_, from_zero) = digits.split_at_mut(0x30);
    let (decimals, rest) = from_zero.split_at_mut(10);
    decimals.copy_from_slice(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let (_, from_a) = rest.split_at_mut(0x61 - 0x3a);
    let (letters, _) = from_a.split_at_mut(6);
    letters.copy_from_slice(&[10, 11, 12, 13, 14, 15]);
    digits
};

/// The value of a lower-case hex digit, or [`NO_DIGIT`].
fn digit(digit: u8) -> u8 {
    DIGITS.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const EMPTY_ENTRY: &str = r#"{"object":"instagram","entry":[]}"#;

    fn sign(secret: &str, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        format!("sha256={}", hex::encode(hmac::sign(&key, body)))
    }

    fn verify(
        secrets: &[&str],
        body: &str,
        signature: Option<&str>,
    ) -> Result<usize, SignatureProblem> {
        let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        let delivery = UnverifiedDelivery {
            body: Bytes::copy_from_slice(body.as_bytes()),
            signature: signature.map(|value| value.as_bytes().to_vec()),
            api_version: Some("v26.0".to_owned()),
        };
        Verifier::new(&secrets).verify(delivery).map(|verified| {
            assert_eq!(verified.body(), body.as_bytes());
            assert_eq!(verified.api_version(), Some("v26.0"));
            verified.secret_index()
        })
    }

    #[test]
    fn the_vectors_of_the_contract_hold() {
        let vectors = [
            (
                EMPTY_ENTRY,
                "8912de8ce2cf02fdf72be5dee010dc1bf8145745d177db4fb80b628f8bccf8de",
            ),
            (
                r#"{"object":"instagram","entry":[],"t":"\u00e4\u00f6\u00e5"}"#,
                "f9fa4f4d7c0bc541dda3d050a74abbdbcc141d6efaae140f436d376d90fdab56",
            ),
            (
                r#"{"object":"instagram","entry":[],"t":"äöå"}"#,
                "4d2d5cb29556e2f43ce5806cd0e78948f84a30c5937e31f282b198ab4aeaa712",
            ),
        ];
        for (body, digest) in vectors {
            let header = format!("sha256={digest}");
            assert_eq!(sign(SECRET, body.as_bytes()), header, "{body}");
            assert_eq!(verify(&[SECRET], body, Some(&header)), Ok(0), "{body}");
            let others = vectors.iter().filter(|(other, _)| *other != body);
            for (other, _) in others {
                let verdict = verify(&[SECRET], other, Some(&header));
                assert_eq!(verdict, Err(SignatureProblem::Mismatch), "{other}");
            }
        }
    }

    #[test]
    fn headers_of_another_form_are_refused() {
        let good = sign(SECRET, EMPTY_ENTRY.as_bytes());
        let digits = good.strip_prefix("sha256=").unwrap();
        let malformed = [
            String::new(),
            "sha256=".to_owned(),
            digits.to_owned(),
            format!("sha1={digits}"),
            format!("SHA256={digits}"),
            format!("sha256={}", digits.to_ascii_uppercase()),
            format!("sha256= {digits}"),
            format!("sha256={digits} "),
            format!("sha256={digits}00"),
            format!("sha256={}", &digits[2..]),
            format!("sha256={}", &digits[1..]),
            format!("sha256={}g", &digits[1..]),
            format!("sha256={}ä", &digits[2..]),
            format!("{good},{good}"),
        ];
        for header in malformed {
            let verdict = verify(&[SECRET], EMPTY_ENTRY, Some(&header));
            assert_eq!(verdict, Err(SignatureProblem::Malformed), "{header}");
        }
        let verdict = verify(&[SECRET], EMPTY_ENTRY, None);
        assert_eq!(verdict, Err(SignatureProblem::Missing));
    }

    #[test]
    fn any_of_the_secrets_opens_and_says_which() {
        let header = sign(SECRET, EMPTY_ENTRY.as_bytes());
        let header = Some(header.as_str());
        assert_eq!(verify(&[SECRET, "other"], EMPTY_ENTRY, header), Ok(0));
        assert_eq!(verify(&["other", SECRET], EMPTY_ENTRY, header), Ok(1));
        assert_eq!(verify(&["", SECRET, SECRET], EMPTY_ENTRY, header), Ok(1));
        let verdict = verify(&["other"], EMPTY_ENTRY, header);
        assert_eq!(verdict, Err(SignatureProblem::Mismatch));
    }

    #[test]
    fn without_a_usable_secret_nobody_gets_in() {
        for secrets in [&[][..], &[""]] {
            let header = sign("", EMPTY_ENTRY.as_bytes());
            let verdict = verify(secrets, EMPTY_ENTRY, Some(&header));
            assert_eq!(verdict, Err(SignatureProblem::Mismatch));
        }
    }

    #[test]
    fn printing_shows_neither_body_nor_digest() {
        let signature = sign(SECRET, EMPTY_ENTRY.as_bytes());
        let delivery = UnverifiedDelivery {
            body: Bytes::from_static(EMPTY_ENTRY.as_bytes()),
            signature: Some(signature.clone().into_bytes()),
            api_version: None,
        };
        let verifier = Verifier::new(&[Secret::new(SECRET)]);
        let printed = [
            format!("{delivery:?} {verifier:?}"),
            format!("{:?}", verifier.verify(delivery).unwrap()),
            format!("{:?}", SignatureProblem::Mismatch),
            SignatureProblem::Missing.to_string(),
            SignatureProblem::Malformed.to_string(),
            SignatureProblem::Mismatch.to_string(),
        ]
        .join(" ");
        for hidden in [
            "instagram",
            &signature[7..],
            SECRET,
            &format!("{:?}", signature.as_bytes()),
        ] {
            assert!(!printed.contains(hidden), "{printed}");
        }
    }
}
