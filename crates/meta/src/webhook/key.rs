//! Natural keys: what makes an event this event and no other (contract 2.7).

use std::collections::BTreeMap;

use hookline_model::event::NaturalKey;
use hookline_model::ids::AccountId;
use ring::digest;
use serde_json::Value;
use serde_json::value::RawValue;

/// The key over account, kind and parts. Every part is preceded by its length, and an absent part
/// differs from an empty one, so different parts never make the same input.
pub(super) fn natural_key(account: &AccountId, kind: &str, parts: &[Option<&str>]) -> NaturalKey {
    let mut context = digest::Context::new(&digest::SHA256);
    let named = [Some(account.as_str()), Some(kind)];
    for part in named.iter().chain(parts) {
        let length = part.map_or(Ok(u64::MAX), |part| u64::try_from(part.len()));
        context.update(&length.unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.unwrap_or_default().as_bytes());
    }
    let mut bytes = [0; NaturalKey::BYTES];
    for (byte, digest_byte) in bytes.iter_mut().zip(context.finish().as_ref()) {
        *byte = *digest_byte;
    }
    NaturalKey::from_bytes(bytes)
}

/// The key of an event we cannot name: its canonical form, so that the order of its keys and its
/// white space do not matter; or its bytes, where a canonical form would lose something of it.
pub(super) fn key_of_unknown(
    account: &AccountId,
    raw: &RawValue,
    value: Option<&Value>,
) -> NaturalKey {
    let mut canonical = String::with_capacity(raw.get().len());
    let is_whole = value.is_some_and(|value| write_canonical(value, &mut canonical).is_some());
    let text = if is_whole { &canonical } else { raw.get() };
    natural_key(account, "unknown", &[Some(text)])
}

/// Writes `value` compactly with sorted keys; none if it holds a number that was not kept digit
/// for digit.
fn write_canonical(value: &Value, out: &mut String) -> Option<()> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => out.push_str(&value.to_string()),
        Value::Number(number) => {
            let is_exact = number.is_i64() || number.is_u64();
            is_exact.then(|| out.push_str(&number.to_string()))?;
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item, out)?;
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (name, member) in members.iter().collect::<BTreeMap<_, _>>() {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(member, out)?;
                out.push(',');
            }
            out.push('}');
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(kind: &str, parts: &[Option<&str>]) -> NaturalKey {
        natural_key(&AccountId::new("1"), kind, parts)
    }

    fn unknown(text: &str) -> NaturalKey {
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        key_of_unknown(
            &AccountId::new("1"),
            raw,
            serde_json::from_str(text).ok().as_ref(),
        )
    }

    #[test]
    fn parts_cannot_be_shifted_into_one_another() {
        let keys = [
            key("ab", &[Some("c")]),
            key("a", &[Some("bc")]),
            key("a", &[Some("b"), Some("c")]),
            key("a", &[Some("bc"), None]),
            key("a", &[Some("bc"), Some("")]),
            key("a", &[None, Some("bc")]),
            natural_key(&AccountId::new("1a"), "", &[Some("bc")]),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn unknown_events_are_equal_whatever_their_order_and_space() {
        let one = unknown(r#"{"b":[1,{"d":true,"c":null}],"a":"\u00e4"}"#);
        let other = unknown(r#" {"a": "ä", "b": [1, {"c": null, "d": true}]} "#);
        assert_eq!(one, other);
        assert_ne!(one, unknown(r#"{"b":[1,{"d":true,"c":null}],"a":"a"}"#));
    }

    #[test]
    fn digits_beyond_64_bits_tell_unknown_events_apart() {
        assert_ne!(
            unknown(r#"{"id":100000000000000000001}"#),
            unknown(r#"{"id":100000000000000000002}"#)
        );
    }

    type Named = (String, String, Vec<Option<String>>);

    fn named() -> impl Strategy<Value = Named> {
        let part = || "[ab]{0,3}";
        let parts = prop::collection::vec(prop::option::of(part()), 0..3);
        (part(), part(), parts)
    }

    fn key_of((account, kind, parts): &Named) -> NaturalKey {
        let parts: Vec<_> = parts.iter().map(Option::as_deref).collect();
        natural_key(&AccountId::new(account.as_str()), kind, &parts)
    }

    proptest! {
        #[test]
        fn keys_are_equal_exactly_when_everything_named_is(one in named(), other in named()) {
            prop_assert_eq!(key_of(&one) == key_of(&other), one == other);
            prop_assert_eq!(key_of(&one), key_of(&one.clone()));
        }
    }
}
