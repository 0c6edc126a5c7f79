//! What a pack is marked with: what lists ask for, in 24 bits each.
//!
//! A list of what is rare reads the marks of many packs, and only those packs that bear all it asks
//! for. A pack may bear a mark by chance, and is then read in vain; it never lacks one.

use std::collections::BTreeSet;

use hookline_model::event::EventKind;
use hookline_model::ids::ContactId;
use rusqlite::types::{Value, ValueRef};

use super::guesses::text_of_id;
use super::row::{PackedRow, Rows, Table};
use crate::digest;
use crate::ids::MetaId as _;

/// Bytes of a mark.
const BYTES: usize = 3;

/// One of the things lists ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark([u8; BYTES]);

impl Mark {
    fn of(what: &str, value: &str) -> Self {
        let digest = digest::key(format!("{what} {value}").as_bytes());
        Self(digest.first_chunk().copied().unwrap_or_default())
    }

    /// An event about a contact, or a send to them.
    pub(crate) fn of_contact(contact: &ContactId) -> Self {
        Self::of("contact", &contact.column().to_text())
    }

    /// An event of a kind.
    pub(crate) fn of_kind(kind: EventKind) -> Self {
        Self::of("kind", kind.as_str())
    }

    /// A send in a state.
    pub(crate) fn of_state(state: &str) -> Self {
        Self::of("state", state)
    }

    /// A send of an automation.
    pub(crate) fn of_automation(automation: i64) -> Self {
        Self::of("automation", &automation.to_string())
    }
}

/// All marks of rows, as a column holds them.
pub(super) fn of_rows(rows: &Rows) -> Vec<u8> {
    let mut marks = BTreeSet::new();
    for row in rows.of(Table::Events) {
        marks.extend(contact(row));
        marks.extend(word(row, "kind").map(|kind| Mark::of("kind", kind)));
    }
    for row in rows.of(Table::Sends) {
        marks.extend(contact(row));
        marks.extend(word(row, "state").map(Mark::of_state));
        marks.insert(Mark::of_automation(row.number("automation_id")));
    }
    marks.into_iter().flat_map(|mark| mark.0).collect()
}

fn contact(row: &PackedRow) -> Option<Mark> {
    let value = row.value("contact_id").map(Value::try_from)?.ok()?;
    text_of_id(&value).map(|contact| Mark::of("contact", &contact))
}

fn word<'a>(row: &'a PackedRow, column: &str) -> Option<&'a str> {
    row.value(column).and_then(|value| value.as_str().ok())
}

/// Whether a column bears all of these.
pub(super) fn bear(column: ValueRef<'_>, wanted: &[Mark]) -> bool {
    let marks = column.as_blob().unwrap_or_default();
    let (marks, _) = marks.as_chunks::<BYTES>();
    wanted
        .iter()
        .all(|mark| marks.binary_search(&mark.0).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_same_in_every_version() {
        let mark = Mark::of_kind(EventKind::CommentReceived);
        assert_eq!(mark.0, [9, 18, 107]);
        assert_eq!(Mark::of("kind", "comment_received"), mark);
    }

    #[test]
    fn a_column_bears_what_is_in_it_and_nothing_else() {
        let mut marks = [Mark::of_state("accepted"), Mark::of_automation(7)];
        marks.sort();
        let column: Vec<u8> = marks.iter().flat_map(|mark| mark.0).collect();
        let bears = |wanted: &[Mark]| bear(ValueRef::Blob(&column), wanted);
        assert!(bears(&[]) && bears(&marks) && bears(&marks[1..]));
        assert!(!bears(&[Mark::of_automation(8)]));
        assert!(!bears(&[marks[0], Mark::of_state("refused")]));
        assert!(!bear(ValueRef::Blob(&[]), &marks));
    }
}
