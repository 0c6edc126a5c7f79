//! The variables a text can name.

/// Every variable, as a text names it.
pub(super) const VARIABLES: [&str; 19] = [
    "contact.username",
    "contact.id",
    "comment.text",
    "comment.id",
    "media.permalink",
    "media.caption",
    "media.id",
    "parent.text",
    "parent.username",
    "parent.id",
    "message.text",
    "postback.title",
    "postback.payload",
    "referral.ref",
    "referral.source",
    "account.username",
    "account.id",
    "keyword",
    "automation",
];

/// What has to be read from Meta before a text can be rendered, because events do not carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// The permalink or caption of the media.
    pub media: bool,
    /// The text or author of the comment that was answered.
    pub parent: bool,
}

impl Needs {
    pub(super) fn of(used: &[&'static str]) -> Self {
        let any_of = |names: &[&str]| used.iter().any(|name| names.contains(name));
        Self {
            media: any_of(&["media.permalink", "media.caption"]),
            parent: any_of(&["parent.text", "parent.username"]),
        }
    }
}

/// The variable of this name, in the form that lives as long as the program.
pub(super) fn known(name: &str) -> Option<&'static str> {
    VARIABLES.into_iter().find(|known| *known == name)
}

/// What to write instead of a name there is no variable of.
pub(super) fn hint(name: &str) -> String {
    let fields: Vec<&str> = VARIABLES
        .into_iter()
        .filter(|known| known.split_once('.').is_some_and(|(root, _)| root == name))
        .collect();
    if !fields.is_empty() {
        return format!("write {}", fields.join(" or "));
    }
    let by_field = |known: &&str| {
        known
            .split_once('.')
            .is_some_and(|(_, field)| field == name)
    };
    VARIABLES
        .into_iter()
        .find(by_field)
        .or_else(|| crate::automation::nearest(name, VARIABLES))
        .map_or_else(
            || format!("the variables are {}", VARIABLES.join(", ")),
            |nearest| format!("did you mean {nearest}?"),
        )
}
