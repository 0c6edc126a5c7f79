//! Carrying out a deletion from the command line, alone or beside a running server.

use std::sync::Arc;
use std::time::Duration;

use hookline_engine::erase::{EraseStep, Eraser};
use hookline_model::clock::Clock as _;
use hookline_store::erase::{AskedFor, Deletion, DeletionState};
use hookline_store::{Store, StoreError};

use crate::clock::SystemClock;
use crate::http::api::code_of;
use crate::keys;

/// Between two looks at what someone else has in hand.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Steps that can be in vain before the rest is left to the server.
const IN_VAIN_MAX: u32 = 100;

/// Keeps the request and carries it out. None when there is nothing of that name. When it is not
/// done in the end, the server goes on with it, or the next one that is started.
pub(super) async fn erase(
    store: &Arc<Store>,
    asked_for: AskedFor,
) -> anyhow::Result<Option<Deletion>> {
    let code = code_of(keys::nonce()?);
    let asked = store
        .request_deletion(asked_for, code, SystemClock.now())
        .await?;
    let Some(mut deletion) = asked else {
        return Ok(None);
    };
    let mut eraser = Eraser::new(Arc::clone(store), Arc::new(SystemClock));
    let mut in_vain = 0;
    while deletion.state != DeletionState::Done && in_vain < IN_VAIN_MAX {
        match eraser.tick().await {
            Ok(EraseStep::Working) => continue,
            Ok(EraseStep::Done) => {}
            // The server has it in hand, or reads what stands in the way.
            Ok(EraseStep::Idle | EraseStep::LogInUse) | Err(StoreError::Conflict(_)) => {
                in_vain += 1;
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(error) => return Err(error.into()),
        }
        let found = store.find_deletion(deletion.code.clone()).await?;
        deletion = found.unwrap_or(deletion);
    }
    Ok(Some(deletion))
}

/// What became of it, in words.
pub(super) fn in_words(deletion: &Deletion) -> String {
    let erased = deletion.erased;
    let what = if erased.is_nothing() {
        "nothing was found".to_owned()
    } else {
        format!(
            "erased {} contacts, {} events, {} sends; cut {} deliveries",
            erased.contacts, erased.events, erased.sends, erased.deliveries
        )
    };
    let rest = if deletion.state == DeletionState::Done {
        ""
    } else {
        "; the server overwrites what is left in the files"
    };
    format!("{what}{rest} (code {})", deletion.code)
}
