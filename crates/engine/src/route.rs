//! Route: which automations an event is considered for, who wins, and what is owed then.
//!
//! Events of a batch are first [considered](consider), each for itself; then it is looked up at
//! once what their automations could want and is taken already; then they are decided in order.

pub(crate) mod consider;
mod steps;
mod wish;

use std::collections::{HashMap, HashSet};

use hookline_model::clock::Timestamp;
use hookline_model::event::{Event, Ignored};
use hookline_model::ids::{AccountId, AutomationId, ContactId};
use hookline_model::send::SendKey;
use hookline_store::planning::{ContactFacts, Facts, PlannedEvent, Taken, TakenQuery};
use rand::rngs::StdRng;

use crate::settings::Settings;
use consider::{Considered, Found, Match};

/// An event with everything decided about it.
#[derive(Debug)]
pub struct Routed {
    /// What is to be committed.
    pub planned: PlannedEvent,
}

/// What has to be looked up before these events can be decided.
pub(crate) fn wanted_by(considered: &[Considered]) -> TakenQuery {
    let mut query = TakenQuery::default();
    for Considered { planned, found } in considered {
        let Found::Verdicts { matches, .. } = found else {
            continue;
        };
        for found in matches {
            let once_key = (found.rule.id, found.scope.clone());
            query.once_keys.push(once_key);
            query.sends.extend(steps::keys(&found.rule, planned));
        }
    }
    query
}

/// Decides about the events of one batch, in order, each seeing what the ones before it did.
pub(crate) struct Router<'a> {
    settings: &'a Settings,
    random: &'a mut StdRng,
    contacts: HashMap<(AccountId, ContactId), ContactFacts>,
    used: HashSet<(AutomationId, String)>,
    planned: HashSet<SendKey>,
}

impl<'a> Router<'a> {
    pub(crate) fn new(
        facts: Facts,
        taken: Taken,
        settings: &'a Settings,
        random: &'a mut StdRng,
    ) -> Self {
        Self {
            settings,
            random,
            contacts: facts.contacts,
            used: taken.once_keys,
            planned: taken.sends,
        }
    }

    /// Decides about one event.
    pub(crate) fn route(&mut self, considered: Considered) -> Routed {
        let Considered { mut planned, found } = considered;
        if matches!(planned.ignored, None | Some(Ignored::Standby)) {
            planned.opt_out = wish::of(&planned.event, planned.received_at, self.settings);
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
        Routed { planned }
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
        let keys = steps::keys(&found.rule, planned);
        if keys.iter().any(|key| self.planned.contains(key)) {
            return false;
        }
        let sends = steps::plan(
            &found.rule,
            planned,
            found.keyword.as_deref(),
            &self.contacts,
            (self.settings, &mut *self.random),
        );
        self.planned.extend(keys);
        self.used.insert((found.rule.id, found.scope.clone()));
        found.run.once_scope = Some(found.scope.clone());
        planned.sends.extend(sends);
        true
    }
}
