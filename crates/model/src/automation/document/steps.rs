//! What is sent, and whether Meta lets it be sent for such events.

use serde_json::{Map, Value};

use crate::automation::reader::Reader;
use crate::automation::{STEPS_MAX, Step, TEXTS_MAX, TriggerKind};
use crate::template::Template;

/// The kinds of step as documents name them.
const KINDS: [&str; 3] = ["private_reply", "public_reply", "dm"];

/// Reads the steps and checks them against the kinds of event they are for; none when the trigger
/// could not be read.
pub(super) fn steps(
    reader: &mut Reader,
    value: &Value,
    kinds: &[TriggerKind],
) -> Option<Vec<Step>> {
    let mut private_reply: Option<String> = None;
    let steps = reader.list(value, "steps", STEPS_MAX, |reader, value, path| {
        let kind = kind_of(reader, value, path)?;
        let at = format!("{path}.do");
        for trigger in kinds {
            if let Some(reason) = why_not(kind, *trigger) {
                let trigger = trigger.as_str();
                reader.problem(
                    &at,
                    format_args!("{kind} is not possible on {trigger}: {reason}"),
                );
                break;
            }
        }
        if kind == "private_reply" {
            if let Some(first) = &private_reply {
                let rule = "Meta allows one private reply per comment";
                reader.problem(&at, format_args!("{rule}, and {first} is one already"));
            }
            private_reply.get_or_insert_with(|| path.to_owned());
        }
        step(reader, value, path, kind)
    })?;
    if steps.is_empty() {
        reader.problem("steps", "an automation needs at least one step");
        return None;
    }
    Some(steps)
}

fn kind_of(reader: &mut Reader, value: &Value, path: &str) -> Option<&'static str> {
    let Some(table) = value.as_object() else {
        reader.wrong_type(path, "a table", value);
        return None;
    };
    let at = format!("{path}.do");
    let Some(kind) = table.get("do") else {
        reader.problem(
            &at,
            format_args!("a step needs what to do: {}", KINDS.join(", ")),
        );
        return None;
    };
    reader.choice(kind, &at, &KINDS, |kind| kind)
}

fn step(reader: &mut Reader, value: &Value, path: &str, kind: &str) -> Option<Step> {
    if kind == "public_reply" {
        let table = reader.table(value, path, &["do", "texts"])?;
        let at = format!("{path}.texts");
        let value = needed(reader, table, "texts", &at)?;
        let texts = reader.list(value, &at, TEXTS_MAX, text)?;
        if texts.is_empty() {
            reader.problem(&at, "a public_reply needs at least one text");
            return None;
        }
        return Some(Step::PublicReply { texts });
    }
    let table = reader.table(value, path, &["do", "text"])?;
    let at = format!("{path}.text");
    let value = needed(reader, table, "text", &at)?;
    let text = text(reader, value, &at)?;
    Some(if kind == "dm" {
        Step::Dm { text }
    } else {
        Step::PrivateReply { text }
    })
}

fn needed<'v>(
    reader: &mut Reader,
    table: &'v Map<String, Value>,
    key: &str,
    path: &str,
) -> Option<&'v Value> {
    if !table.contains_key(key) {
        reader.problem(path, format_args!("this step needs its {key}"));
    }
    table.get(key)
}

fn text(reader: &mut Reader, value: &Value, path: &str) -> Option<String> {
    let source = reader.string(value, path)?;
    Template::parse(source)
        .map_err(|problem| reader.problem(path, problem))
        .ok()?;
    Some(source.to_owned())
}

/// Why Meta would never accept such a step for such an event.
fn why_not(step: &str, trigger: TriggerKind) -> Option<&'static str> {
    match (step, trigger) {
        ("private_reply", TriggerKind::Comment | TriggerKind::LiveComment)
        | ("public_reply", TriggerKind::Comment | TriggerKind::Mention)
        | (
            "dm",
            TriggerKind::Message
            | TriggerKind::StoryReply
            | TriggerKind::StoryMention
            | TriggerKind::Postback
            | TriggerKind::Referral
            // Whether a reaction opens the window is not known, so this is decided when sending.
            | TriggerKind::Reaction,
        ) => None,
        ("private_reply", TriggerKind::Mention) => {
            Some("Meta takes private replies only to comments on the account's own media")
        }
        ("private_reply", _) => Some("it answers a comment, use dm to answer a message"),
        ("public_reply", TriggerKind::LiveComment) => {
            Some("Meta takes no public replies on live video, use private_reply")
        }
        ("public_reply", _) => Some("it answers a comment under the account's own media"),
        (_, TriggerKind::Mention) => {
            Some("a mention does not open the 24 hours in which Meta takes messages")
        }
        _ => Some(
            "a comment does not open the 24 hours in which Meta takes messages, use private_reply",
        ),
    }
}
