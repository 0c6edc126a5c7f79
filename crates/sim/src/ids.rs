//! Identifiers that look like Meta's and never repeat within a world (contract section 0).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};

/// What an identifier names; each kind has its own prefix and its own sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdKind {
    Account,
    AppScoped,
    Scoped,
    OwnScoped,
    Page,
    Media,
    Comment,
    Asset,
    Thread,
    Message,
    Exchange,
}

/// Draws identifiers in an order fixed by the seed.
///
/// A sequence steps through its space by a stride that shares no factor with ten, so that it
/// visits every value before repeating one and needs no memory of what it has given out.
#[derive(Debug)]
pub(crate) struct IdSource {
    bases: [u64; KINDS],
    drawn: [u64; KINDS],
}

const KINDS: usize = 11;
/// Odd and not a multiple of five, hence coprime with every power of ten.
const STRIDE: u64 = 7_368_787;

impl IdKind {
    fn slot(self) -> usize {
        match self {
            Self::Account => 0,
            Self::AppScoped => 1,
            Self::Scoped => 2,
            Self::OwnScoped => 3,
            Self::Page => 4,
            Self::Media => 5,
            Self::Comment => 6,
            Self::Asset => 7,
            Self::Thread => 8,
            Self::Message => 9,
            Self::Exchange => 10,
        }
    }

    /// Prefix and number of drawn digits: 17 digits for accounts, 16 for people, and so on.
    fn shape(self) -> (&'static str, u32) {
        match self {
            Self::Account => ("1784", 13),
            Self::AppScoped => ("2490", 13),
            Self::Scoped => ("61", 14),
            Self::OwnScoped => ("91", 14),
            Self::Page => ("10", 13),
            Self::Media => ("180", 14),
            Self::Comment => ("179", 14),
            Self::Asset => ("1799", 13),
            Self::Thread => ("3402823668417103012442", 17),
            Self::Message => ("324", 32),
            Self::Exchange => ("2733", 13),
        }
    }
}

impl IdSource {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x1d5);
        Self {
            bases: std::array::from_fn(|_| rng.random_range(0..10_000_000_000_000)),
            drawn: [0; KINDS],
        }
    }

    /// The next identifier of a kind; never one given out before by this source.
    pub(crate) fn draw(&mut self, kind: IdKind) -> String {
        let (prefix, digits) = kind.shape();
        let slot = kind.slot();
        let base = self.bases.get(slot).copied().unwrap_or_default();
        let count = self.drawn.get(slot).copied().unwrap_or_default();
        if let Some(drawn) = self.drawn.get_mut(slot) {
            *drawn = count.wrapping_add(1);
        }
        let space = 10_u64.pow(digits.min(18));
        let value = base.wrapping_add(count.wrapping_mul(STRIDE)) % space;
        let width = usize::try_from(digits).unwrap_or_default();
        format!("{prefix}{value:0width$}")
    }
}

/// A message id of the observed construction: base64 with `Z` written `ZA` and `=` written `ZD`.
pub(crate) fn mid(account: &str, thread: &str, message: &str) -> String {
    opaque(&format!(
        "ig_dm_item:1:IGMessageID:{account}:{thread}:{message}"
    ))
}

/// A conversation id, built like a message id so that it looks as opaque.
pub(crate) fn conversation_id(account: &str, thread: &str) -> String {
    opaque(&format!("ig_dm_thread:1:IGThreadID:{account}:{thread}"))
}

fn opaque(inner: &str) -> String {
    STANDARD.encode(inner).replace('Z', "ZA").replace('=', "ZD")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_mid_is_built_as_observed() {
        let built = mid(
            "17841400000000001",
            "340282366841710301244200000000000000001",
            "32400000000000000000000000000000001",
        );
        let captured = include_str!("../tests/fixtures/message_text.json");
        assert!(captured.contains(&built));
        assert!(built.starts_with("aWdf"));
        assert_eq!(built.len(), 164);
    }

    #[test]
    fn identifiers_differ_and_follow_the_seed() {
        let mut first = IdSource::new(7);
        let mut second = IdSource::new(7);
        let drawn: BTreeSet<_> = (0..10_000).map(|_| first.draw(IdKind::Comment)).collect();
        assert_eq!(drawn.len(), 10_000);
        assert!(drawn.contains(&second.draw(IdKind::Comment)));
        assert_ne!(
            IdSource::new(8).draw(IdKind::Comment),
            second.draw(IdKind::Comment)
        );
    }

    #[test]
    fn identifiers_have_the_length_of_their_kind() {
        let mut ids = IdSource::new(1);
        assert_eq!(ids.draw(IdKind::Account).len(), 17);
        assert_eq!(ids.draw(IdKind::Scoped).len(), 16);
        assert_eq!(ids.draw(IdKind::Thread).len(), 39);
        assert_eq!(ids.draw(IdKind::Message).len(), 35);
    }
}
