//! What Meta says of a person when an app is removed or data is to be deleted (contract 8.3).
//!
//! Only this file can build a [`SignedRequest`], so code that asks for one cannot be reached with
//! words that Meta did not sign.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hookline_model::clock::Timestamp;
use hookline_model::ids::AppScopedId;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::signature::Verifier;
use crate::wire::{Id, Text, Whole};

/// The one way of signing that counts.
const ALGORITHM: &str = "HMAC-SHA256";

/// Meta leaves the padding out; one who built this saw it written (contract 8.3).
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A `signed_request` that was signed with a secret of ours and whose time is not over; only
/// [`verify`] makes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    user_id: AppScopedId,
    issued_at: Option<Timestamp>,
    secret_index: usize,
}

impl SignedRequest {
    /// Whom it is about, as the app sees them: neither an account's id nor a contact's.
    pub fn user_id(&self) -> &AppScopedId {
        &self.user_id
    }

    /// When Meta wrote it, if it says so readably.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// Which of the configured secrets signed it, counted from 0.
    pub fn secret_index(&self) -> usize {
        self.secret_index
    }
}

/// Why a `signed_request` was turned away; says nothing of what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignedRequestProblem {
    /// It is not a signature and a payload in base64url with a dot between them.
    #[error("the signed request is not of the form meta writes")]
    Malformed,
    /// No configured secret made this signature over this payload.
    #[error("the signed request was not signed with a configured app secret")]
    Mismatch,
    /// It was signed, but its payload is not a JSON object with the members it needs.
    #[error("the payload of the signed request is not of the form meta writes")]
    PayloadMalformed,
    /// It says that it was signed in another way than it was.
    #[error("the signed request names another algorithm than {ALGORITHM}")]
    OtherAlgorithm,
    /// Its time is over.
    #[error("the signed request has expired")]
    Expired,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    algorithm: Text<'a>,
    #[serde(borrow)]
    user_id: Id<'a>,
    #[serde(default)]
    issued_at: Whole,
    #[serde(borrow, default)]
    expires: Option<&'a RawValue>,
}

/// Lets a `signed_request` in if one of the secrets signed its payload and it has not expired at
/// `now`. The text is the form field's value.
///
/// The signature is over the payload as received, in base64url, and is compared in constant time
/// before anything of the payload is read. A payload without `expires` does not expire; one whose
/// `expires` cannot be read is refused.
pub fn verify(
    verifier: &Verifier,
    signed_request: &str,
    now: Timestamp,
) -> Result<SignedRequest, SignedRequestProblem> {
    let malformed = SignedRequestProblem::Malformed;
    let (signature, payload) = signed_request.split_once('.').ok_or(malformed)?;
    let claimed = BASE64URL.decode(signature).map_err(|_| malformed)?;
    let secret_index = verifier
        .signer_of(payload.as_bytes(), &claimed)
        .ok_or(SignedRequestProblem::Mismatch)?;
    let payload = BASE64URL.decode(payload).map_err(|_| malformed)?;
    let payload = read(&payload).ok_or(SignedRequestProblem::PayloadMalformed)?;
    if !payload.algorithm.0.eq_ignore_ascii_case(ALGORITHM) {
        return Err(SignedRequestProblem::OtherAlgorithm);
    }
    if let Some(expires) = payload.expires {
        let expires = serde_json::from_str::<Whole>(expires.get())
            .ok()
            .and_then(Whole::as_time)
            .ok_or(SignedRequestProblem::PayloadMalformed)?;
        if now >= expires {
            return Err(SignedRequestProblem::Expired);
        }
    }
    Ok(SignedRequest {
        user_id: AppScopedId::new(payload.user_id.0),
        issued_at: payload.issued_at.as_time(),
        secret_index,
    })
}

/// Reads an object; serde alone would also take a list for an object's fields in order.
fn read(payload: &[u8]) -> Option<Payload<'_>> {
    let text = std::str::from_utf8(payload).ok()?;
    let is_object = text.trim_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use hookline_model::secret::Secret;
    use ring::hmac;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    /// The vector of contract 8.3.
    const VECTOR: &str = "P3JVholgjyQ19wuJGRgl_DRjrG7PB4TcEkZ5ucbj9qg.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImV4cGlyZXMiOjE3OTAwMDM2MDAsImlzc3VlZF9hdCI6MTc5MDAwMDAwMCwidXNlcl9pZCI6IjI0OTAwMDAwMDAwMDAwMDAxIn0";

    /// Before anything expires.
    const EARLY: Timestamp = Timestamp::EPOCH;

    fn issued() -> Timestamp {
        Timestamp::from_meta(1_790_000_000)
    }

    fn verifier(secrets: &[&str]) -> Verifier {
        let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        Verifier::new(&secrets)
    }

    fn encode(bytes: impl AsRef<[u8]>) -> String {
        let padded = BASE64URL.encode(bytes);
        padded.trim_end_matches('=').to_owned()
    }

    /// A request over this encoded payload.
    fn signed(payload: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = hmac::sign(&key, payload.as_bytes());
        format!("{}.{payload}", encode(signature))
    }

    fn of_json(json: &str) -> Result<String, SignedRequestProblem> {
        verify(&verifier(&[SECRET]), &signed(&encode(json)), issued())
            .map(|request| request.user_id().as_str().to_owned())
    }

    #[test]
    fn the_vector_of_the_contract_holds() {
        let request = verify(&verifier(&["other", SECRET]), VECTOR, issued()).unwrap();
        assert_eq!(request.user_id().as_str(), "24900000000000001");
        assert_eq!(request.issued_at(), Some(issued()));
        assert_eq!(request.secret_index(), 1);
        let (_, payload) = VECTOR.split_once('.').unwrap();
        assert_eq!(signed(payload), VECTOR);
    }

    #[test]
    fn another_secret_or_another_character_is_refused() {
        let mismatch = Err(SignedRequestProblem::Mismatch);
        for secrets in [&["other"][..], &[""], &[]] {
            assert_eq!(verify(&verifier(secrets), VECTOR, EARLY), mismatch);
        }
        let ours = verifier(&[SECRET]);
        let dot = VECTOR.find('.').unwrap();
        for at in (0..VECTOR.len()).filter(|at| *at != dot) {
            let mut changed = VECTOR.to_owned();
            let other = if &VECTOR[at..=at] == "A" { "B" } else { "A" };
            changed.replace_range(at..=at, other);
            assert!(verify(&ours, &changed, EARLY).is_err(), "{changed}");
        }
        // The payload cannot be signed by its decoded form.
        let json = r#"{"algorithm":"HMAC-SHA256","user_id":"1"}"#;
        let over_json = signed(json);
        let (signature, _) = over_json.split_once('.').unwrap();
        let request = format!("{signature}.{}", encode(json));
        assert_eq!(verify(&ours, &request, EARLY), mismatch);
    }

    #[test]
    fn padding_makes_no_difference() {
        for json in [
            r#"{"algorithm":"HMAC-SHA256","user_id":"1"}"#,
            r#"{"algorithm":"HMAC-SHA256","user_id":"12"}"#,
            r#"{"algorithm":"HMAC-SHA256","user_id":"123"}"#,
        ] {
            let request = signed(&BASE64URL.encode(json)).replace('.', "=.");
            assert!(verify(&verifier(&[SECRET]), &request, EARLY).is_ok());
        }
    }

    #[test]
    fn what_is_no_signed_request_is_refused() {
        for request in [
            "",
            ".",
            "a.b.c",
            "only-one-part",
            "!.e30",
            "e30.!",
            "++.e30",
        ] {
            let verdict = verify(&verifier(&[SECRET]), request, EARLY);
            let is_refused = matches!(
                verdict,
                Err(SignedRequestProblem::Malformed | SignedRequestProblem::Mismatch)
            );
            assert!(is_refused, "{request}");
        }
        let signed_nonsense = verify(&verifier(&[SECRET]), &signed("!"), EARLY);
        assert_eq!(signed_nonsense, Err(SignedRequestProblem::Malformed));
    }

    #[test]
    fn a_person_is_named_by_text_or_number() {
        for (user_id, read) in [
            ("\"218471\"", "218471"),
            ("218471", "218471"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
        ] {
            let json = format!(r#"{{"user_id":{user_id},"algorithm":"hmac-sha256","more":[1]}}"#);
            assert_eq!(of_json(&json), Ok(read.to_owned()));
        }
    }

    #[test]
    fn payloads_that_lack_something_are_refused() {
        for json in [
            "",
            "null",
            "[]",
            r#"["HMAC-SHA256","1"]"#,
            "{",
            r#"{"algorithm":"HMAC-SHA256"}"#,
            r#"{"user_id":"1"}"#,
            r#"{"algorithm":"HMAC-SHA256","user_id":null}"#,
            r#"{"algorithm":"HMAC-SHA256","user_id":""}"#,
            r#"{"algorithm":"HMAC-SHA256","user_id":1.5}"#,
            r#"{"algorithm":"HMAC-SHA256","user_id":"1","user_id":"2"}"#,
            r#"{"algorithm":"HMAC-SHA256","user_id":"1","expires":"soon"}"#,
            r#"{"algorithm":"HMAC-SHA256","user_id":"1","expires":1e99}"#,
            "\u{feff}{}",
        ] {
            let problem = SignedRequestProblem::PayloadMalformed;
            assert_eq!(of_json(json), Err(problem), "{json}");
        }
        for algorithm in ["", "none", "HMAC-SHA1", "HMAC-SHA256 "] {
            let json = format!(r#"{{"algorithm":"{algorithm}","user_id":"1"}}"#);
            let problem = SignedRequestProblem::OtherAlgorithm;
            assert_eq!(of_json(&json), Err(problem), "{json}");
        }
    }

    #[test]
    fn it_holds_until_it_expires() {
        let ours = verifier(&[SECRET]);
        let expires = Timestamp::from_meta(1_790_003_600);
        let millisecond = std::time::Duration::from_millis(1);
        assert!(verify(&ours, VECTOR, expires.minus(millisecond)).is_ok());
        for now in [expires, expires.plus(millisecond), Timestamp::FAR_FUTURE] {
            let verdict = verify(&ours, VECTOR, now);
            assert_eq!(verdict, Err(SignedRequestProblem::Expired));
        }
        for (expires, is_taken) in [("null", true), ("\"1790003600\"", true), ("0", false)] {
            let json =
                format!(r#"{{"algorithm":"HMAC-SHA256","user_id":"1","expires":{expires}}}"#);
            assert_eq!(of_json(&json).is_ok(), is_taken, "{json}");
        }
    }
}
