use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::{FromSql as _, Value, ValueRef};

use super::{Column, Text};

/// Texts of all kinds, many of them nearly numbers.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-+ ]?[0-9]{0,21}",
        "[0-9]{15,17}",
        "0[0-9x.]{0,3}|[0-9]+[.e][0-9]*|[0-9]+ | [0-9]+",
        any::<i64>().prop_map(|number| number.to_string()),
        (any::<i64>(), 0..10_u8).prop_map(|(number, digit)| format!("{number}{digit}")),
        Just(i64::MAX.to_string()),
        Just(i64::MIN.to_string()),
        Just("9223372036854775808".to_owned()),
        Just("-9223372036854775809".to_owned()),
        Just("-0".to_owned()),
        Just("12\x003".to_owned()),
    ]
}

fn stored(text: &str) -> Value {
    Value::from(Column::of(text))
}

/// A table as migration 0012 makes them, in which its check was not left out.
fn table() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    let migration = include_str!("../../migrations/sqlite/0012_ids_as_numbers.sql");
    let check = "contact_id      ANY NOT NULL CHECK (typeof(contact_id) <> 'text'
        OR contact_id <> CAST(CAST(contact_id AS INTEGER) AS TEXT))";
    assert!(migration.contains(check), "the check is written otherwise");
    connection
        .execute_batch(&format!("CREATE TABLE people ({check}) STRICT"))
        .unwrap();
    connection
}

proptest! {
    #[test]
    fn every_text_comes_back_as_it_was(text in texts()) {
        let value = stored(&text);
        let read = Text::column_result(ValueRef::from(&value)).unwrap();
        prop_assert_eq!(read.0, text);
    }

    #[test]
    fn columns_are_equal_if_and_only_if_their_texts_are(one in texts(), other in texts()) {
        let connection = table();
        let is_equal: bool = connection
            .query_row("SELECT ?1 = ?2", [stored(&one), stored(&other)], |row| row.get(0))
            .unwrap();
        prop_assert_eq!(is_equal, one == other);
    }

    #[test]
    fn a_table_takes_every_id_and_gives_it_back(text in texts()) {
        let connection = table();
        connection.execute("INSERT INTO people VALUES (?1)", [Column::of(&text)]).unwrap();
        let read: Text = connection
            .query_row("SELECT contact_id FROM people", [], |row| row.get(0))
            .unwrap();
        prop_assert_eq!(read.0, text);
    }

    #[test]
    fn a_number_bound_as_a_text_is_refused_and_not_read(number in any::<i64>()) {
        let text = number.to_string();
        let refused = table().execute("INSERT INTO people VALUES (?1)", [&text]);
        prop_assert!(refused.is_err());
        prop_assert!(Text::column_result(ValueRef::Text(text.as_bytes())).is_err());
    }
}

#[test]
fn ids_of_meta_are_numbers_and_what_only_looks_like_one_is_not() {
    for (text, number) in [
        ("17841400000000001", 17_841_400_000_000_001),
        ("0", 0),
        ("9223372036854775807", i64::MAX),
    ] {
        assert_eq!(Column::of(text), Column::Number(number));
    }
    for text in [
        "",
        "007",
        "+7",
        "-0",
        " 7",
        "7 ",
        "7.0",
        "1e3",
        "9223372036854775808",
        "\u{0667}",
    ] {
        assert_eq!(Column::of(text), Column::Text(text));
    }
}
