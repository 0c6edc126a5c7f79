//! Rows as bytes, column by column: what is alike stands together, and what can be told from the
//! rest of the pack is not written.

use rusqlite::types::Value;

use super::contents::{length_of, put, take};
use super::guesses::Guesses;
use super::row::{PackedRow, Rows, Table};

/// Guesses that are tried for a value.
const GUESSES: usize = 200;

/// No column was written by another name; each value is of the kind written in front of it.
const VALUES: u8 = 0;
/// All are nothing.
const NOTHING: u8 = 1;
/// Numbers, as the steps from one to the next.
const STEPS: u8 = 2;
/// The different values, and then the place of each among them.
const WORDS: u8 = 3;
/// The lengths of all texts, and then the texts.
const TEXTS: u8 = 4;
/// Which of its guesses each is, from 1; behind a 0, the value.
const GUESSED: u8 = 5;

/// Writes all tables.
pub(super) fn write(raw: &mut Vec<u8>, rows: &Rows) {
    for table in Table::ALL {
        let guesses = Guesses::new(rows);
        put(raw, length_of(rows.of(table).len()));
        if rows.of(table).is_empty() {
            continue;
        }
        for place in 0..table.columns().len() {
            write_column(raw, rows.of(table), place, &guesses);
        }
    }
}

/// Reads what [`write()`] wrote, and what is behind it; none if it is something else.
pub(super) fn read(raw: &[u8]) -> Option<(Rows, &[u8])> {
    let mut rows = Rows::default();
    let mut rest = raw;
    for table in Table::ALL {
        let (count, after) = take(rest)?;
        rest = after;
        // Each row takes more than one byte of what was written, or all are alike.
        let count = usize::try_from(count).ok().filter(|count| *count <= ROWS)?;
        if count == 0 {
            continue;
        }
        let mut found = vec![Vec::with_capacity(table.columns().len()); count];
        let guesses = Guesses::new(&rows);
        for place in 0..table.columns().len() {
            rest = read_column(rest, table, place, &mut found, &guesses)?;
        }
        for values in found {
            rows.push(PackedRow::new(table, values));
        }
    }
    Some((rows, rest))
}

/// More rows of a table were never packed: bounds what reading allocates.
const ROWS: usize = 4096;

fn write_column(raw: &mut Vec<u8>, rows: &[PackedRow], place: usize, guesses: &Guesses<'_>) {
    let column: Vec<&Value> = rows
        .iter()
        .filter_map(|row| row.values.get(place))
        .collect();
    if column.iter().all(|value| **value == Value::Null) {
        raw.push(NOTHING);
        return;
    }
    let guessed = guessed(rows, place, guesses);
    if guessed.iter().flatten().count() * 2 > rows.len() {
        raw.push(GUESSED);
        for (guess, value) in guessed.iter().zip(&column) {
            put(raw, guess.map_or(0, |guess| length_of(guess + 1)));
            if guess.is_none() {
                put_value(raw, value);
            }
        }
        return;
    }
    if let Some(numbers) = numbers(&column) {
        raw.push(STEPS);
        let mut last = 0_i64;
        for number in numbers {
            put(raw, number.wrapping_sub(last));
            last = number;
        }
        return;
    }
    let mut words: Vec<&Value> = Vec::new();
    let places: Vec<usize> = column
        .iter()
        .map(|value| {
            let known = words.iter().position(|word| word == value);
            known.unwrap_or_else(|| {
                words.push(value);
                words.len() - 1
            })
        })
        .collect();
    if words.len() * 2 <= column.len() {
        raw.push(WORDS);
        put(raw, length_of(words.len()));
        for word in words {
            put_value(raw, word);
        }
        for place in places {
            put(raw, length_of(place));
        }
    } else if let Some(texts) = texts(&column) {
        raw.push(TEXTS);
        for text in &texts {
            put(raw, length_of(text.len()));
        }
        for text in texts {
            raw.extend_from_slice(text.as_bytes());
        }
    } else {
        raw.push(VALUES);
        for value in column {
            put_value(raw, value);
        }
    }
}

/// Which of its guesses each value is.
fn guessed(rows: &[PackedRow], place: usize, guesses: &Guesses<'_>) -> Vec<Option<usize>> {
    rows.iter()
        .map(|row| {
            let (before, value) = row.values.split_at_checked(place)?;
            let value = value.first()?;
            let column = row.table.columns().get(place)?;
            let mut tried = guesses.of(row.table, column, before).take(GUESSES);
            tried.position(|guess| guess == *value)
        })
        .collect()
}

fn numbers(column: &[&Value]) -> Option<Vec<i64>> {
    let number = |value: &&Value| match value {
        Value::Integer(number) => Some(*number),
        Value::Null | Value::Real(_) | Value::Text(_) | Value::Blob(_) => None,
    };
    column.iter().map(number).collect()
}

fn texts<'a>(column: &[&'a Value]) -> Option<Vec<&'a str>> {
    let text = |value: &&'a Value| match value {
        Value::Text(text) => Some(text.as_str()),
        Value::Null | Value::Real(_) | Value::Integer(_) | Value::Blob(_) => None,
    };
    column.iter().map(text).collect()
}

/// Reads a column into its place of each row; what is behind it.
fn read_column<'a>(
    raw: &'a [u8],
    table: Table,
    place: usize,
    rows: &mut [Vec<Value>],
    guesses: &Guesses<'_>,
) -> Option<&'a [u8]> {
    let (form, mut rest) = raw.split_first()?;
    match *form {
        NOTHING => rows.iter_mut().for_each(|row| row.push(Value::Null)),
        GUESSED => {
            let column = table.columns().get(place)?;
            for row in rows {
                let (guess, after) = take(rest)?;
                let (value, after) = match usize::try_from(guess).ok()? {
                    0 => take_value(after)?,
                    guess => (guesses.of(table, column, row).nth(guess - 1)?, after),
                };
                row.push(value);
                rest = after;
            }
        }
        STEPS => {
            let mut last = 0_i64;
            for row in rows {
                let (step, after) = take(rest)?;
                last = last.wrapping_add(step);
                row.push(Value::Integer(last));
                rest = after;
            }
        }
        WORDS => {
            let (count, mut after) = take(rest)?;
            let mut words = Vec::new();
            for _ in 0..count {
                let (word, behind) = take_value(after)?;
                words.push(word);
                after = behind;
            }
            for row in rows {
                let (word, behind) = take(after)?;
                row.push(words.get(usize::try_from(word).ok()?)?.clone());
                after = behind;
            }
            rest = after;
        }
        TEXTS => {
            let mut lengths = Vec::with_capacity(rows.len());
            for _ in 0..rows.len() {
                let (length, after) = take(rest)?;
                lengths.push(usize::try_from(length).ok()?);
                rest = after;
            }
            for (row, length) in rows.iter_mut().zip(lengths) {
                let (text, after) = rest.split_at_checked(length)?;
                row.push(Value::Text(std::str::from_utf8(text).ok()?.to_owned()));
                rest = after;
            }
        }
        VALUES => {
            for row in rows {
                let (value, after) = take_value(rest)?;
                row.push(value);
                rest = after;
            }
        }
        _ => return None,
    }
    Some(rest)
}

fn put_value(raw: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => raw.push(0),
        Value::Integer(number) => {
            raw.push(1);
            put(raw, *number);
        }
        Value::Text(text) => {
            raw.push(2);
            put(raw, length_of(text.len()));
            raw.extend_from_slice(text.as_bytes());
        }
        Value::Blob(bytes) => {
            raw.push(3);
            put(raw, length_of(bytes.len()));
            raw.extend_from_slice(bytes);
        }
        Value::Real(number) => {
            raw.push(4);
            raw.extend_from_slice(&number.to_bits().to_le_bytes());
        }
    }
}

fn take_value(raw: &[u8]) -> Option<(Value, &[u8])> {
    let (kind, rest) = raw.split_first()?;
    let bytes = |rest| {
        let (length, rest) = take(rest)?;
        rest.split_at_checked(usize::try_from(length).ok()?)
    };
    Some(match kind {
        0 => (Value::Null, rest),
        1 => {
            let (number, rest) = take(rest)?;
            (Value::Integer(number), rest)
        }
        2 => {
            let (text, rest) = bytes(rest)?;
            (
                Value::Text(std::str::from_utf8(text).ok()?.to_owned()),
                rest,
            )
        }
        3 => {
            let (bytes, rest) = bytes(rest)?;
            (Value::Blob(bytes.to_vec()), rest)
        }
        4 => {
            let (bits, rest) = rest.split_first_chunk()?;
            (Value::Real(f64::from_bits(u64::from_le_bytes(*bits))), rest)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
