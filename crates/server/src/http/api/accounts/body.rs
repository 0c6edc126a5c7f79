//! What is asked of an account that is to be connected.

use hookline_model::account::Login;
use hookline_model::automation::Problem;
use hookline_model::ids::{AccountId, AppScopedId, PageId};
use hookline_model::secret::Secret;
use serde_json::{Map, Value};

/// Digits of one of Meta's ids at most.
const ID_DIGITS_MAX: usize = 32;

/// Longest handle, in characters, as Instagram bounds it.
const USERNAME_CHARS_MAX: usize = 30;

/// Longest access token, in bytes; Meta's are a few hundred.
const TOKEN_BYTES_MAX: usize = 4096;

const FIELDS: [&str; 5] = [
    "username",
    "access_token",
    "login",
    "page_id",
    "app_scoped_id",
];

/// An account that is to be connected, with values that can be right.
#[derive(Debug)]
pub struct AccountDraft {
    /// The id webhooks carry.
    pub id: AccountId,
    /// The handle, without `@`.
    pub username: String,
    /// Its token.
    pub access_token: Secret,
    /// How it was connected.
    pub login: Login,
    /// The account as one app sees it.
    pub app_scoped_id: Option<AppScopedId>,
}

/// The values of an account as a person gave them.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    username: Option<&'a str>,
    access_token: Option<&'a str>,
    login: Option<&'a str>,
    page_id: Option<&'a str>,
    app_scoped_id: Option<&'a str>,
}

/// Checks the values of an account, given as text: `username`, `access_token`, `login` and
/// `page_id`. Every wrong one is named.
pub fn check_draft(
    id: &str,
    username: &str,
    access_token: &Secret,
    login: &str,
    page_id: Option<&str>,
) -> Result<AccountDraft, Vec<Problem>> {
    let given = Given {
        username: Some(username),
        access_token: Some(access_token.expose()),
        login: Some(login),
        page_id,
        app_scoped_id: None,
    };
    check(id, &given, Vec::new())
}

/// Reads the body of a request.
pub(super) fn read(id: &str, body: &Value) -> Result<AccountDraft, Vec<Problem>> {
    let Value::Object(fields) = body else {
        return Err(vec![problem("", "an account is a JSON object")]);
    };
    let mut problems = Vec::new();
    for name in fields
        .keys()
        .filter(|name| !FIELDS.contains(&name.as_str()))
    {
        let message = format!(
            "is not a field of an account; known are {}",
            FIELDS.join(", ")
        );
        problems.push(problem(name, &message));
    }
    let given = Given {
        username: text(fields, "username", &mut problems),
        access_token: text(fields, "access_token", &mut problems),
        login: text(fields, "login", &mut problems),
        page_id: text(fields, "page_id", &mut problems),
        app_scoped_id: text(fields, "app_scoped_id", &mut problems),
    };
    check(id, &given, problems)
}

fn text<'a>(
    fields: &'a Map<String, Value>,
    name: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'a str> {
    match fields.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            let message = "must be a text; ids too, because they are too large for a number";
            problems.push(problem(name, message));
            // Present, if not usable: nobody is told as well that it is missing.
            Some("")
        }
    }
}

fn check(
    id: &str,
    given: &Given<'_>,
    mut problems: Vec<Problem>,
) -> Result<AccountDraft, Vec<Problem>> {
    let mut complain = |path: &str, message: &str| {
        // One message per value is enough, the first is the most exact.
        if !problems.iter().any(|problem| problem.path == path) {
            problems.push(problem(path, message));
        }
    };
    if !is_meta_id(id) {
        complain(
            "ig_id",
            "must be the account's id as webhooks name it, in digits",
        );
    }
    let username = given
        .username
        .map(|name| name.trim_start_matches('@'))
        .unwrap_or_default();
    if !is_username(username) {
        complain(
            "username",
            "must be the account's handle: 1 to 30 letters, digits, . and _",
        );
    }
    let token = given.access_token.unwrap_or_default();
    if !is_token(token) {
        complain(
            "access_token",
            "must be an access token, without white space",
        );
    }
    if let Some(app_scoped_id) = given.app_scoped_id
        && !is_meta_id(app_scoped_id)
    {
        complain("app_scoped_id", "must be in digits");
    }
    let login = match (given.login, given.page_id) {
        (Some("instagram"), None) => Some(Login::Instagram),
        (Some("instagram"), Some(_)) => {
            complain("page_id", "belongs to login \"facebook\" only");
            None
        }
        (Some("facebook"), Some(page_id)) if is_meta_id(page_id) => Some(Login::Facebook {
            page_id: PageId::new(page_id),
        }),
        (Some("facebook"), Some(_)) => {
            complain("page_id", "must be the Facebook Page's id, in digits");
            None
        }
        (Some("facebook"), None) => {
            complain("page_id", "is required with login \"facebook\"");
            None
        }
        (Some(_) | None, _) => {
            complain("login", "must be \"instagram\" or \"facebook\"");
            None
        }
    };
    match login {
        Some(login) if problems.is_empty() => Ok(AccountDraft {
            id: AccountId::new(id),
            username: username.to_owned(),
            access_token: Secret::new(token),
            login,
            app_scoped_id: given.app_scoped_id.map(AppScopedId::new),
        }),
        Some(_) | None => Err(problems),
    }
}

fn is_meta_id(text: &str) -> bool {
    (1..=ID_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_username(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    (1..=USERNAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_token(text: &str) -> bool {
    (1..=TOKEN_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn problem(path: &str, message: &str) -> Problem {
    Problem {
        path: path.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(id: &str, body: &Value) -> Vec<String> {
        let problems = read(id, body).expect_err("the body was taken");
        problems.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn a_right_body_is_taken() {
        let body = json!({
            "username": "@ada.bakes", "access_token": "EAAB", "login": "facebook",
            "page_id": "102", "app_scoped_id": "7"
        });
        let draft = read("1784", &body).expect("it is right");
        assert_eq!(draft.username, "ada.bakes");
        assert_eq!(
            draft.login,
            Login::Facebook {
                page_id: PageId::new("102")
            }
        );
        assert_eq!(draft.app_scoped_id, Some(AppScopedId::new("7")));
    }

    #[test]
    fn every_wrong_value_is_named_once() {
        let cases = [
            (json!([]), vec![""]),
            (json!({}), vec!["username", "access_token", "login"]),
            (
                json!({"username": "a", "access_token": "t", "login": "facebook"}),
                vec!["page_id"],
            ),
            (
                json!({"username": "a", "access_token": "t", "login": "facebook", "page_id": 102}),
                vec!["page_id"],
            ),
            (
                json!({"username": "a", "access_token": "t", "login": "instagram", "page_id": "1"}),
                vec!["page_id"],
            ),
            (
                json!({"username": "a b", "access_token": "t\n", "login": "x", "token": "y"}),
                vec!["token", "username", "access_token", "login"],
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(paths("1784", &body), expected, "{body}");
        }
    }

    #[test]
    fn the_id_is_digits() {
        let body = json!({"username": "a", "access_token": "t", "login": "instagram"});
        for id in ["ada", "", "17a", "-1", &"1".repeat(33)] {
            assert_eq!(paths(id, &body), ["ig_id"]);
        }
    }

    #[test]
    fn no_message_repeats_the_token() {
        let body = json!({"username": "a", "access_token": "se cret", "login": "instagram"});
        let problems = read("1", &body).expect_err("the token has a space");
        assert!(!format!("{problems:?}").contains("se cret"));
    }
}
