//! Schema changes: numbered files, forward only, each in one transaction.

use std::path::Path;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;
use rusqlite::{Connection, TransactionBehavior};

use crate::error::OpenError;
use crate::{digest, ids, mids};

const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_create_tables.sql"),
    include_str!("../../migrations/sqlite/0002_keep_trouble_local.sql"),
    include_str!("../../migrations/sqlite/0003_time_of_wishes.sql"),
    include_str!("../../migrations/sqlite/0004_index_failed_sends.sql"),
    include_str!("../../migrations/sqlite/0005_alerts.sql"),
    include_str!("../../migrations/sqlite/0006_deletions.sql"),
    include_str!("../../migrations/sqlite/0007_upkeep.sql"),
    include_str!("../../migrations/sqlite/0008_compare_states_plainly.sql"),
    include_str!("../../migrations/sqlite/0009_packs.sql"),
    include_str!("../../migrations/sqlite/0010_message_ends.sql"),
    include_str!("../../migrations/sqlite/0011_smaller_rows.sql"),
    include_str!("../../migrations/sqlite/0012_ids_as_numbers.sql"),
    include_str!("../../migrations/sqlite/0013_compare_verdicts_plainly.sql"),
    include_str!("../../migrations/sqlite/0014_rows_leave.sql"),
    include_str!("../../migrations/sqlite/0015_found_by_comment.sql"),
];

/// The newest schema this version knows.
pub(crate) fn known_schema() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Brings the database to the newest schema and says how many steps that took. Safe beside
/// another process that does the same: the number is read inside the transaction.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<usize, OpenError> {
    let opening = |source| OpenError::Open {
        path: path.to_owned(),
        doing: "migrate it",
        source,
    };
    add_functions(connection).map_err(opening)?;
    let mut steps = 0;
    loop {
        let step = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(opening)?;
        let schema: i64 = step
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(opening)?;
        if schema > known_schema() {
            let (found, known) = (schema, known_schema());
            return Err(OpenError::Newer {
                path: path.to_owned(),
                found,
                known,
            });
        }
        let Some(sql) = usize::try_from(schema)
            .ok()
            .and_then(|done| MIGRATIONS.get(done))
        else {
            return Ok(steps);
        };
        step.execute_batch(sql).map_err(opening)?;
        step.pragma_update(None, "user_version", schema + 1)
            .map_err(opening)?;
        step.commit().map_err(opening)?;
        steps += 1;
    }
}

/// The functions of the program that files ask for. None stands for none.
fn add_functions(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("digest_key", 1, flags, |arguments| {
        let text: Option<String> = arguments.get(0)?;
        Ok(text.map(|text| digest::key(text.as_bytes())))
    })?;
    connection.create_scalar_function("digest_short", 1, flags, |arguments| {
        let text: Option<String> = arguments.get(0)?;
        Ok(text.map(|text| digest::short(&text)))
    })?;
    connection.create_scalar_function("id_column", 1, flags, |arguments| {
        let text: Option<String> = arguments.get(0)?;
        Ok(text.map(|text| Value::from(ids::Column::of(&text))))
    })?;
    connection.create_scalar_function("mid_column", 1, flags, |arguments| {
        let text: Option<String> = arguments.get(0)?;
        Ok(text.map(|text| Value::from(mids::Column::of_text(&text))))
    })
}
