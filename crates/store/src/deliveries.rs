//! Recording deliveries, and asking for one again.

use bytes::Bytes;
use hookline_model::clock::Timestamp;
use hookline_model::ids::DeliveryId;
use rusqlite::params;

use crate::Store;
use crate::error::StoreError;
use crate::packs::undo_delivery;
use crate::sqlite::NewDelivery;

/// A verified delivery as it is recorded.
#[derive(Debug, Clone)]
pub struct RecordDelivery {
    /// When its last byte had arrived.
    pub received_at: Timestamp,
    /// Which of the configured secrets verified it, counted from 0.
    pub secret_index: usize,
    /// The `Facebook-API-Version` header.
    pub api_version: Option<String>,
    /// The bytes as received.
    pub body: Bytes,
}

impl Store {
    /// Records a delivery and answers once its raw bytes are committed: a power cut after that
    /// does not lose it. Deliveries that wait together share one commit.
    pub async fn record_delivery(
        &self,
        delivery: RecordDelivery,
    ) -> Result<DeliveryId, StoreError> {
        let RecordDelivery {
            received_at,
            secret_index,
            api_version,
            body,
        } = delivery;
        self.record(NewDelivery {
            received_at,
            secret_index,
            api_version,
            source: None,
            body,
        })
        .await
    }

    /// Asks for a delivery to be interpreted again; `false` if there is no such delivery. Asking
    /// twice is asking once. Events that already took effect do not take effect again.
    pub async fn request_replay(&self, id: DeliveryId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let doing = StoreError::database;
            let has_row = || {
                connection
                    .prepare_cached("SELECT 1 FROM deliveries WHERE id = ?1")
                    .and_then(|mut query| query.exists([id.0]))
                    .map_err(StoreError::database("look for the delivery"))
            };
            // What is interpreted again has its row again: something is noted about it then.
            if !has_row()? && (undo_delivery(connection, id.0)? == 0 || !has_row()?) {
                return Ok(false);
            }
            connection
                .execute(
                    "INSERT INTO replays (delivery_id, requested_at) VALUES (?1, ?2)
                     ON CONFLICT (delivery_id) DO NOTHING",
                    params![id.0, now.as_millis()],
                )
                .map_err(doing("ask for a replay"))?;
            Ok(true)
        })
        .await
    }
}
