//! Meta's signed requests: only a payload that a secret of ours signed, that names the algorithm
//! and a person, and that has not expired is let in.
//!
//! An input is tried twice: as the form field, and as the payload of one that is signed here.

#![no_main]

use base64::Engine as _;
use base64::prelude::{BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use hookline_meta::signature::Verifier;
use hookline_meta::signed_request::{SignedRequest, SignedRequestProblem, verify};
use hookline_model::clock::Timestamp;
use hookline_model::secret::Secret;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sha2::Sha256;

const SECRETS: [&str; 3] = ["first-secret", "second-secret", ""];

/// Computed by other code than the one that is tried.
fn digest(secret: &str, payload: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    mac.update(payload.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn read(request: &str) -> Result<SignedRequest, SignedRequestProblem> {
    let now = Timestamp::from_millis(1_790_000_000_000);
    verify(&Verifier::new(&SECRETS.map(Secret::new)), request, now)
}

fn as_form_field(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if read(text).is_err() {
        return;
    }
    let (signature, payload) = text.split_once('.').expect("it was let in without a dot");
    let signature = BASE64_URL_SAFE_NO_PAD
        .decode(signature.trim_end_matches('='))
        .expect("it was let in with a signature that is not base64url");
    let is_ours = SECRETS[..2]
        .iter()
        .any(|secret| digest(secret, payload) == signature);
    assert!(is_ours, "it was let in, and no secret signed it");
}

fn as_payload(input: &[u8]) {
    let payload = if input.len().is_multiple_of(2) {
        BASE64_URL_SAFE.encode(input)
    } else {
        BASE64_URL_SAFE_NO_PAD.encode(input)
    };
    let sign = |secret| {
        let signature = BASE64_URL_SAFE_NO_PAD.encode(digest(secret, &payload));
        format!("{signature}.{payload}")
    };
    for secret in ["", "foreign"] {
        let verdict = read(&sign(secret));
        assert_eq!(verdict, Err(SignedRequestProblem::Mismatch), "{secret}");
    }
    let first = read(&sign(SECRETS[0]));
    let second = read(&sign(SECRETS[1]));
    match (&first, &second) {
        (Ok(first), Ok(second)) => {
            assert_eq!((first.secret_index(), second.secret_index()), (0, 1));
            assert_eq!(first.user_id(), second.user_id());
            is_what_it_says(first, input);
        }
        (first, second) => assert_eq!(first, second),
    }
    let mismatch = Err(SignedRequestProblem::Mismatch);
    assert_eq!(read(&format!("{}A", sign(SECRETS[0]))), mismatch);
}

/// What was let in, against another reading of the payload; that one refuses numbers beyond
/// floats, even where nobody asks for them.
fn is_what_it_says(request: &SignedRequest, payload: &[u8]) {
    let Ok(payload) = serde_json::from_slice::<Value>(payload) else {
        return;
    };
    let algorithm = payload["algorithm"].as_str().unwrap_or_default();
    assert!(algorithm.eq_ignore_ascii_case("HMAC-SHA256"), "{payload}");
    match &payload["user_id"] {
        Value::String(id) => assert_eq!(request.user_id().as_str(), id),
        Value::Number(_) => {
            let id = request.user_id().as_str();
            assert!(id.bytes().all(|byte| byte.is_ascii_digit()), "{payload}");
        }
        other => panic!("{other} was taken for a person"),
    }
    if let Some(expires) = payload["expires"].as_i64() {
        assert!(expires > 1_790_000_000, "{payload}");
    }
}

fuzz_target!(|input: &[u8]| {
    as_form_field(input);
    as_payload(input);
});
