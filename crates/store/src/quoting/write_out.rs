//! Writing texts out whole, because the delivery they quote is about to change.

use rusqlite::{Connection, params};

use super::{Kept, resolve};
use crate::error::StoreError;

/// Keeps whole what quotes a delivery, in the transaction that changes its bytes. What is packed
/// quotes nothing.
pub(crate) fn write_out(connection: &Connection, delivery: i64) -> Result<(), StoreError> {
    let doing = || StoreError::database("write out what quotes a delivery");
    let quoting = |sql: &'static str| {
        connection
            .prepare_cached(sql)
            .and_then(|mut query| {
                query
                    .query_map([delivery], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                    })?
                    .collect::<rusqlite::Result<Vec<(i64, i64, Vec<u8>)>>>()
            })
            .map_err(doing())
    };
    let events =
        quoting("SELECT id, 0, body FROM events WHERE delivery_id = ?1 AND typeof(body) = 'blob'")?;
    let runs = quoting(
        "SELECT r.event_id, r.automation_id, r.because FROM events e
         JOIN runs r ON r.event_id = e.id
         WHERE e.delivery_id = ?1 AND typeof(r.because) = 'blob'",
    )?;
    if events.is_empty() && runs.is_empty() {
        return Ok(());
    }
    let body: Vec<u8> = connection
        .prepare_cached("SELECT body FROM deliveries WHERE id = ?1")
        .and_then(|mut query| query.query_row([delivery], |row| row.get(0)))
        .map_err(doing())?;
    let whole = |table, column, id: i64, quotation: &[u8]| {
        resolve(quotation, &body)
            .map(Kept::Whole)
            .map_err(StoreError::corrupt(table, column, &id))
    };
    for (id, _, quotation) in events {
        let text = whole("events", "body", id, &quotation)?;
        connection
            .prepare_cached("UPDATE events SET body = ?2 WHERE id = ?1")
            .and_then(|mut update| update.execute(params![id, text]))
            .map_err(doing())?;
    }
    for (event, automation, quotation) in runs {
        let text = whole("runs", "because", event, &quotation)?;
        connection
            .prepare_cached(
                "UPDATE runs SET because = ?3 WHERE event_id = ?1 AND automation_id = ?2",
            )
            .and_then(|mut update| update.execute(params![event, automation, text]))
            .map_err(doing())?;
    }
    Ok(())
}
