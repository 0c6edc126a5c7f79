//! POSTs a `signed_request` to a callback of the app, and tells what came back (contract 8.3).

use serde::Deserialize;
use serde_json::{Value, json};

use super::Face;
use crate::world::{Refusal, Tamper};

/// An answer is at most this long; a longer one is told as none.
const BODY_BYTES_MAX: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Callback {
    account: String,
    url: String,
    #[serde(default)]
    tamper: Tamper,
}

/// Makes the POST: an HTTP status for the caller, and the status and the body that came back, as
/// `{"status","body"}`; both are null when nothing did.
pub(super) async fn make(face: &Face, kind: &str, body: &[u8]) -> (u16, Value) {
    let callback: Callback = match serde_json::from_slice(body) {
        Ok(callback) => callback,
        Err(error) => return refused(400, &error.to_string()),
    };
    let signed = {
        let mut world = face.world();
        let now_ms = face.now_ms(&world);
        match kind {
            "deauthorize" => world.deauthorize(now_ms, &callback.account, callback.tamper),
            "data_deletion" => world.signed_request(now_ms, &callback.account, callback.tamper),
            _ => return refused(404, "callbacks are deauthorize and data_deletion"),
        }
    };
    match signed {
        Ok(signed) => (200, post(face, &callback.url, &signed).await),
        Err(Refusal::UnknownAccount(account)) => {
            refused(404, &format!("no account has the id or username {account}"))
        }
        Err(refusal) => refused(400, &refusal.to_string()),
    }
}

fn refused(status: u16, why: &str) -> (u16, Value) {
    (status, json!({ "error": why }))
}

async fn post(face: &Face, url: &str, signed: &str) -> Value {
    let form = [("signed_request", signed)];
    let Ok(mut response) = face.client.post(url).form(&form).send().await else {
        return json!({ "status": null, "body": null });
    };
    let status = response.status().as_u16();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_BYTES_MAX => {
                body.extend_from_slice(&chunk);
            }
            Ok(None) => break,
            Ok(Some(_)) | Err(_) => return json!({ "status": status, "body": null }),
        }
    }
    json!({ "status": status, "body": String::from_utf8_lossy(&body) })
}
