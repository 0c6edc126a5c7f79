//! `backfill[]`: what we read back ourselves, in the forms of the events that never came.

use serde_json::value::RawValue;

use super::{NotKnown, Read, Source, change, messaging, parse, wire};

/// Reads one element of `backfill[]`, as [`crate::backfill`] writes it.
pub(super) fn read(source: &Source<'_>, raw: &RawValue) -> Result<Read, NotKnown> {
    let item: wire::Change<'_> = parse(raw, "comment or message read back")?;
    let field = item.field.ok_or(NotKnown::Lacks("the item", "field"))?;
    let value = item.value.ok_or(NotKnown::Lacks("the item", "value"))?;
    match &*field.0 {
        "comments" => change::read(source, raw),
        "messages" => messaging::read(source, value),
        _ => Err(NotKnown::Field),
    }
}
