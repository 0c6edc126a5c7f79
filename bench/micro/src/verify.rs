//! Verify: HMAC over a body, against the secrets.

use std::hint::black_box;

use anyhow::ensure;
use bytes::Bytes;
use hookline_meta::signature::{UnverifiedDelivery, Verifier};
use hookline_model::secret::Secret;
use ring::hmac;

use crate::{Take, interpret};

/// The secret the body is signed with.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Against the secret that fits.
pub fn with_one_secret() -> anyhow::Result<Take> {
    Ok(take(&[Secret::new(SECRET)]))
}

/// Against one that does not fit, and the one that does.
pub fn with_two_secrets() -> anyhow::Result<Take> {
    let other = Secret::new("fedcba9876543210fedcba9876543210");
    Ok(take(&[other, Secret::new(SECRET)]))
}

fn take(secrets: &[Secret]) -> Take {
    let body = Bytes::from(interpret::body(1, 700));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = format!("sha256={}", hex::encode(hmac::sign(&key, &body)));
    let delivery = UnverifiedDelivery {
        signature: Some(signature.into_bytes()),
        body,
        api_version: None,
    };
    let verifier = Verifier::new(secrets);
    Box::new(move || {
        let verified = verifier.verify(black_box(delivery.clone()));
        ensure!(verified.is_ok(), "the signature does not fit");
        Ok(())
    })
}
