//! The signature of a delivery: nobody gets in but who signed these very bytes.
//!
//! An input is the header's value up to the first line break, then the body. In the header `@`,
//! `#` and `$` stand for the digests the first, the second and an empty secret make of the body,
//! because no fuzzer guesses those.

#![no_main]

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use hookline_meta::signature::{SignatureProblem, UnverifiedDelivery, Verifier};
use hookline_model::secret::Secret;
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;

const SECRETS: [&str; 3] = ["first-secret", "second-secret", ""];

/// Computed by other code than the one that is tried.
fn digest(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

fn verify(header: &[u8], body: &[u8]) -> Result<usize, SignatureProblem> {
    let delivery = UnverifiedDelivery {
        body: Bytes::copy_from_slice(body),
        signature: Some(header.to_vec()),
        api_version: None,
    };
    let verified = Verifier::new(&SECRETS.map(Secret::new)).verify(delivery)?;
    assert_eq!(verified.body(), body, "the body that was let in is another");
    Ok(verified.secret_index())
}

fn is_of_the_form(header: &[u8]) -> bool {
    header.strip_prefix(b"sha256=").is_some_and(|digits| {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        digits.len() == 64 && digits.iter().all(is_digit)
    })
}

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (written, body) = match end {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    let digests = SECRETS.map(|secret| digest(secret, body));
    let mut header = Vec::new();
    for byte in written {
        match byte {
            b'@' => header.extend_from_slice(digests[0].as_bytes()),
            b'#' => header.extend_from_slice(digests[1].as_bytes()),
            b'$' => header.extend_from_slice(digests[2].as_bytes()),
            other => header.push(*other),
        }
    }
    // Anyone could sign with the empty secret.
    let signer = digests[..2]
        .iter()
        .position(|digest| header == format!("sha256={digest}").as_bytes());
    let expected = match signer {
        Some(index) => Ok(index),
        None if is_of_the_form(&header) => Err(SignatureProblem::Mismatch),
        None => Err(SignatureProblem::Malformed),
    };
    assert_eq!(verify(&header, body), expected);

    if signer.is_some() {
        let longer = [body, b" "].concat();
        assert_eq!(verify(&header, &longer), Err(SignatureProblem::Mismatch));
        if let Some((_, shorter)) = body.split_last() {
            assert_eq!(verify(&header, shorter), Err(SignatureProblem::Mismatch));
        }
    }
});
