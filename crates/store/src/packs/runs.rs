//! A run goes into the pack of its event as a whole, once none of its sends is open: what it used up
//! is given back only when one of those ends.

use rusqlite::{Connection, params};

use crate::planning::Verdict;

/// Runs of an event, each with its reason, and whether one of its sends is open.
pub(super) const OF_EVENT: &str = "SELECT automation_id, because, version, verdict, once_key,
         EXISTS (SELECT 1 FROM sends s
                 WHERE s.event_id = r.event_id AND s.automation_id = r.automation_id
                     AND s.state IN ('planned', 'leased', 'unknown'))
     FROM runs r WHERE event_id = ?1";

/// What a pack holds of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackedRun {
    pub(crate) version: u32,
    pub(crate) verdict: Verdict,
    /// What its limit was used up for.
    pub(super) once_key: Option<[u8; 16]>,
    /// JSON.
    pub(crate) because: String,
}

impl PackedRun {
    /// A line of its own, and the reason as it is, which other reasons and the delivery resemble.
    pub(super) fn to_text(&self) -> String {
        let once_key = self.once_key.map_or_else(String::new, |key| {
            format!("{:032x}", u128::from_be_bytes(key))
        });
        let Self {
            version,
            verdict,
            because,
            ..
        } = self;
        format!("{version} {} {once_key}\n{because}", verdict.as_str())
    }

    /// The run of such a text, if it is one.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let (line, because) = text.split_once('\n')?;
        let mut words = line.split(' ');
        let version = words.next()?.parse().ok()?;
        let verdict = Verdict::from_name(words.next()?)?;
        let once_key = match words.next()? {
            "" => None,
            digits => Some(u128::from_str_radix(digits, 16).ok()?.to_be_bytes()),
        };
        Some(Self {
            version,
            verdict,
            once_key,
            because: because.to_owned(),
        })
    }

    /// Puts it back into a row; how many that are.
    pub(super) fn put_back(
        &self,
        connection: &Connection,
        (event, automation): (i64, i64),
    ) -> rusqlite::Result<usize> {
        connection
            .prepare_cached(
                "INSERT INTO runs (event_id, automation_id, version, verdict, once_key, because)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                event,
                automation,
                self.version,
                self.verdict.as_str(),
                self.once_key,
                self.because
            ])
    }
}

#[cfg(test)]
mod tests {
    use super::{PackedRun, Verdict};

    #[test]
    fn a_run_reads_back_as_it_was() {
        for once_key in [None, Some([0; 16]), Some(*b"\x00\x01sixteen bytes.")] {
            for because in ["{}", "{\"actual\":\"a b\\n\"}", "a\n\nb"] {
                let run = PackedRun {
                    version: 17,
                    verdict: Verdict::NotMatched,
                    once_key,
                    because: because.to_owned(),
                };
                assert_eq!(PackedRun::of_text(&run.to_text()), Some(run));
            }
        }
    }

    #[test]
    fn what_is_no_run_is_none() {
        for text in [
            "",
            "1 matched",
            "x matched \n{}",
            "1 won \n{}",
            "1 matched xyz\n{}",
        ] {
            assert_eq!(PackedRun::of_text(text), None, "{text}");
        }
    }
}
