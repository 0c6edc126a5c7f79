//! Consider: what every automation says of an event taken for itself.

use std::collections::HashSet;
use std::sync::Arc;

use hookline_model::automation::TriggerKind;
use hookline_model::clock::Timestamp;
use hookline_model::event::{Event, EventBody, Ignored};
use hookline_model::ids::{DeliveryId, EventId};
use hookline_model::matching::NormalizedText;
use hookline_model::once::OnceScope;
use hookline_model::routing::{self, NextMedia, Rule, because, text_of, trigger_of};
use hookline_model::send::SendKey;
use hookline_store::StoreError;
use hookline_store::planning::{
    Delivery, Facts, KnownEvent, PlannedEvent, PlannedRun, Texts, Verdict,
};

use super::{steps, wish};
use crate::catalog::Catalog;
use crate::settings::Settings;

/// An event, and what the automations say of it.
pub(crate) struct Considered {
    pub(crate) planned: PlannedEvent,
    pub(super) found: Found,
}

/// What the automations say.
pub(super) enum Found {
    /// None was asked.
    Nothing,
    /// One of them has to know first when a media was published.
    NeedsMedia,
    Verdicts {
        matches: Vec<Match>,
        /// Of those that do not match.
        runs: Vec<PlannedRun>,
    },
}

/// Asks the automations of a catalog.
pub(crate) struct Considerer<'a> {
    catalog: &'a Catalog,
    settings: &'a Settings,
    facts: &'a Facts,
    unreadable: HashSet<EventId>,
}

/// One automation whose conditions hold.
pub(super) struct Match {
    pub(super) rule: Arc<Rule>,
    pub(super) scope: OnceScope,
    /// Of its steps, in their order.
    pub(super) keys: Vec<SendKey>,
    pub(super) keyword: Option<String>,
    pub(super) run: PlannedRun,
}

impl<'a> Considerer<'a> {
    pub(crate) fn new(catalog: &'a Catalog, settings: &'a Settings, facts: &'a Facts) -> Self {
        Self {
            catalog,
            settings,
            facts,
            unreadable: HashSet::new(),
        }
    }

    /// Takes the media of these events for what cannot be read.
    pub(crate) fn without_media_of(mut self, unreadable: HashSet<EventId>) -> Self {
        self.unreadable = unreadable;
        self
    }

    /// Considers one event. `known` is its row, if it has one and is routed late.
    pub(crate) fn consider(
        &self,
        event: Event,
        (delivery_id, received_at): (DeliveryId, Timestamp),
        known: Option<KnownEvent>,
    ) -> Considered {
        let ignored = self.ignored(&event);
        let opt_out = match ignored {
            None | Some(Ignored::Standby) => wish::of(&event, received_at, self.settings),
            Some(_) => None,
        };
        let found = match trigger_of(&event) {
            Some(trigger) if ignored.is_none() => {
                let is_unreadable = known.is_some_and(|known| self.unreadable.contains(&known.id));
                self.consider_all(&event, trigger, is_unreadable)
            }
            Some(_) | None => Found::Nothing,
        };
        let planned = without_strangers(PlannedEvent {
            known: known.map(|known| known.id),
            event,
            delivery_id,
            received_at,
            ignored,
            waits_until: None,
            runs: Vec::new(),
            sends: Vec::new(),
            opt_out,
            texts: None,
        });
        Considered { planned, found }
    }

    fn ignored(&self, event: &Event) -> Option<Ignored> {
        match Ignored::of(event) {
            Some(reason) => Some(reason),
            None if !self.catalog.accounts.contains_key(&event.account_id) => {
                Some(Ignored::AccountUnknown)
            }
            None => None,
        }
    }

    fn consider_all(&self, event: &Event, trigger: TriggerKind, is_unreadable: bool) -> Found {
        let Some(account) = self.catalog.accounts.get(&event.account_id) else {
            return Found::Nothing;
        };
        let text = text_of(event).map(NormalizedText::new);
        let (mut matches, mut runs) = (Vec::new(), Vec::new());
        let concerned = self
            .catalog
            .rules
            .iter()
            .filter(|rule| rule.concerns(&account.id, &account.username, trigger));
        for rule in concerned {
            let run = |verdict, because| PlannedRun {
                automation_id: rule.id,
                version: rule.version,
                verdict,
                because,
                once_scope: None,
            };
            let next = match self.next_media(rule, event) {
                NextMedia::NotKnown | NextMedia::Published(_) if is_unreadable => {
                    NextMedia::Unreadable
                }
                next @ (NextMedia::Bound(_)
                | NextMedia::NotKnown
                | NextMedia::Published(_)
                | NextMedia::Unreadable) => next,
            };
            match routing::consider(rule, event, text.as_ref(), next) {
                routing::Considered::NeedsMedia => return Found::NeedsMedia,
                routing::Considered::NotMatched(because) => {
                    runs.push(run(Verdict::NotMatched, because));
                }
                routing::Considered::Matched { because, keyword } => matches.push(Match {
                    rule: Arc::clone(rule),
                    scope: OnceScope::of(rule.automation.limit.once_per, event),
                    keys: steps::keys(rule, event),
                    keyword,
                    run: run(Verdict::Matched, because),
                }),
            }
        }
        Found::Verdicts { matches, runs }
    }

    fn next_media(&self, rule: &Rule, event: &Event) -> NextMedia<'_> {
        let binding = (rule.id, rule.version, event.account_id.clone());
        if let Some(bound) = self.facts.next_media.get(&binding) {
            return NextMedia::Bound(bound);
        }
        let published = event.media_id().and_then(|media| {
            self.facts
                .media
                .get(&(event.account_id.clone(), media.clone()))
        });
        published.map_or(NextMedia::NotKnown, |at| NextMedia::Published(*at))
    }
}

impl Considered {
    /// Makes its texts, quoting the delivery it came in.
    pub(crate) fn write(&mut self, delivery: &Delivery) -> Result<(), StoreError> {
        let (matches, runs): (&[Match], &[PlannedRun]) = match &self.found {
            Found::Verdicts { matches, runs } => (matches, runs),
            Found::Nothing | Found::NeedsMedia => (&[], &[]),
        };
        let runs = matches.iter().map(|found| &found.run).chain(runs);
        let texts = Texts::quoting(delivery, &self.planned.event, runs)?;
        self.planned.texts = Some(texts);
        Ok(())
    }
}

impl Match {
    pub(super) fn skip(&mut self, condition: &str, expected: &str, actual: &str) {
        self.run.verdict = Verdict::Skipped;
        self.run.because = because(condition, expected, actual);
    }

    pub(super) fn lose(&mut self, winner: &str) {
        self.run.verdict = Verdict::Lost;
        self.run.because = because(
            "priority",
            "the highest of those that match",
            &format!("lost to {winner}"),
        );
    }
}

/// Nothing personal is kept of an account that is not connected here (contract 12, 15): the event
/// keeps its ids, the delivery keeps the bytes for a while.
fn without_strangers(mut planned: PlannedEvent) -> PlannedEvent {
    if planned.ignored != Some(Ignored::AccountUnknown) {
        return planned;
    }
    match &mut planned.event.body {
        EventBody::CommentReceived(comment) | EventBody::LiveCommentReceived(comment) => {
            comment.from = None;
            comment.text = None;
        }
        EventBody::MessageReceived(message) | EventBody::MessageDeleted(message) => {
            message.contact_id = None;
            message.text = None;
            message.attachments.clear();
        }
        EventBody::MessageEdited(edit) => {
            edit.contact_id = None;
            edit.text = None;
        }
        EventBody::ReactionChanged(reaction) => reaction.contact_id = None,
        EventBody::MessageSeen(seen) => seen.contact_id = None,
        EventBody::PostbackReceived(postback) => postback.contact_id = None,
        EventBody::ReferralReceived(referral) => referral.contact_id = None,
        EventBody::ThreadControlChanged(control) => control.contact_id = None,
        EventBody::MentionReceived(_)
        | EventBody::MessageEchoed(_)
        | EventBody::StoryInsightsReceived(_)
        | EventBody::Unknown(_) => {}
    }
    planned
}
