//! Keys made of parts: what has equal parts has an equal key, and nothing else has.

/// The parts in their order, with `:` between them. A `:` inside a part is written `%3A`, and a
/// `%` is `%25`, so that parts cannot be shifted into one another; Meta's ids have neither.
pub(crate) fn joined(parts: &[&str]) -> String {
    let mut key = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            key.push(':');
        }
        for ch in part.chars() {
            match ch {
                ':' => key.push_str("%3A"),
                '%' => key.push_str("%25"),
                other => key.push(other),
            }
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[0-9a:%3A5]{0,4}|.{0,6}", 1..4)
    }

    fn key(parts: &[String]) -> String {
        joined(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn the_ids_of_meta_stand_as_they_are() {
        assert_eq!(
            joined(&["comment", "1784", "179_0-A"]),
            "comment:1784:179_0-A"
        );
    }

    proptest! {
        #[test]
        fn keys_are_equal_exactly_when_their_parts_are(one in parts(), other in parts()) {
            prop_assert_eq!(key(&one) == key(&other), one == other);
            prop_assert_eq!(key(&one), key(&one.clone()));
        }
    }
}
