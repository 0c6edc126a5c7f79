//! The GET that verifies a callback (contract section 1).

use crate::graph::HandshakeAnswer;

/// A challenge is at most this long; a longer body is no challenge.
const BODY_BYTES_MAX: usize = 4096;

/// Makes the GET within the client's time limit.
pub(super) async fn make(client: &reqwest::Client, url: &str) -> HandshakeAnswer {
    let Ok(mut response) = client
        .get(url)
        .header("User-Agent", "facebookplatform/1.0")
        .send()
        .await
    else {
        return HandshakeAnswer::NoAnswer;
    };
    let status = response.status().as_u16();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_BYTES_MAX => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) | Err(_) => return HandshakeAnswer::NoAnswer,
            Ok(None) => break,
        }
    }
    HandshakeAnswer::Answered {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}
