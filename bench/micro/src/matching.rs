//! Match: what a set of automations says of one comment.

use std::hint::black_box;

use anyhow::{Context, bail, ensure};
use hookline_meta::webhook;
use hookline_model::automation::Automation;
use hookline_model::clock::Timestamp;
use hookline_model::ids::AutomationId;
use hookline_model::matching::{CompiledMatch, NormalizedText};
use hookline_model::routing::{Considered, NextMedia, Rule, consider, text_of, trigger_of};
use serde_json::{Value, json};

use crate::{Take, interpret};

/// How many automations an account has.
const AUTOMATIONS: usize = 20;

/// What the conditions of a busy account look like; the first one is what the comment asks for.
fn conditions() -> [Value; 10] {
    [
        json!({"mode": "word", "any": ["link", "guide"], "none": ["unsubscribe"]}),
        json!({"mode": "word", "any": ["price", "cost", "how much", "preis"]}),
        json!({"mode": "word", "any": ["menu", "booking", "réservation", "termin"]}),
        json!({"mode": "word", "any": ["リンク", "الرابط", "ссылка", "链接"]}),
        json!({"mode": "contains", "any": ["discount", "coupon", "sale", "rabatt"]}),
        json!({"mode": "contains", "any": ["🔥", "🎁"], "none": ["spam", "scam"]}),
        json!({"mode": "exact", "any": ["yes", "yes please", "ja"]}),
        json!({"mode": "prefix", "any": ["send me", "i want"]}),
        json!({"mode": "regex", "any": [r"\bsize\s*(xs|s|m|l|xl)\b", r"\border\s*#?\d{4,}\b"]}),
        json!({"mode": "regex", "any": [r"(?:when|where).{0,40}(?:open|start)"]}),
    ]
}

/// A set of automations, of which two fit.
pub fn twenty_automations() -> anyhow::Result<Take> {
    let conditions = conditions();
    let rules = (1..)
        .zip(conditions.iter().cycle())
        .take(AUTOMATIONS)
        .map(|(number, condition)| rule(number, condition))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let events = webhook::interpret(interpret::body(1, 700).as_bytes())?;
    let event = events.into_iter().next().context("the body is empty")?;
    Ok(Box::new(move || {
        let event = black_box(&event);
        let trigger = trigger_of(event).context("the event triggers nothing")?;
        let text = text_of(event).map(NormalizedText::new);
        let mut matched = 0;
        for rule in &rules {
            ensure!(rule.concerns(&event.account_id, "acme", trigger));
            match consider(rule, event, text.as_ref(), NextMedia::NotKnown) {
                Considered::Matched { .. } => matched += 1,
                Considered::NotMatched(because) => drop(black_box(because)),
                Considered::NeedsMedia => bail!("no automation asks for media"),
            }
        }
        ensure!(matched == 2, "{matched} automations fit");
        Ok(())
    }))
}

fn rule(number: i64, condition: &Value) -> anyhow::Result<Rule> {
    let document = json!({
        "name": format!("automation-{number}"),
        "trigger": {"on": "comment"},
        "match": condition,
        "steps": [{"do": "private_reply", "text": "Here it is"}],
    });
    let automation = match Automation::from_json(&document) {
        Ok(automation) => automation,
        Err(problems) => bail!("the document cannot be read: {problems:?}"),
    };
    Ok(Rule {
        id: AutomationId(number),
        version: 1,
        published_at: Timestamp::EPOCH,
        first_published_at: Timestamp::EPOCH,
        matcher: CompiledMatch::compile(&automation.matching)?,
        automation,
    })
}
