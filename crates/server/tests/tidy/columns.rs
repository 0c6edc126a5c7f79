//! How ids of Meta get into statements.

use crate::{assert_none, tree};

/// What makes a text of an id.
const AS_TEXT: [&str; 2] = ["as_str", "to_string"];

/// Whose columns are numbers where they can be (store/ids.rs).
const NOUNS: [&str; 4] = ["Account", "Contact", "Comment", "Media"];

/// Lines that want the text, because it goes into no statement.
const TEXT_IS_MEANT: [(&str, &str); 4] = [
    // Looks for it in a delivery.
    (
        "crates/store/src/planning/written.rs",
        ".map(CommentId::as_str)",
    ),
    // Compares it with another.
    (
        "crates/store/src/erase/find.rs",
        "self.contact.as_ref().map(ContactId::as_str) == Some(marks.id)",
    ),
    // Makes a digest of it.
    (
        "crates/store/src/packs/keys.rs",
        "of_key(&comment_key(account.as_str(), comment.as_str()))",
    ),
    (
        "crates/store/src/packs/keys.rs",
        "of_key(&message_key(account.as_str(), message.as_str(), \"new\"))",
    ),
];

/// Whether a line makes a text of something that is named like such an id.
fn makes_text(line: &str) -> bool {
    NOUNS.iter().any(|noun| {
        let name = noun.to_lowercase();
        AS_TEXT.iter().any(|method| {
            [
                format!("{noun}Id::{method}"),
                format!("{name}.{method}()"),
                format!("{name}_id.{method}()"),
                format!("{name}_id().{method}()"),
                format!("{name}.id.{method}()"),
                format!("{name}_id.map(|id| id.{method}())"),
                format!("{name}_id.as_ref().map(|id| id.{method}())"),
            ]
            .iter()
            .any(|written| line.contains(written))
        })
    })
}

#[test]
fn ids_go_into_statements_as_columns_hold_them() {
    let mut problems = Vec::new();
    for file in tree::texts(&[".rs"]) {
        let is_source = file.path.starts_with("crates/store/src/")
            && !file.path.ends_with("/tests.rs")
            && file.path != "crates/store/src/ids.rs";
        if !is_source {
            continue;
        }
        for (number, line) in file.lines() {
            let is_meant = TEXT_IS_MEANT
                .iter()
                .any(|(path, text)| file.path == *path && line.contains(text));
            if makes_text(line) && !is_meant {
                problems.push(format!(
                    "{}:{number}: an id that is bound as a text finds no number: \
                     bind its column (store/ids.rs)",
                    file.path
                ));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn ways_to_bind_an_id_as_a_text_are_known() {
    for line in [
        "[comment.as_str(), account.as_str()]",
        "event.account_id.as_str(),",
        "event.contact_id().map(ContactId::as_str),",
        "params![account.id.as_str(), *left]",
        "filter.comment_id.map(|id| id.to_string()),",
    ] {
        assert!(makes_text(line), "{line}");
    }
    for line in ["class.as_str()", "digest::short(mid.as_str())"] {
        assert!(!makes_text(line), "{line}");
    }
}
