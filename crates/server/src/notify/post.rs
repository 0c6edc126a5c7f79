//! A notice as a signed POST of JSON.

use std::time::Duration;

use hookline_model::alert::Notice;
use hookline_model::secret::Secret;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use ring::hmac;

use super::name_of;
use crate::config::ReceiverUrl;

/// The header with the signature: `sha256=` and the HMAC-SHA256 of the body in lower-case hex.
static SIGNATURE: HeaderName = HeaderName::from_static("x-hookline-signature-256");

/// How long one POST may take, connection and answer included.
const POST_MAX: Duration = Duration::from_secs(10);

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Somebody who is told by a POST.
pub(super) struct Post {
    pub(super) name: String,
    receiver: ReceiverUrl,
}

impl Post {
    pub(super) fn new(receiver: &ReceiverUrl) -> Self {
        Self {
            name: name_of("url", receiver.url().as_str()),
            receiver: receiver.clone(),
        }
    }
}

/// Signs and posts.
pub(super) struct Poster {
    http: reqwest::Client,
    key: hmac::Key,
}

impl Poster {
    pub(super) fn new(secret: &Secret) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("hookline/", env!("CARGO_PKG_VERSION")))
            .timeout(POST_MAX)
            .connect_timeout(CONNECT_MAX)
            // A notice is rare: a connection kept until the next would be a dead one.
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        Ok(Self { http, key })
    }

    /// Posts it; any 2xx means that it was heard. Of the answer nothing but the status is read.
    pub(super) async fn post(&self, post: &Post, notice: &Notice) -> Result<(), String> {
        let body = serde_json::to_vec(notice).map_err(|error| error.to_string())?;
        let tag = hmac::sign(&self.key, &body);
        let signature = format!("sha256={}", hex::encode(tag.as_ref()));
        let answer = self
            .http
            .post(post.receiver.url().clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(&SIGNATURE, signature)
            .body(body)
            .send()
            .await;
        let origin = post.receiver.origin();
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("{origin} answered {}", answer.status().as_u16())),
            Err(error) if error.is_timeout() => Err(format!("{origin} did not answer in time")),
            Err(error) if error.is_connect() => Err(format!("{origin} cannot be reached")),
            // Without the address, which may hold a secret.
            Err(error) => Err(format!("{origin}: {}", error.without_url())),
        }
    }
}
