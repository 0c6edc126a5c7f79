//! Route: which automations an event is considered for, who wins, and what is owed then.
//!
//! Events of a batch are first [considered](consider), each for itself; then it is looked up at
//! once what their automations could want and is taken already; then they are decided in order, inside
//! the transaction that keeps what was decided. So what takes long is done when considering.

pub(crate) mod consider;
mod steps;
mod wish;

use std::collections::{HashMap, HashSet};

use hookline_model::clock::Timestamp;
use hookline_model::event::{Event, EventName, Ignored};
use hookline_model::ids::{AccountId, AutomationId, ContactId};
use hookline_model::once::OnceScope;
use hookline_model::send::SendKey;
use hookline_store::planning::{ContactFacts, PlannedEvent, Question, Taken};
use rand::rngs::StdRng;

use crate::settings::Settings;
use consider::{Considered, Found, Match};

/// What has to be looked up before these events can be decided: of every event whether it is
/// known, and of those that could set something off who it would reach and what is taken.
pub(crate) fn wanted_by(considered: &[Considered]) -> Question {
    let Question {
        mut asked,
        mut wanted,
    } = Question::default();
    for Considered { planned, found } in considered {
        let event = &planned.event;
        asked.events.push(EventName::of(event));
        let matches = match found {
            Found::Verdicts { matches, .. } if !matches.is_empty() => matches,
            Found::Nothing | Found::NeedsMedia | Found::Verdicts { .. } => continue,
        };
        if let Some(contact) = event.contact_id() {
            let key = (event.account_id.clone(), contact.clone());
            asked.contacts.insert(key);
        }
        for found in matches {
            let limit = (found.rule.id, found.scope.clone());
            wanted.limits.push(limit);
            wanted.sends.extend(found.keys.iter().cloned());
        }
    }
    Question { asked, wanted }
}

/// Decides about the events of one batch, in order, each seeing what the ones before it did.
pub(crate) struct Router<'a> {
    settings: &'a Settings,
    random: &'a mut StdRng,
    contacts: HashMap<(AccountId, ContactId), ContactFacts>,
    used: HashSet<(AutomationId, OnceScope)>,
    planned: HashSet<SendKey>,
}

impl<'a> Router<'a> {
    pub(crate) fn new(
        contacts: HashMap<(AccountId, ContactId), ContactFacts>,
        taken: Taken,
        settings: &'a Settings,
        random: &'a mut StdRng,
    ) -> Self {
        Self {
            settings,
            random,
            contacts,
            used: taken.limits,
            planned: taken.sends,
        }
    }

    /// Decides about one event.
    pub(crate) fn route(&mut self, considered: Considered) -> PlannedEvent {
        let Considered { mut planned, found } = considered;
        if matches!(planned.ignored, None | Some(Ignored::Standby)) {
            self.remember(&planned);
        }
        match found {
            Found::Nothing => {}
            Found::NeedsMedia => planned.waits_until = Some(planned.received_at),
            Found::Verdicts { matches, runs } => {
                planned.runs = runs;
                self.decide(&mut planned, matches);
            }
        }
        planned
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

    fn decide(&mut self, planned: &mut PlannedEvent, matches: Vec<Match>) {
        let opted_out_at = self.opted_out_at(&planned.event);
        let mut winner: Option<String> = None;
        for mut found in matches {
            let is_message = found.rule.sends_message();
            if let Some(since) = opted_out_at {
                let expected = "a contact who has not asked to stop";
                found.skip("contact", expected, &format!("opted out since {since}"));
            } else if self.is_used(&found) {
                let expected = found.rule.automation.limit.once_per.as_str();
                found.skip("limit.once_per", expected, "already used up");
            } else if let (true, Some(name)) = (is_message, &winner) {
                found.lose(name);
            } else if !self.plan_steps(planned, &mut found) {
                let actual = "this comment already has its private reply";
                found.skip("one private reply per comment", "none planned yet", actual);
            } else if is_message {
                winner = Some(found.rule.automation.name.to_string());
            }
            planned.runs.push(found.run);
        }
    }

    /// Since when the event's contact wants to be left alone.
    fn opted_out_at(&self, event: &Event) -> Option<Timestamp> {
        let key = (event.account_id.clone(), event.contact_id()?.clone());
        self.contacts.get(&key)?.opted_out_at
    }

    fn is_used(&self, found: &Match) -> bool {
        self.used.contains(&(found.rule.id, found.scope.clone()))
    }

    /// Plans the steps of an automation that takes effect; `false` when the comment's one private
    /// reply is taken.
    fn plan_steps(&mut self, planned: &mut PlannedEvent, found: &mut Match) -> bool {
        if found.keys.iter().any(|key| self.planned.contains(key)) {
            return false;
        }
        let random = (self.settings, &mut *self.random);
        let sends = steps::plan(found, planned, &self.contacts, random);
        self.planned.extend(std::mem::take(&mut found.keys));
        self.used.insert((found.rule.id, found.scope.clone()));
        found.run.once_scope = Some(found.scope.clone());
        planned.sends.extend(sends);
        true
    }
}
