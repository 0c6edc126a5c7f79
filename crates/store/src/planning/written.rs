//! The texts of a plan as they are kept, made before the writer is asked for anything.

use std::collections::HashMap;

use hookline_model::ids::{CommentId, DeliveryId, MessageId};

use super::{Plan, PlannedEvent};
use crate::error::StoreError;
use crate::quoting::{Kept, Quoter};
use crate::rows::to_json;

/// The texts of one planned event.
pub(super) struct Written {
    pub(super) body: Kept,
    /// The reason of each of its runs, in their order.
    pub(super) reasons: Vec<Kept>,
}

/// The texts of all events of a plan, in their order.
pub(super) fn written(plan: &Plan) -> Result<Vec<Written>, StoreError> {
    let deliveries: HashMap<DeliveryId, &[u8]> = plan
        .deliveries
        .iter()
        .map(|delivery| (delivery.id, delivery.body.as_slice()))
        .collect();
    let write = |planned: &PlannedEvent| {
        // A known event stays where it is told of first, and its texts were kept before.
        let delivery = match planned.known {
            None => deliveries.get(&planned.delivery_id).copied(),
            Some(_) => None,
        };
        write(planned, delivery)
    };
    plan.events.iter().map(write).collect()
}

fn write(planned: &PlannedEvent, delivery: Option<&[u8]>) -> Result<Written, StoreError> {
    let event = &planned.event;
    let about = event
        .comment_id()
        .map(CommentId::as_str)
        .or(event.message_id().map(MessageId::as_str));
    let quoter = delivery.map(|delivery| Quoter::new(delivery, about));
    let keep = |text: String| match &quoter {
        Some(quoter) => quoter.keep(text),
        None => Kept::Whole(text),
    };
    Ok(Written {
        body: keep(to_json(&event.body)?),
        reasons: planned
            .runs
            .iter()
            .map(|run| to_json(&run.because).map(&keep))
            .collect::<Result<_, _>>()?,
    })
}
