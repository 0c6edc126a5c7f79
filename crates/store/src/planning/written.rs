//! The texts of a plan as they are kept.
//!
//! Those of an event are made [before](Texts) anything is decided about it, beside the writer, which
//! makes only what a decision changed.

use std::collections::HashMap;

use hookline_model::event::Event;
use hookline_model::ids::{AutomationId, CommentId, DeliveryId, MessageId};

use super::{Delivery, Plan, PlannedEvent, PlannedRun, Verdict};
use crate::error::StoreError;
use crate::quoting::{Kept, Quoter};
use crate::rows::to_json;

/// The texts of an event that is told of for the first time, quoting the delivery it came in.
#[derive(Debug, Clone)]
pub struct Texts {
    body: Kept,
    /// Of its runs as they were considered. A run that was decided otherwise has another verdict,
    /// and a reason that is made then.
    reasons: Vec<(AutomationId, Verdict, Kept)>,
}

impl Texts {
    /// The texts of `event`, which `delivery` told of, and of what its automations say.
    pub fn quoting<'a>(
        delivery: &Delivery,
        event: &Event,
        runs: impl Iterator<Item = &'a PlannedRun>,
    ) -> Result<Self, StoreError> {
        let quoter = quoter_of(event, &delivery.body);
        let reason = |run: &PlannedRun| {
            let because = quoter.keep(to_json(&run.because)?);
            Ok((run.automation_id, run.verdict, because))
        };
        Ok(Self {
            body: quoter.keep(to_json(&event.body)?),
            reasons: runs.map(reason).collect::<Result<_, StoreError>>()?,
        })
    }

    fn take_reason(&mut self, run: &PlannedRun) -> Option<Kept> {
        let is_of = |(automation, verdict, _): &(AutomationId, Verdict, Kept)| {
            *automation == run.automation_id && *verdict == run.verdict
        };
        let place = self.reasons.iter().position(is_of)?;
        Some(self.reasons.swap_remove(place).2)
    }
}

/// The texts of one planned event.
pub(super) struct Written {
    pub(super) body: Kept,
    /// The reason of each of its runs, in their order.
    pub(super) reasons: Vec<Kept>,
}

/// The texts of all events of a plan, in their order.
pub(super) fn written(plan: &mut Plan) -> Result<Vec<Written>, StoreError> {
    let deliveries: HashMap<DeliveryId, &[u8]> = plan
        .deliveries
        .iter()
        .map(|delivery| (delivery.id, delivery.body.as_slice()))
        .collect();
    let write = |planned: &mut PlannedEvent| {
        let texts = planned.texts.take();
        // A known event stays where it is told of first, and its texts were kept before.
        match (planned.known, deliveries.get(&planned.delivery_id)) {
            (None, Some(delivery)) => write_quoting(planned, texts, delivery),
            (None, None) | (Some(_), _) => write_whole(planned),
        }
    };
    plan.events.iter_mut().map(write).collect()
}

fn write_quoting(
    planned: &PlannedEvent,
    mut texts: Option<Texts>,
    delivery: &[u8],
) -> Result<Written, StoreError> {
    let mut quoter = None;
    let mut keep = |text: String| {
        let quoter = quoter.get_or_insert_with(|| quoter_of(&planned.event, delivery));
        quoter.keep(text)
    };
    let mut reasons = Vec::with_capacity(planned.runs.len());
    for run in &planned.runs {
        let made = texts.as_mut().and_then(|texts| texts.take_reason(run));
        reasons.push(match made {
            Some(reason) => reason,
            None => keep(to_json(&run.because)?),
        });
    }
    let body = match texts {
        Some(texts) => texts.body,
        None => keep(to_json(&planned.event.body)?),
    };
    Ok(Written { body, reasons })
}

fn write_whole(planned: &PlannedEvent) -> Result<Written, StoreError> {
    let reasons = planned.runs.iter();
    Ok(Written {
        body: Kept::Whole(to_json(&planned.event.body)?),
        reasons: reasons
            .map(|run| to_json(&run.because).map(Kept::Whole))
            .collect::<Result<_, _>>()?,
    })
}

/// Quotes near the place where the delivery speaks of the event.
fn quoter_of(event: &Event, delivery: &[u8]) -> Quoter {
    let about = event
        .comment_id()
        .map(CommentId::as_str)
        .or(event.message_id().map(MessageId::as_str));
    Quoter::new(delivery, about)
}
