//! How much of Meta's limits is used up, as its headers say (contract section 9).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// The most used-up limit that an answer speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Percent of the limit, rounded up; at 100 calls are throttled.
    pub percent: Option<u32>,
    /// Minutes until calls are allowed again; none when they are now.
    pub regain_minutes: Option<u32>,
}

/// The limits that bear on sending and reading; the others are of products not used here.
const KINDS: [&str; 3] = ["instagram", "messenger", "pages"];

#[derive(Deserialize)]
struct Counts {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    call_count: f64,
    #[serde(default)]
    total_time: f64,
    #[serde(default)]
    total_cputime: f64,
    #[serde(default)]
    estimated_time_to_regain_access: f64,
}

impl Usage {
    /// Reads `X-App-Usage` and `X-Business-Use-Case-Usage`. Of the latter only the entries under
    /// `own` ids count, or all when there are none: which id is the key is not documented. A
    /// header that cannot be read counts as absent, since no call may fail on it.
    pub fn of_headers(app: Option<&[u8]>, business: Option<&[u8]>, own: &[&str]) -> Self {
        let app = app
            .and_then(|header| serde_json::from_slice::<Counts>(header).ok())
            .map_or_else(Self::default, |counts| Self::of_counts(&counts));
        let business = business
            .and_then(|header| serde_json::from_slice::<HashMap<String, Vec<Counts>>>(header).ok())
            .unwrap_or_default();
        let is_keyed = business.keys().any(|key| own.contains(&key.as_str()));
        business
            .iter()
            .filter(|(key, _)| !is_keyed || own.contains(&key.as_str()))
            .flat_map(|(_, counts)| counts)
            .filter(|counts| {
                counts
                    .kind
                    .as_ref()
                    .is_none_or(|kind| KINDS.contains(&kind.as_str()))
            })
            .map(Self::of_counts)
            .fold(app, Self::or_higher)
    }

    /// The higher of both, number by number.
    #[must_use]
    pub fn or_higher(self, other: Self) -> Self {
        Self {
            percent: self.percent.max(other.percent),
            regain_minutes: self.regain_minutes.max(other.regain_minutes),
        }
    }

    fn of_counts(counts: &Counts) -> Self {
        let percent = counts
            .call_count
            .max(counts.total_time)
            .max(counts.total_cputime);
        Self {
            percent: whole(percent),
            regain_minutes: whole(counts.estimated_time_to_regain_access)
                .filter(|minutes| *minutes > 0),
        }
    }
}

/// Rounded up; none for what is no count.
fn whole(number: f64) -> Option<u32> {
    let is_count = (0.0..=f64::from(u32::MAX)).contains(&number);
    is_count
        .then(|| format!("{:.0}", number.ceil()).parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(app: Option<&str>, business: Option<&str>) -> (Option<u32>, Option<u32>) {
        let own = ["17841400000000001", "page"];
        let usage = Usage::of_headers(app.map(str::as_bytes), business.map(str::as_bytes), &own);
        (usage.percent, usage.regain_minutes)
    }

    #[test]
    fn the_highest_number_counts() {
        let app = r#"{"call_count":28,"total_time":25,"total_cputime":25.4}"#;
        let business = r#"{"17841400000000001":[{"type":"instagram","call_count":100,"total_cputime":25,"total_time":25,"estimated_time_to_regain_access":19},{"type":"ads_insights","call_count":500,"estimated_time_to_regain_access":99}]}"#;
        assert_eq!(usage(Some(app), None), (Some(28), None));
        assert_eq!(usage(None, Some(business)), (Some(100), Some(19)));
        assert_eq!(usage(Some(app), Some(business)), (Some(100), Some(19)));
        assert_eq!(
            usage(Some(r#"{"total_time":99.2}"#), None),
            (Some(100), None)
        );
    }

    #[test]
    fn another_account_in_the_header_is_not_ours_when_ours_is_there() {
        let both = r#"{"17841400000000002":[{"type":"messenger","call_count":100}],"page":[{"type":"messenger","call_count":7}]}"#;
        assert_eq!(usage(None, Some(both)), (Some(7), None));
        let other = r#"{"900":[{"type":"messenger","call_count":41}]}"#;
        assert_eq!(usage(None, Some(other)), (Some(41), None));
    }

    #[test]
    fn what_cannot_be_read_counts_as_absent() {
        for header in ["", "x", "[]", "null", "{\"1\":{}}", "{\"1\":[7]}", "\u{ff}"] {
            assert_eq!(usage(None, Some(header)), (None, None), "{header}");
        }
        for header in [
            "",
            "x",
            "7",
            r#"{"call_count":"many"}"#,
            r#"{"call_count":-4,"total_time":-1,"total_cputime":-1}"#,
        ] {
            let read = usage(Some(header), None);
            assert!(
                read == (None, None) || read == (Some(0), None),
                "{header}: {read:?}"
            );
        }
    }
}
