//! Route: which automations an event is considered for, who wins, and what is owed then.

mod steps;
mod wish;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hookline_model::automation::TriggerKind;
use hookline_model::clock::Timestamp;
use hookline_model::event::{Event, EventBody, Ignored};
use hookline_model::ids::{AccountId, AutomationId, ContactId, DeliveryId, EventId};
use hookline_model::matching::NormalizedText;
use hookline_model::routing::{
    Considered, NextMedia, Rule, because, consider, once_scope, text_of, trigger_of,
};
use hookline_model::send::SendKey;
use hookline_store::planning::{
    ContactFacts, Facts, KnownEvent, PlannedEvent, PlannedRun, Verdict,
};
use hookline_store::{Store, StoreError};
use rand::rngs::StdRng;

use crate::catalog::Catalog;
use crate::settings::Settings;

/// An event with everything decided about it.
#[derive(Debug)]
pub struct Routed {
    /// What is to be committed.
    pub planned: PlannedEvent,
}

/// Decides about the events of one batch, in order, each seeing what the ones before it did.
pub(crate) struct Router<'a> {
    store: &'a Store,
    catalog: &'a Catalog,
    facts: &'a Facts,
    settings: &'a Settings,
    random: &'a mut StdRng,
    unreadable: HashSet<EventId>,
    contacts: HashMap<(AccountId, ContactId), ContactFacts>,
    used: HashSet<(AutomationId, String)>,
    planned: HashSet<SendKey>,
}

/// One automation whose conditions hold.
struct Match {
    rule: Arc<Rule>,
    scope: String,
    keyword: Option<String>,
    run: PlannedRun,
}

impl<'a> Router<'a> {
    pub(crate) fn new(
        store: &'a Store,
        catalog: &'a Catalog,
        facts: &'a Facts,
        settings: &'a Settings,
        random: &'a mut StdRng,
    ) -> Self {
        let contacts = facts.contacts.clone();
        let (used, planned) = (HashSet::new(), HashSet::new());
        Self {
            store,
            catalog,
            facts,
            settings,
            random,
            unreadable: HashSet::new(),
            contacts,
            used,
            planned,
        }
    }

    /// Takes the media of these events for what cannot be read.
    pub(crate) fn without_media_of(mut self, unreadable: HashSet<EventId>) -> Self {
        self.unreadable = unreadable;
        self
    }

    /// Decides about one event. `known` is its row, if it has one and is routed late.
    pub(crate) async fn route(
        &mut self,
        event: Event,
        (delivery_id, received_at): (DeliveryId, Timestamp),
        known: Option<KnownEvent>,
    ) -> Result<Routed, StoreError> {
        let ignored = self.ignored(&event);
        let mut planned = PlannedEvent {
            known: known.map(|known| known.id),
            event,
            delivery_id,
            received_at,
            ignored,
            waits_until: None,
            runs: Vec::new(),
            sends: Vec::new(),
            opt_out: None,
        };
        if matches!(ignored, None | Some(Ignored::Standby)) {
            planned.opt_out = wish::of(&planned.event, received_at, self.settings);
            self.remember(&planned);
        }
        if ignored.is_some() {
            return Ok(Routed {
                planned: without_strangers(planned),
            });
        }
        if let Some(trigger) = trigger_of(&planned.event) {
            self.decide(&mut planned, trigger).await?;
        }
        Ok(Routed { planned })
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

    /// Later events of the batch see what this one changed about the person.
    fn remember(&mut self, planned: &PlannedEvent) {
        let event = &planned.event;
        let Some(contact) = event.contact_id() else {
            return;
        };
        let facts = self
            .contacts
            .entry((event.account_id.clone(), contact.clone()))
            .or_default();
        if event.opens_window() {
            let at = event
                .occurred_at
                .unwrap_or(planned.received_at)
                .min(planned.received_at);
            facts.last_inbound_at = facts.last_inbound_at.max(Some(at));
        }
        if let Some(wish) = planned.opt_out {
            facts.hear(wish);
        }
    }

    async fn decide(
        &mut self,
        planned: &mut PlannedEvent,
        trigger: TriggerKind,
    ) -> Result<(), StoreError> {
        let is_unreadable = planned
            .known
            .is_some_and(|id| self.unreadable.contains(&id));
        let considered = self.consider_all(&planned.event, trigger, is_unreadable);
        let Some((matches, mut runs)) = considered else {
            planned.waits_until = Some(planned.received_at);
            return Ok(());
        };
        let opted_out_at = self.opted_out_at(&planned.event);
        let mut winner: Option<String> = None;
        for mut found in matches {
            let is_message = found.rule.sends_message();
            if let Some(since) = opted_out_at {
                let expected = "a contact who has not asked to stop";
                found.skip("contact", expected, &format!("opted out since {since}"));
            } else if self.is_used(&found).await? {
                let expected = found.rule.automation.limit.once_per.as_str();
                found.skip("limit.once_per", expected, "already used up");
            } else if let (true, Some(name)) = (is_message, &winner) {
                found.lose(name);
            } else if !self.plan_steps(planned, &mut found).await? {
                let actual = "this comment already has its private reply";
                found.skip("one private reply per comment", "none planned yet", actual);
            } else if is_message {
                winner = Some(found.rule.automation.name.to_string());
            }
            runs.push(found.run);
        }
        planned.runs = runs;
        Ok(())
    }

    /// What every automation says, or nothing when one of them has to know more first.
    fn consider_all(
        &self,
        event: &Event,
        trigger: TriggerKind,
        is_unreadable: bool,
    ) -> Option<(Vec<Match>, Vec<PlannedRun>)> {
        let account = self.catalog.accounts.get(&event.account_id)?;
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
            match consider(rule, event, text.as_ref(), next) {
                Considered::NeedsMedia => return None,
                Considered::NotMatched(because) => runs.push(run(Verdict::NotMatched, because)),
                Considered::Matched { because, keyword } => matches.push(Match {
                    rule: Arc::clone(rule),
                    scope: once_scope(rule, event),
                    keyword,
                    run: run(Verdict::Matched, because),
                }),
            }
        }
        Some((matches, runs))
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

    /// Since when the event's contact wants to be left alone.
    fn opted_out_at(&self, event: &Event) -> Option<Timestamp> {
        let key = (event.account_id.clone(), event.contact_id()?.clone());
        self.contacts.get(&key)?.opted_out_at
    }

    async fn is_used(&self, found: &Match) -> Result<bool, StoreError> {
        let key = (found.rule.id, found.scope.clone());
        if self.used.contains(&key) {
            return Ok(true);
        }
        Ok(!self.store.used_once_keys(vec![key]).await?.is_empty())
    }

    /// Plans the steps of an automation that takes effect; `false` when the comment's one private
    /// reply is taken.
    async fn plan_steps(
        &mut self,
        planned: &mut PlannedEvent,
        found: &mut Match,
    ) -> Result<bool, StoreError> {
        let sends = steps::plan(
            &found.rule,
            planned,
            found.keyword.as_deref(),
            &self.contacts,
            (self.settings, &mut *self.random),
        );
        let keys: Vec<SendKey> = sends.iter().map(|send| send.key.clone()).collect();
        let is_taken = keys.iter().any(|key| self.planned.contains(key))
            || !self.store.existing_sends(keys.clone()).await?.is_empty();
        if is_taken {
            return Ok(false);
        }
        self.planned.extend(keys);
        self.used.insert((found.rule.id, found.scope.clone()));
        found.run.once_scope = Some(found.scope.clone());
        planned.sends.extend(sends);
        Ok(true)
    }
}

impl Match {
    fn skip(&mut self, condition: &str, expected: &str, actual: &str) {
        self.run.verdict = Verdict::Skipped;
        self.run.because = because(condition, expected, actual);
    }

    fn lose(&mut self, winner: &str) {
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
