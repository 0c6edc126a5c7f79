//! Every fixture's signature, as the test app's secret makes it.

use std::path::Path;

use bytes::Bytes;
use hookline_meta::signature::{SignatureProblem, UnverifiedDelivery, Verifier};
use hookline_model::secret::Secret;

#[test]
fn every_fixture_is_let_in_and_one_changed_byte_is_not() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let signatures = std::fs::read_to_string(directory.join("signatures.txt")).unwrap();
    let verifier = Verifier::new(&[Secret::new("0123456789abcdef0123456789abcdef")]);
    for line in signatures.lines() {
        let (digest, file) = line.split_once("  ").unwrap();
        let mut body = std::fs::read(directory.join(file)).unwrap();
        let verify = |body: &[u8]| {
            verifier.verify(UnverifiedDelivery {
                body: Bytes::copy_from_slice(body),
                signature: Some(format!("sha256={digest}").into_bytes()),
                api_version: None,
            })
        };
        assert_eq!(verify(&body).unwrap().body(), &body, "{file}");

        *body.last_mut().unwrap() ^= 1;
        let verdict = verify(&body).map(|_| ());
        assert_eq!(verdict, Err(SignatureProblem::Mismatch), "{file}");
    }
    assert_eq!(signatures.lines().count(), 66);
}
