//! The keys access tokens are encrypted with at rest: the first encrypts, all decrypt.
//!
//! A token is sealed with XChaCha20-Poly1305 and bound to its account, so a sealed token copied
//! into another account's row does not open. Randomness is an argument: the nonce.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hookline_model::ids::AccountId;
use hookline_model::secret::Secret;
use ring::digest;
use zeroize::Zeroizing;

/// Bytes in an encryption key.
pub const KEY_BYTES: usize = 32;

/// Bytes in a nonce; long enough to be drawn at random for every token.
pub const NONCE_BYTES: usize = 24;

/// The first byte of every sealed token, so that the form can change later.
const FORMAT: u8 = 1;

/// Keeps the fingerprint apart from any other use of SHA-256 on the same bytes.
const FINGERPRINT_DOMAIN: &[u8] = b"hookline encryption key fingerprint\0";

/// One key; prints as its fingerprint and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptionKey(Zeroizing<[u8; KEY_BYTES]>);

impl EncryptionKey {
    /// Takes the key over.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The name of this key in stored rows and errors; tells nothing of the key.
    pub fn fingerprint(&self) -> KeyId {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(FINGERPRINT_DOMAIN);
        context.update(self.0.as_slice());
        let mut id = [0; 4];
        for (to, from) in id.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        KeyId(id)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.0))
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({})", self.fingerprint())
    }
}

/// Which key sealed a token: the first four bytes of a hash of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An access token as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedToken {
    /// The key it needs.
    pub key_id: KeyId,
    /// Format byte, nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedToken")
            .field("key_id", &self.key_id)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// A key ring needs at least one key, or nothing could be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key ring has no encryption key")]
pub struct EmptyKeyRing;

/// A token the cipher would not take, because it is longer than any token can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is too long to be encrypted")]
pub struct SealError;

/// Why a stored token cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Its key is not in the ring: it was removed, or the database came from elsewhere.
    #[error("the access token was encrypted with key {0}, which is not configured")]
    UnknownKey(KeyId),
    /// It was written by a later version, or is not a sealed token at all.
    #[error("the encrypted access token has a form this version does not know")]
    UnknownFormat,
    /// The bytes were changed, or belong to another account.
    #[error("the encrypted access token was changed or belongs to another account")]
    Tampered,
}

/// The configured keys, in order.
#[derive(Clone)]
pub struct KeyRing {
    first: EncryptionKey,
    keys: Vec<(KeyId, EncryptionKey)>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(id, _)| id))
            .finish()
    }
}

impl KeyRing {
    /// A ring of these keys: the first encrypts, all decrypt.
    pub fn new(keys: Vec<EncryptionKey>) -> Result<Self, EmptyKeyRing> {
        let first = keys.first().cloned().ok_or(EmptyKeyRing)?;
        let keys = keys
            .into_iter()
            .map(|key| (key.fingerprint(), key))
            .collect();
        Ok(Self { first, keys })
    }

    /// The key new tokens are sealed with; a token under another one is due to be sealed again.
    pub fn current(&self) -> KeyId {
        self.first.fingerprint()
    }

    /// Encrypts `token` for `account`. The nonce must be drawn anew for every call.
    pub fn seal(
        &self,
        account: &AccountId,
        token: &Secret,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<SealedToken, SealError> {
        let sealed = self
            .first
            .cipher()
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: token.expose().as_bytes(),
                    aad: account.as_str().as_bytes(),
                },
            )
            .map_err(|_| SealError)?;
        let mut bytes = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        bytes.push(FORMAT);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Ok(SealedToken {
            key_id: self.current(),
            bytes,
        })
    }

    /// Decrypts a token of `account`, with whichever key sealed it.
    pub fn open(&self, account: &AccountId, sealed: &SealedToken) -> Result<Secret, OpenError> {
        let (format, rest) = sealed.bytes.split_first().ok_or(OpenError::UnknownFormat)?;
        let (nonce, ciphertext) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .filter(|_| *format == FORMAT)
            .ok_or(OpenError::UnknownFormat)?;
        let mut failure = OpenError::UnknownKey(sealed.key_id);
        // Two keys may share a fingerprint, if once in four thousand million pairs.
        for (_, key) in self.keys.iter().filter(|(id, _)| *id == sealed.key_id) {
            let payload = Payload {
                msg: ciphertext,
                aad: account.as_str().as_bytes(),
            };
            let opened = key.cipher().decrypt(&XNonce::from(*nonce), payload);
            match opened.map(String::from_utf8) {
                Ok(Ok(token)) => return Ok(Secret::new(token)),
                Ok(Err(_)) | Err(_) => failure = OpenError::Tampered,
            }
        }
        Err(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> EncryptionKey {
        EncryptionKey::new([byte; KEY_BYTES])
    }

    fn ring(bytes: &[u8]) -> KeyRing {
        KeyRing::new(bytes.iter().copied().map(key).collect()).unwrap()
    }

    fn account(id: &str) -> AccountId {
        AccountId::new(id)
    }

    const NONCE: [u8; NONCE_BYTES] = [7; NONCE_BYTES];

    fn sealed() -> SealedToken {
        ring(&[1])
            .seal(&account("17841"), &Secret::new("IGAA-token"), NONCE)
            .unwrap()
    }

    #[test]
    fn a_sealed_token_opens_for_its_account() {
        let opened = ring(&[1]).open(&account("17841"), &sealed()).unwrap();
        assert_eq!(opened.expose(), "IGAA-token");
        assert!(!sealed().bytes.windows(5).any(|window| window == b"token"));
    }

    #[test]
    fn another_accounts_row_does_not_open_it() {
        assert_eq!(
            ring(&[1]).open(&account("17842"), &sealed()),
            Err(OpenError::Tampered)
        );
    }

    #[test]
    fn a_rotated_key_still_opens_and_the_new_one_seals() {
        let rotated = ring(&[2, 1]);
        let opened = rotated.open(&account("17841"), &sealed()).unwrap();
        assert_eq!(opened.expose(), "IGAA-token");
        let again = rotated.seal(&account("17841"), &opened, NONCE).unwrap();
        assert_eq!(again.key_id, key(2).fingerprint());
        assert_ne!(again.key_id, sealed().key_id);
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        for index in 0..sealed().bytes.len() {
            let mut changed = sealed();
            changed.bytes[index] ^= 1;
            assert!(
                ring(&[1]).open(&account("17841"), &changed).is_err(),
                "byte {index} may be changed"
            );
        }
        for length in 0..sealed().bytes.len() {
            let mut cut = sealed();
            cut.bytes.truncate(length);
            assert!(ring(&[1]).open(&account("17841"), &cut).is_err());
        }
    }

    #[test]
    fn a_missing_key_is_named_by_its_fingerprint() {
        let failure = ring(&[2]).open(&account("17841"), &sealed()).unwrap_err();
        assert_eq!(failure, OpenError::UnknownKey(key(1).fingerprint()));
        assert!(
            failure
                .to_string()
                .contains(&key(1).fingerprint().to_string())
        );
    }

    #[test]
    fn a_ring_needs_a_key() {
        assert_eq!(KeyRing::new(Vec::new()).unwrap_err(), EmptyKeyRing);
    }

    #[test]
    fn nothing_prints_a_key_or_a_token() {
        let printed = format!("{:?} {:?} {:?}", key(1), ring(&[1]), sealed());
        assert!(!printed.contains("1, 1"), "{printed}");
        assert!(!printed.contains("IGAA"), "{printed}");
    }
}
