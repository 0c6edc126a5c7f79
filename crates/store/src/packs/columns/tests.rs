use super::*;
use crate::packs::keys::comment_key;
use rusqlite::types::Value;

const ACCOUNT: i64 = 17_841_400_000_000_001;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A delivery with a comment, as columns hold it.
fn told(rows: &mut Rows, id: i64, comment: i64, kind: &str) {
    let body = format!(
        r#"{{"entry":[{{"id":"{ACCOUNT}","changes":[{{"id":"{comment}","from":{{"id":"61{comment}"}}}}]}}]}}"#
    );
    let key = comment_key(&ACCOUNT.to_string(), &comment.to_string());
    rows.push(PackedRow::new(
        Table::Deliveries,
        vec![
            id.into(),
            (1_790_000_000_000 + id * 10).into(),
            0.into(),
            text("v26.0"),
            Value::Null,
            Value::Blob(body.into_bytes()),
        ],
    ));
    rows.push(PackedRow::new(
        Table::Events,
        vec![
            (id + 1000).into(),
            id.into(),
            text(&format!("{{\"id\":\"{comment}\"}}")),
            ACCOUNT.into(),
            comment.into(),
            format!("61{comment}").parse::<i64>().unwrap().into(),
            Value::Null,
            text(kind),
            Value::Blob(key.to_vec()),
            (1_790_000_000_000 + id * 10).into(),
            Value::Integer(1_790_000_000_000),
            Value::Null,
            text("changes"),
            Value::Null,
        ],
    ));
}

fn some() -> Rows {
    let mut rows = Rows::default();
    for id in 1..=9 {
        told(&mut rows, id, 17_900_000_000 + id * 977, "comment_received");
    }
    told(&mut rows, 10, 5, "unknown");
    let send = Table::Sends.columns().iter().enumerate();
    let send = send.map(|(place, _)| match place {
        0 => 77.into(),
        1 => 1004.into(),
        16 => text("\u{1f525} Dear\0"),
        23 => Value::Blob(vec![0, 255, 7]),
        24 => Value::Real(1.5),
        place if place % 2 == 0 => Value::Null,
        place => i64::try_from(place).unwrap().wrapping_mul(i64::MAX).into(),
    });
    rows.push(PackedRow::new(Table::Sends, send.collect()));
    rows
}

fn written(rows: &Rows) -> Vec<u8> {
    let mut raw = Vec::new();
    write(&mut raw, rows);
    raw
}

#[test]
fn rows_read_back_with_every_column() {
    for rows in [Rows::default(), some()] {
        let raw = [&written(&rows)[..], b"behind"].concat();
        let (read, rest) = read(&raw).unwrap();
        assert_eq!((read, rest), (rows, &b"behind"[..]));
    }
}

#[test]
fn what_is_told_by_the_delivery_takes_no_room() {
    let rows = some();
    let events = rows.of(Table::Events);
    let guesses = Guesses::new(&rows);
    for column in [
        "account_id",
        "comment_id",
        "contact_id",
        "key",
        "received_at",
    ] {
        let place = Table::Events.place(column).unwrap();
        let guessed = guessed(events, place, &guesses);
        assert!(guessed.iter().all(Option::is_some), "{column} {guessed:?}");
    }
}

/// Told by this version to every later one: what is written in a pack is read with the same guesses.
#[test]
fn packs_of_this_form_are_read_by_every_version() {
    let raw = written(&some());
    let digest = crate::digest::short(&format!("{raw:?}"));
    assert_eq!(digest, FIRST_FORM, "this would be another form of packs");
}

const FIRST_FORM: i64 = -7_450_202_484_541_357_355;

#[test]
fn what_is_cut_off_is_no_rows() {
    let raw = written(&some());
    for end in 0..raw.len() {
        assert_eq!(read(&raw[..end]), None, "{end}");
    }
}

#[test]
fn broken_bytes_are_other_rows_or_none_and_nothing_worse() {
    let raw = written(&some());
    for place in 0..raw.len() {
        for bit in [0x01, 0x40, 0x80] {
            let mut broken = raw.clone();
            broken[place] ^= bit;
            if let Some((read, _)) = read(&broken) {
                assert!(read.len() <= 5 * ROWS);
            }
        }
    }
}
