//! Scripted trouble: rules that are consumed in the order they were given.

use std::collections::VecDeque;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::wire::Signing;
use crate::world::{Refusal, World};

/// At most this many rules wait at a time; more is a mistake of the script.
const RULES_MAX: usize = 10_000;

/// An error to answer with (contract section 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorSpec {
    /// The HTTP status; Meta's is not reliable.
    #[serde(default = "bad_request")]
    pub status: u16,
    /// The error code; may be negative.
    pub code: i64,
    /// The error subcode.
    #[serde(default)]
    pub subcode: Option<i64>,
    /// The message; may be localised.
    #[serde(default)]
    pub message: Option<String>,
    /// Whether Meta calls it transient.
    #[serde(default)]
    pub is_transient: Option<bool>,
    /// Minutes to regain access, sent in the usage header with 100 percent used.
    #[serde(default)]
    pub regain_minutes: Option<i64>,
}

fn bad_request() -> u16 {
    400
}

/// What happens to a Graph call instead of the plain answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Nothing takes effect, and this error is answered.
    Error(ErrorSpec),
    /// The call takes effect, and then HTTP 500 with code 1 is answered.
    ErrorAfterEffect,
    /// The call takes effect, and then this error is answered.
    AfterEffect(ErrorSpec),
    /// Nothing takes effect, and the connection is closed without an answer.
    DropBefore,
    /// The call takes effect, and the connection is closed without an answer.
    DropAfter,
    /// The call takes effect, and the answer is broken JSON.
    Malformed,
    /// Nothing takes effect, and an HTML page with status 502 is answered.
    Html,
    /// The call takes effect, and an HTML page with status 502 is answered.
    HtmlAfterEffect,
    /// The call takes effect at once, and the answer comes this much later.
    DelayMs(u64),
}

impl Trouble {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Error(_) => "error",
            Self::ErrorAfterEffect => "error_after_effect",
            Self::AfterEffect(_) => "after_effect",
            Self::DropBefore => "drop_before",
            Self::DropAfter => "drop_after",
            Self::Malformed => "malformed",
            Self::Html => "html",
            Self::HtmlAfterEffect => "html_after_effect",
            Self::DelayMs(_) => "delay_ms",
        }
    }
}

/// Trouble for the next calls to an endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The endpoint's name, or `any`.
    pub on: String,
    /// Only calls with this account's token, by id.
    #[serde(default)]
    pub account: Option<String>,
    /// How many calls it takes; 0 means all of them.
    #[serde(default = "once")]
    pub times: u32,
    /// Strikes one matching call in so many, drawn from the seed; others pass to later rules.
    #[serde(default = "once")]
    pub one_in: u32,
    /// What happens.
    pub then: Trouble,
}

fn once() -> u32 {
    1
}

impl FaultRule {
    /// Trouble for the next call to an endpoint.
    pub fn once(on: impl Into<String>, then: Trouble) -> Self {
        Self {
            on: on.into(),
            account: None,
            times: 1,
            one_in: 1,
            then,
        }
    }
}

/// What happens to a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryTrouble {
    /// It is delivered so many more times after it succeeded.
    Duplicate(u32),
    /// It is never delivered.
    Drop,
    /// It is delivered this much later.
    DelayMs(i64),
    /// It is delivered up to this much later, drawn from the seed.
    ReorderMs(i64),
    /// Its body is wrapped in an array, as Meta's documents print it.
    ArrayWrapped,
    /// It is signed some other way, on every try.
    Signing(Signing),
}

/// Trouble for the next deliveries.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryRule {
    /// Only deliveries with an event of this field, such as `comments`.
    #[serde(default)]
    pub kind: Option<String>,
    /// Only deliveries with events of this account, by id.
    #[serde(default)]
    pub account: Option<String>,
    /// How many deliveries it takes; 0 means all of them.
    #[serde(default = "once")]
    pub times: u32,
    /// Strikes one matching delivery in so many, drawn from the seed.
    #[serde(default = "once")]
    pub one_in: u32,
    /// What happens.
    pub then: DeliveryTrouble,
}

impl DeliveryRule {
    /// Trouble for the next delivery, whatever is in it.
    pub fn once(then: DeliveryTrouble) -> Self {
        Self {
            kind: None,
            account: None,
            times: 1,
            one_in: 1,
            then,
        }
    }
}

/// The rules still waiting.
#[derive(Debug, Default)]
pub(crate) struct FaultScript {
    calls: VecDeque<FaultRule>,
    deliveries: VecDeque<DeliveryRule>,
}

impl World {
    /// Adds trouble for Graph calls behind what is already scripted.
    pub fn script_fault(&mut self, rule: FaultRule) -> Result<(), Refusal> {
        if !crate::graph::ENDPOINTS.contains(&rule.on.as_str()) {
            return Err(Refusal::Invalid(format!(
                "no endpoint is called {}; there are {}",
                rule.on,
                crate::graph::ENDPOINTS.join(", ")
            )));
        }
        if self.faults.calls.len() >= RULES_MAX {
            return Err(Refusal::Full("fault rules"));
        }
        self.faults.calls.push_back(rule);
        Ok(())
    }

    /// Adds trouble for deliveries behind what is already scripted.
    pub fn script_delivery_fault(&mut self, rule: DeliveryRule) -> Result<(), Refusal> {
        if self.faults.deliveries.len() >= RULES_MAX {
            return Err(Refusal::Full("delivery rules"));
        }
        self.faults.deliveries.push_back(rule);
        Ok(())
    }

    /// Forgets all trouble still waiting.
    pub fn clear_faults(&mut self) {
        self.faults = FaultScript::default();
    }

    /// The rules still waiting, calls first.
    pub fn faults(&self) -> (Vec<FaultRule>, Vec<DeliveryRule>) {
        (
            self.faults.calls.iter().cloned().collect(),
            self.faults.deliveries.iter().cloned().collect(),
        )
    }

    pub(crate) fn has_delivery_faults(&self) -> bool {
        !self.faults.deliveries.is_empty()
    }

    /// The trouble for this call, taken from the first rule that strikes it.
    pub(crate) fn take_fault(&mut self, endpoint: &str, account: Option<&str>) -> Option<Trouble> {
        let rng = &mut self.rng;
        let position = self.faults.calls.iter().position(|rule| {
            (rule.on == "any" || rule.on == endpoint)
                && rule
                    .account
                    .as_deref()
                    .is_none_or(|wanted| Some(wanted) == account)
                && (rule.one_in <= 1 || rng.random_range(0..rule.one_in) == 0)
        })?;
        let rule = self.faults.calls.get_mut(position)?;
        let trouble = rule.then.clone();
        if spend(&mut rule.times) {
            self.faults.calls.remove(position);
        }
        Some(trouble)
    }

    /// All trouble for a new delivery: every kind of trouble strikes at most once.
    pub(crate) fn take_delivery_faults(
        &mut self,
        kinds: &[&'static str],
        accounts: &[String],
    ) -> Vec<DeliveryTrouble> {
        let mut taken: Vec<DeliveryTrouble> = Vec::new();
        let rng = &mut self.rng;
        self.faults.deliveries.retain_mut(|rule| {
            let is_struck = rule
                .kind
                .as_deref()
                .is_none_or(|kind| kinds.contains(&kind))
                && rule
                    .account
                    .as_ref()
                    .is_none_or(|account| accounts.contains(account))
                && !taken.iter().any(|trouble| {
                    std::mem::discriminant(trouble) == std::mem::discriminant(&rule.then)
                })
                && (rule.one_in <= 1 || rng.random_range(0..rule.one_in) == 0);
            if !is_struck {
                return true;
            }
            taken.push(rule.then.clone());
            !spend(&mut rule.times)
        });
        taken
    }
}

/// Takes one use off a rule; true when it is used up. Zero means endless.
fn spend(times: &mut u32) -> bool {
    match *times {
        0 => false,
        1 => true,
        more => {
            *times = more - 1;
            false
        }
    }
}
