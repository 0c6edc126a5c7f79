//! Record: the raw bytes of a verified delivery, durable before anyone answers 200.

use std::sync::Arc;

use hookline_meta::signature::VerifiedDelivery;
use hookline_model::clock::Timestamp;
use hookline_model::ids::DeliveryId;
use hookline_model::limits::RECORD_WAIT_MAX;
use hookline_store::{RecordDelivery, Store, StoreError};
use tokio::sync::Notify;

/// Why a delivery may not be answered with 200.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It could not be committed in time; it may still be, so Meta's retry may be a duplicate.
    #[error("the delivery was not committed within {} ms", RECORD_WAIT_MAX.as_millis())]
    TooSlow,
    /// It could not be committed.
    #[error("the delivery could not be committed")]
    Store(#[source] StoreError),
}

/// Records deliveries and wakes the interpreter.
#[derive(Debug, Clone)]
pub struct Recorder {
    store: Arc<Store>,
    recorded: Arc<Notify>,
}

impl Recorder {
    /// Records into `store`; `recorded` is notified after each commit.
    pub fn new(store: Arc<Store>, recorded: Arc<Notify>) -> Self {
        Self { store, recorded }
    }

    /// Records a delivery. When this answers `Ok` the bytes are committed and survive a power cut
    /// (promise 1); it answers within [`RECORD_WAIT_MAX`] whatever the disk does.
    pub async fn record(
        &self,
        delivery: VerifiedDelivery,
        received_at: Timestamp,
    ) -> Result<DeliveryId, RecordError> {
        let (body, secret_index, api_version) = delivery.into_parts();
        let record = self.store.record_delivery(RecordDelivery {
            received_at,
            secret_index,
            api_version,
            body,
        });
        let id = tokio::time::timeout(RECORD_WAIT_MAX, record)
            .await
            .map_err(|_| RecordError::TooSlow)?
            .map_err(RecordError::Store)?;
        self.recorded.notify_one();
        Ok(id)
    }
}
