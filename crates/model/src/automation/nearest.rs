//! Guessing what somebody meant to write.

/// How many slips of the finger a guess bridges.
const SLIPS_MAX: usize = 3;

/// The candidate that was probably meant, if one is near enough.
pub(crate) fn nearest<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let length = written.chars().count();
    // Distances cost the product of both lengths.
    if length > 64 {
        return None;
    }
    let slips_max = SLIPS_MAX.min(length.div_ceil(3));
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::osa_distance(&written.to_lowercase(), candidate),
                candidate,
            )
        })
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_bridged_and_strangers_are_not() {
        let keys = ["on", "media", "include_replies"];
        for (written, meant) in [
            ("medai", Some("media")),
            ("Media", Some("media")),
            ("include_reply", Some("include_replies")),
            ("no", Some("on")),
            ("xyz", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(written, keys), meant, "{written}");
        }
    }
}
