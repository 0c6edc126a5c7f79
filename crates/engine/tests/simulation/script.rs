//! The trouble a seed may draw: what Meta answers wrongly, loses, or does and denies.

use hookline_sim::{DeliveryRule, DeliveryTrouble, ErrorSpec, FaultRule, Trouble};
use rand::RngExt as _;
use rand::rngs::StdRng;

fn error(status: u16, code: i64, subcode: Option<i64>) -> ErrorSpec {
    ErrorSpec {
        status,
        code,
        subcode,
        message: None,
        is_transient: None,
        regain_minutes: None,
    }
}

/// Answers after which nobody knows whether the call had its effect (contract section 10).
fn ambiguous(random: &mut StdRng) -> ErrorSpec {
    match random.random_range(0..6) {
        0 => error(500, 1, None),
        1 => error(500, 2, None),
        2 => error(500, -1, None),
        3 => error(400, -2, None),
        4 => error(400, 1, Some(1_357_046)),
        _ => error(400, 20, Some(1_772_107)),
    }
}

fn throttle(random: &mut StdRng) -> ErrorSpec {
    let mut spec = match random.random_range(0..4) {
        0 => error(400, 80_002, None),
        1 => error(400, 613, Some(2_534_040)),
        2 => error(400, 4, None),
        _ => error(429, 17, None),
    };
    if random.random_bool(0.5) {
        spec.regain_minutes = Some(random.random_range(1..15));
    }
    spec
}

fn trouble(random: &mut StdRng) -> Trouble {
    match random.random_range(0..14) {
        0 | 1 => Trouble::DropAfter,
        2 => Trouble::DropBefore,
        3 => Trouble::ErrorAfterEffect,
        4 => Trouble::AfterEffect(ambiguous(random)),
        5 => Trouble::Error(ambiguous(random)),
        6 => Trouble::Malformed,
        7 => Trouble::Html,
        8 => Trouble::HtmlAfterEffect,
        9 => Trouble::DelayMs(random.random_range(100..25_000)),
        10 => Trouble::Error(throttle(random)),
        11 => Trouble::Error(error(500, 2, Some(1_545_133))),
        12 => Trouble::Error(error(400, 100, None)),
        _ => Trouble::Error(error(400, 10, None)),
    }
}

/// A stretch of trouble for calls.
pub(crate) fn call_fault(random: &mut StdRng) -> FaultRule {
    let on = match random.random_range(0..8) {
        0 | 1 => "private_reply",
        2 | 3 => "send_message",
        4 => "public_reply",
        5 => "read_comment",
        6 => "list_conversations",
        _ => "any",
    };
    FaultRule {
        on: on.to_owned(),
        account: None,
        times: random.random_range(1..6),
        one_in: random.random_range(1..4),
        then: trouble(random),
    }
}

/// An account is blocked for breaking the rules (contract section 10).
pub(crate) fn block(account: &str) -> FaultRule {
    FaultRule {
        on: "any".to_owned(),
        account: Some(account.to_owned()),
        times: 1,
        one_in: 1,
        then: Trouble::Error(error(400, 368, None)),
    }
}

/// A stretch of trouble for deliveries.
pub(crate) fn delivery_fault(random: &mut StdRng) -> DeliveryRule {
    let then = match random.random_range(0..5) {
        0 | 1 => DeliveryTrouble::Duplicate(random.random_range(1..4)),
        2 => DeliveryTrouble::DelayMs(random.random_range(0..120_000)),
        3 => DeliveryTrouble::ReorderMs(random.random_range(0..60_000)),
        _ => DeliveryTrouble::ArrayWrapped,
    };
    DeliveryRule {
        kind: None,
        account: None,
        times: random.random_range(1..12),
        one_in: random.random_range(1..3),
        then,
    }
}
