//! What a person sees: plain pages that need no script and say nothing of anybody.

use std::fmt::Write as _;

use axum::http::StatusCode;
use axum::response::Response;
use hookline_store::erase::{Deletion, DeletionState};

use crate::http::page::page;

pub(super) fn deauthorize() -> Response {
    page(
        StatusCode::OK,
        "Deauthorize callback",
        "<p>Meta calls this address when the owner of an account removes the app. Enter it in the \
         App Dashboard as the deauthorize callback URL. There is nothing to do here by hand.</p>",
    )
}

pub(super) fn data_deletion() -> Response {
    page(
        StatusCode::OK,
        "Data deletion",
        "<p>Meta calls this address when somebody asks for their data to be deleted. Enter it in \
         the App Dashboard as the data deletion request URL.</p>\n<p>If you asked for a deletion, \
         open the link you were given: it ends with your confirmation code. To ask for one, remove \
         the app in your account's settings under apps and websites and choose to have your data \
         deleted, or write to the account you were in contact with.</p>",
    )
}

pub(super) fn unknown_code() -> Response {
    page(
        StatusCode::NOT_FOUND,
        "No such deletion",
        "<p>There is no data deletion with this confirmation code. Look at the link you were given \
         again: the code has to be complete.</p>",
    )
}

pub(super) fn status(deletion: &Deletion) -> Response {
    let (title, words) = match deletion.state {
        DeletionState::Erasing | DeletionState::Cleaning => (
            "Your data is being deleted",
            "The deletion is being carried out. Come back to this page to see when it is done.",
        ),
        DeletionState::Done if deletion.erased.is_nothing() => (
            "Nothing was found",
            "The deletion is done. Nothing was found that is about you.",
        ),
        DeletionState::Done => (
            "Your data was deleted",
            "The deletion is done. Everything that was kept about you was erased.",
        ),
    };
    let mut content = format!(
        "<p>{words}</p>\n<dl>\n<dt>Confirmation code</dt><dd><code>{}</code></dd>\n\
         <dt>Asked for</dt><dd>{}</dd>\n",
        deletion.code, deletion.requested_at
    );
    if let Some(done) = deletion.done_at {
        let _ = writeln!(content, "<dt>Done</dt><dd>{done}</dd>");
    }
    content.push_str("</dl>");
    page(StatusCode::OK, title, &content)
}
