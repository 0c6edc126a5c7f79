//! Letting go of what must not be kept.

use hookline_model::clock::Timestamp;
use rusqlite::{Connection, params};

use crate::Store;
use crate::error::StoreError;
use crate::packs::undo_delivery;

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
    /// of nothing else; at most `limit` events a pass.
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
    let forgotten: Vec<(i64, i64)> = connection
        .prepare_cached(
            "SELECT id, delivery_id FROM events WHERE ignored = 'account_unknown'
                 AND received_at < ?1 ORDER BY received_at LIMIT ?2",
        )
        .and_then(|mut query| {
            query
                .query_map(params![before.as_millis(), limit], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect()
        })
        .map_err(doing())?;
    let mut swept = Swept {
        events: forgotten.len(),
        deliveries: 0,
    };
    for (event, delivery) in forgotten {
        undo_delivery(connection, delivery)?;
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
    }
    Ok(swept)
}
