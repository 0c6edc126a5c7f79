//! Letting go of what must not be kept.

use hookline_model::clock::Timestamp;
use rusqlite::params;

use crate::Store;
use crate::error::StoreError;

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
        self.write(move |connection| {
            let doing = || StoreError::database("forget unknown accounts");
            let deliveries: Vec<i64> = connection
                .prepare_cached(
                    "DELETE FROM events WHERE id IN (
                         SELECT id FROM events WHERE ignored = 'account_unknown'
                             AND received_at < ?1 ORDER BY received_at LIMIT ?2)
                     RETURNING delivery_id",
                )
                .and_then(|mut delete| {
                    delete
                        .query_map(params![before.as_millis(), limit], |row| row.get(0))?
                        .collect()
                })
                .map_err(doing())?;
            let mut swept = Swept {
                events: deliveries.len(),
                deliveries: 0,
            };
            for delivery in deliveries {
                swept.deliveries += connection
                    .execute(
                        "DELETE FROM deliveries WHERE id = ?1
                             AND NOT EXISTS (SELECT 1 FROM events WHERE delivery_id = ?1)
                             AND NOT EXISTS (SELECT 1 FROM sightings WHERE delivery_id = ?1)",
                        [delivery],
                    )
                    .map_err(doing())?;
            }
            if swept.events == 0 {
                return Ok(swept);
            }
            connection
                .execute(
                    "DELETE FROM sightings WHERE NOT EXISTS
                         (SELECT 1 FROM events WHERE events.id = sightings.event_id)",
                    [],
                )
                .map_err(doing())?;
            Ok(swept)
        })
        .await
    }
}
