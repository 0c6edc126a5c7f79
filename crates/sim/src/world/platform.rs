//! What Meta itself does: hands threads over, counts stories, tests, and calls back.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::inspect::{SentBy, SentKind};
use super::messages::inbound;
use super::owner::OutgoingMessage;
use super::threads::Content;
use super::tokens::TokenEnd;
use super::{Refusal, World};
use crate::delivery::RawDelivery;
use crate::wire::{self, Event, Signing, StoryCounts, ThreadControl};

/// How a signed request differs from a good one (contract 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tamper {
    /// Not at all.
    #[default]
    None,
    /// Its payload was changed after it was signed.
    Payload,
    /// It is good, and both parts carry base64 padding.
    Padded,
    /// It was signed with a secret the receiver does not know.
    OtherSecret,
}

/// How long a signed request says it is good for.
const SIGNED_REQUEST_SECONDS: i64 = 3600;
const UNKNOWN_SECRET: &str = "ffffffffffffffffffffffffffffffff";

impl World {
    /// Gives a thread to another app, or back to this one; while another app has it, its
    /// events arrive as `standby` and sends are refused with 100/2534037 (contract 4.15).
    pub fn set_thread_owner(
        &mut self,
        now_ms: i64,
        account: &str,
        person: &str,
        other_app: Option<&str>,
    ) -> Result<(), Refusal> {
        let (ig_id, scoped_id) = self.pair(account, person)?;
        let own_app = self.config.app_id.clone();
        let thread = self.open_thread(now_ms, &ig_id, &scoped_id)?;
        let previous = std::mem::replace(&mut thread.other_app, other_app.map(str::to_owned));
        let previous_owner_app_id = Some(previous.unwrap_or_else(|| own_app.clone()));
        let metadata = String::new();
        let control = match other_app {
            Some(app) => ThreadControl::Take {
                previous_owner_app_id,
                new_owner_app_id: app.to_owned(),
                metadata,
            },
            None => ThreadControl::Pass {
                previous_owner_app_id,
                new_owner_app_id: own_app,
                metadata,
            },
        };
        let envelope = inbound(&ig_id, &scoped_id, now_ms);
        self.emit(now_ms, &ig_id, Event::Handover { envelope, control });
        Ok(())
    }

    /// Sends the counts of a story, as Meta does when it expires (contract 4.4).
    pub fn story_insights(
        &mut self,
        now_ms: i64,
        media: &str,
        counts: StoryCounts,
    ) -> Result<(), Refusal> {
        let Some(ig_id) = self.find_media(media)?.account.clone() else {
            return Err(Refusal::Invalid(
                "the media belongs to nobody here".to_owned(),
            ));
        };
        let event = Event::StoryInsights {
            media_id: media.to_owned(),
            counts,
        };
        self.emit(now_ms, &ig_id, event);
        Ok(())
    }

    /// The account writes to itself; the echo carries `is_self` (contract 4.8).
    pub fn self_message(
        &mut self,
        now_ms: i64,
        account: &str,
        text: &str,
    ) -> Result<String, Refusal> {
        let account = self.find_account(account)?;
        let (ig_id, own) = (account.ig_id.clone(), account.own_igsid.clone());
        let content = Content {
            text: Some(text.to_owned()),
            attachments: Vec::new(),
        };
        self.send_message(
            now_ms,
            OutgoingMessage {
                ig_id: &ig_id,
                scoped_id: &own,
                content,
                kind: SentKind::Message,
                by: SentBy::Owner,
                comment_id: None,
                message: None,
                effect: format!("owner:{ig_id}:{own}:{text}"),
            },
        )
    }

    /// Presses the dashboard's test button for a field: entry id `0` and Meta's own constants,
    /// whatever is subscribed (contract 4.17). Returns the delivery's id.
    pub fn dashboard_test(&mut self, now_ms: i64, field: &str) -> Result<u64, Refusal> {
        let body = wire::dashboard_test(field, now_ms)
            .ok_or_else(|| Refusal::Invalid(format!("the test of {field} is not known")))?;
        let raw = RawDelivery {
            body: Bytes::from(body),
            signing: Signing::Good,
            headers: None,
        };
        Ok(self.deliver_raw(now_ms, raw))
    }

    /// The owner removes the app: every token dies, the subscription of the account ends, and this
    /// is the `signed_request` Meta tells the app with. One that was tampered with is no doing of
    /// Meta's and has no effect here.
    pub fn deauthorize(
        &mut self,
        now_ms: i64,
        account: &str,
        tamper: Tamper,
    ) -> Result<String, Refusal> {
        let request = self.signed_request(now_ms, account, tamper)?;
        if matches!(tamper, Tamper::None | Tamper::Padded) {
            self.end_tokens(account, TokenEnd::AppRemoved)?;
            let ig_id = self.find_account(account)?.ig_id.clone();
            if let Some(account) = self.accounts.get_mut(&ig_id) {
                account.subscribed_fields.clear();
            }
        }
        Ok(request)
    }

    /// The `signed_request` of a deauthorization or a data deletion for an account; its
    /// `user_id` is the app-scoped id (contract 8.3).
    pub fn signed_request(
        &self,
        now_ms: i64,
        account: &str,
        tamper: Tamper,
    ) -> Result<String, Refusal> {
        let user_id = &self.find_account(account)?.app_scoped_id;
        let issued_at = now_ms.div_euclid(1000);
        let payload = |user_id: &str| {
            // A map keeps these four keys in the order of the documents: they are sorted there.
            let payload = json!({
                "algorithm": "HMAC-SHA256",
                "expires": issued_at.saturating_add(SIGNED_REQUEST_SECONDS),
                "issued_at": issued_at,
                "user_id": user_id,
            });
            payload.to_string()
        };
        let is_padded = tamper == Tamper::Padded;
        let encode = |bytes: &[u8]| {
            if is_padded {
                URL_SAFE.encode(bytes)
            } else {
                URL_SAFE_NO_PAD.encode(bytes)
            }
        };
        let encoded = encode(payload(user_id).as_bytes());
        let secret = if tamper == Tamper::OtherSecret {
            UNKNOWN_SECRET
        } else {
            self.config.app_secrets.first().map_or("", String::as_str)
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = encode(hmac::sign(&key, encoded.as_bytes()).as_ref());
        let sent = if tamper == Tamper::Payload {
            encode(payload("1").as_bytes())
        } else {
            encoded
        };
        Ok(format!("{signature}.{sent}"))
    }
}
