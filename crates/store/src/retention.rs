//! Letting go of what must not be kept.

use hookline_model::clock::Timestamp;
use rusqlite::{Connection, params};

use crate::Store;
use crate::error::StoreError;
use crate::packs::undo_delivery;

/// Bytes of deliveries after which a pass is over, because the writer overwrites what is let go.
const BYTES_AT_ONCE: i64 = 1024 * 1024;

/// What one pass let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Events of accounts that are not connected here.
    pub events: usize,
    /// Deliveries that told of nothing else.
    pub deliveries: usize,
}

impl Store {
    /// Forgets events of unknown accounts received before `before`, and the deliveries that told
    /// of nothing else; at most `limit` events a pass, and few enough bytes that the writer is not
    /// held up by it. What is left waits for the next pass.
    pub async fn sweep_unknown_accounts(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Swept, StoreError> {
        let has_any = self.read(move |connection| has_strangers(connection, before));
        if !has_any.await? {
            return Ok(Swept::default());
        }
        self.write(move |connection| sweep(connection, before, limit))
            .await
    }
}

fn has_strangers(connection: &Connection, before: Timestamp) -> Result<bool, StoreError> {
    connection
        .prepare_cached(
            "SELECT 1 FROM events WHERE ignored = 'account_unknown' AND received_at < ?1",
        )
        .and_then(|mut query| query.exists([before.as_millis()]))
        .map_err(StoreError::database("look for unknown accounts"))
}

fn sweep(connection: &Connection, before: Timestamp, limit: u32) -> Result<Swept, StoreError> {
    let doing = || StoreError::database("forget unknown accounts");
    let forgotten: Vec<(i64, i64, i64)> = connection
        .prepare_cached(
            "SELECT id, delivery_id,
                    (SELECT length(body) FROM deliveries d WHERE d.id = delivery_id)
             FROM events WHERE ignored = 'account_unknown'
                 AND received_at < ?1 ORDER BY received_at LIMIT ?2",
        )
        .and_then(|mut query| {
            query
                .query_map(params![before.as_millis(), limit], |row| {
                    let bytes: Option<i64> = row.get(2)?;
                    Ok((row.get(0)?, row.get(1)?, bytes.unwrap_or(0)))
                })?
                .collect()
        })
        .map_err(doing())?;
    let mut swept = Swept::default();
    let mut bytes = 0;
    for (event, delivery, body_bytes) in forgotten {
        bytes += body_bytes;
        if bytes > BYTES_AT_ONCE && swept.events > 0 {
            break;
        }
        // One pack is as much as one transaction should undo.
        let is_last = undo_delivery(connection, delivery)? > 0;
        swept.events += 1;
        for sql in [
            "DELETE FROM events WHERE id = ?1",
            "DELETE FROM sightings WHERE event_id = ?1",
        ] {
            connection
                .prepare_cached(sql)
                .and_then(|mut delete| delete.execute([event]))
                .map_err(doing())?;
        }
        swept.deliveries += connection
            .prepare_cached(
                "DELETE FROM deliveries WHERE id = ?1
                     AND NOT EXISTS (SELECT 1 FROM events WHERE delivery_id = ?1)
                     AND NOT EXISTS (SELECT 1 FROM sightings WHERE delivery_id = ?1)",
            )
            .and_then(|mut delete| delete.execute([delivery]))
            .map_err(doing())?;
        if is_last {
            break;
        }
    }
    Ok(swept)
}
