//! What a person sees who connects an account.

use std::fmt::Write as _;

use axum::http::StatusCode;
use axum::response::Response;
use hookline_engine::connect::{ConnectProblem, Connected};
use hookline_meta::graph::LoginKind;

use super::name_of;
use crate::http::page::{escaped, page};

fn again(login: LoginKind) -> String {
    let name = name_of(login);
    format!("<p><a href=\"/oauth/{name}/start\">Begin again</a></p>")
}

const BOTH: &str = "<p>There are two ways to connect an account: \
                    <a href=\"/oauth/instagram/start\">with Instagram</a>, which needs no \
                    Facebook Page, and <a href=\"/oauth/facebook/start\">with Facebook</a>, for \
                    accounts that are linked to one.</p>\n\
                    <p>Connecting an account again gives Hookline new access to it; what waited \
                    for that is then sent, if it is not too late.</p>";

pub(super) fn both_logins() -> Response {
    page(StatusCode::OK, "Connect an account", BOTH)
}

pub(super) fn no_such_login() -> Response {
    page(StatusCode::NOT_FOUND, "No such login", BOTH)
}

pub(super) fn no_password() -> Response {
    page(
        StatusCode::UNAUTHORIZED,
        "A password is needed",
        "<p>Whoever runs this server has set one: <code>connect.password</code>. Reload this page \
         and enter it; the name does not matter.</p>",
    )
}

pub(super) fn no_address() -> Response {
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "This server does not know its address",
        "<p>Meta has to send you back here, so whoever runs this server has to set \
         <code>server.public_url</code> (or <code>HOOKLINE_SERVER__PUBLIC_URL</code>) and restart \
         it.</p>",
    )
}

pub(super) fn state_unknown(login: LoginKind) -> Response {
    let words = "<p>This login was finished already, took longer than ten minutes, or was not \
                 begun here. Nothing was changed.</p>";
    page(
        StatusCode::BAD_REQUEST,
        "This login is not under way",
        &format!("{words}{}", again(login)),
    )
}

pub(super) fn other_browser(login: LoginKind) -> Response {
    let words = "<p>A login has to be finished in the browser in which it was begun, with cookies \
                 allowed. Nothing was changed.</p>";
    page(
        StatusCode::BAD_REQUEST,
        "This login was begun in another browser",
        &format!("{words}{}", again(login)),
    )
}

pub(super) fn denied(login: LoginKind) -> Response {
    let words = "<p>You did not allow it, so no account was connected and nothing was kept. \
                 Hookline needs every permission on the list: without them it can neither see \
                 comments nor answer them.</p>";
    page(
        StatusCode::FORBIDDEN,
        "Not connected",
        &format!("{words}{}", again(login)),
    )
}

pub(super) fn no_code(login: LoginKind) -> Response {
    let words = "<p>Meta sent you back without a word of what you chose. Nothing was changed.</p>";
    page(
        StatusCode::BAD_REQUEST,
        "Not connected",
        &format!("{words}{}", again(login)),
    )
}

pub(super) fn not_connected(
    status: StatusCode,
    login: LoginKind,
    problem: &ConnectProblem,
) -> Response {
    let what = escaped(&problem.to_string());
    let content = format!(
        "<p>No account was connected: {what}.</p>\n<p>{}</p>\n{}",
        problem.what_to_do(),
        again(login)
    );
    page(status, "Not connected", &content)
}

pub(super) fn connected(connected: &Connected) -> Response {
    let mut content = String::new();
    for account in &connected.accounts {
        let verb = if account.is_new {
            "is connected"
        } else {
            "is connected again"
        };
        let name = escaped(&account.username);
        let _ = writeln!(
            content,
            "<p><strong>@{name}</strong> {verb}. Its id is <code>{}</code>.</p>",
            escaped(account.id.as_str())
        );
        list(&mut content, &account.warnings);
    }
    list(&mut content, &connected.left_out);
    content.push_str("<p>You can close this page.</p>");
    page(StatusCode::OK, "Connected", &content)
}

fn list(content: &mut String, sentences: &[String]) {
    if sentences.is_empty() {
        return;
    }
    content.push_str("<ul>\n");
    for sentence in sentences {
        let _ = writeln!(content, "<li>{}</li>", escaped(sentence));
    }
    content.push_str("</ul>\n");
}
