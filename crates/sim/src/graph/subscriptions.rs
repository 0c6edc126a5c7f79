//! The three layers of subscription (contract section 3) and the handshake (section 1).

use std::collections::BTreeSet;

use rand::RngExt as _;
use serde_json::Value;

use super::{Call, GraphError, SimResponse};
use crate::json::Json;
use crate::wire::FIELDS;
use crate::world::World;
use crate::world::accounts::{Login, OtherApp};

/// A GET the driver must make before a subscription call can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Names the handshake in [`World::finish_handshake`].
    pub id: u64,
    /// The whole URL, query included.
    pub url: String,
}

/// What came of the GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandshakeAnswer {
    /// The receiver answered in time.
    Answered {
        /// The status; only 200 will do.
        status: u16,
        /// The body; only the bare challenge will do.
        body: String,
    },
    /// No answer within 5 seconds, or no connection.
    NoAnswer,
}

/// A subscription waiting for its handshake.
#[derive(Debug)]
pub(crate) struct PendingHandshake {
    id: u64,
    challenge: String,
    callback_url: String,
    fields: BTreeSet<String>,
}

impl World {
    /// Checks a `POST /{app-id}/subscriptions` and prepares its handshake.
    pub(super) fn begin_handshake(&mut self, call: &Call) -> Result<Handshake, GraphError> {
        self.check_app(call)?;
        if call.text("object") != Some("instagram") {
            return Err(GraphError::invalid(
                "The parameter object must be instagram",
            ));
        }
        let callback_url = call.text("callback_url").unwrap_or_default().to_owned();
        if !(callback_url.starts_with("http://") || callback_url.starts_with("https://")) {
            return Err(GraphError::invalid(
                "The parameter callback_url must be a URL",
            ));
        }
        let fields = self.read_fields(call, "fields")?;
        let verify_token = call.text("verify_token").unwrap_or_default();
        let challenge = self
            .rng
            .random_range(100_000_000..2_000_000_000_u64)
            .to_string();
        let id = self.rng.random_range(1..u64::MAX);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", &challenge)
            .append_pair("hub.verify_token", verify_token);
        let separator = if callback_url.contains('?') { '&' } else { '?' };
        let url = format!("{callback_url}{separator}{}", query.finish());
        self.handshakes.push(PendingHandshake {
            id,
            challenge,
            callback_url,
            fields,
        });
        Ok(Handshake { id, url })
    }

    /// Answers the subscription call whose handshake ended; on success the callback is set.
    pub fn finish_handshake(&mut self, id: u64, answer: &HandshakeAnswer) -> SimResponse {
        let pending = self.handshakes.remove_where(|pending| pending.id == id);
        let outcome = match (pending, answer) {
            (Some(pending), HandshakeAnswer::Answered { status: 200, body })
                if *body == pending.challenge =>
            {
                self.app.replace(pending.callback_url, pending.fields);
                self.wake();
                Ok(Json::object().with("success", true))
            }
            (_, HandshakeAnswer::Answered { status, .. }) => Err(GraphError::new(
                400,
                2200,
                None,
                format!(
                    "(#2200) Callback verification failed with the following errors: HTTP Status Code = {status}; the response does not match the challenge"
                ),
            )),
            (_, HandshakeAnswer::NoAnswer) => Err(GraphError::new(
                400,
                2200,
                None,
                "(#2200) Callback verification failed with the following errors: the callback did not answer in time",
            )),
        };
        let call = Call::read(self, &super::SimRequest::default());
        self.render(0, &call, outcome)
    }

    /// `GET` and `DELETE /{app-id}/subscriptions`.
    pub(super) fn subscriptions(&mut self, call: &Call) -> Result<Json, GraphError> {
        self.check_app(call)?;
        if call.method == "DELETE" {
            match call.value("fields") {
                Some(_) => {
                    for field in self.read_fields(call, "fields")? {
                        self.app.fields.remove(&field);
                    }
                }
                None => self.app.forget(),
            }
            return Ok(Json::object().with("success", true));
        }
        let Some(callback_url) = &self.app.callback_url else {
            return Ok(Json::object().with("data", Vec::new()));
        };
        let fields = self
            .app
            .fields
            .iter()
            .map(|field| {
                Json::object()
                    .with("name", field)
                    .with("version", &self.config.api_version)
            })
            .collect::<Vec<_>>();
        let subscription = Json::object()
            .with("object", "instagram")
            .with("callback_url", callback_url)
            .with("active", self.app.is_active)
            .with("fields", fields);
        Ok(Json::object().with("data", vec![subscription]))
    }

    /// App calls need the app access token `{app-id}|{app-secret}`.
    fn check_app(&self, call: &Call) -> Result<(), GraphError> {
        if call.subject() != self.config.app_id {
            return Err(GraphError::missing(call.subject()));
        }
        let is_known = call
            .token
            .as_deref()
            .and_then(|token| token.split_once('|'))
            .is_some_and(|(id, secret)| {
                id == self.config.app_id
                    && self.config.app_secrets.iter().any(|known| known == secret)
            });
        if is_known {
            Ok(())
        } else {
            Err(GraphError::bad_token())
        }
    }

    /// `/{ig-id|page-id|me}/subscribed_apps`.
    pub(super) fn subscribed_apps(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let account = self.own_account(now_ms, call)?;
        let (ig_id, login) = (account.ig_id.clone(), account.login);
        // Managing a Page's apps is for people who moderate it (contract 3.2).
        if call.method != "GET" && !account.has_task("MODERATE") {
            return Err(GraphError::no_task());
        }
        match call.method.as_str() {
            "GET" => {
                let others = account.other_apps.iter();
                let mut data: Vec<Json> = others.map(other_app).collect();
                if !account.subscribed_fields.is_empty() {
                    let fields = account
                        .subscribed_fields
                        .iter()
                        .map(Json::from)
                        .collect::<Vec<_>>();
                    data.push(
                        Json::object()
                            .with("category", "Business")
                            .with("name", "app")
                            .with("id", &self.config.app_id)
                            .with("subscribed_fields", fields),
                    );
                }
                return Ok(Json::object().with("data", data));
            }
            "DELETE" => self.set_subscribed(&ig_id, BTreeSet::new()),
            _ => {
                let fields = match login {
                    Login::Instagram => self.read_fields(call, "subscribed_fields")?,
                    Login::Facebook => {
                        self.checked_fields(call, "subscribed_fields", &PAGE_FIELDS)?
                    }
                };
                self.set_subscribed(&ig_id, fields);
            }
        }
        Ok(Json::object().with("success", true))
    }

    fn set_subscribed(&mut self, ig_id: &str, fields: BTreeSet<String>) {
        if let Some(account) = self.accounts.get_mut(ig_id) {
            account.subscribed_fields = fields;
        }
    }
}

/// Page fields a Page may be subscribed to (contract 3.2); an extract.
const PAGE_FIELDS: [&str; 12] = [
    "feed",
    "mention",
    "messages",
    "messaging_postbacks",
    "messaging_optins",
    "messaging_referrals",
    "messaging_handovers",
    "message_echoes",
    "message_reactions",
    "message_deliveries",
    "message_reads",
    "standby",
];

fn other_app(app: &OtherApp) -> Json {
    let fields: Vec<Json> = app.subscribed_fields.iter().map(Json::from).collect();
    Json::object()
        .with("category", "Business")
        .with("name", &app.name)
        .with("id", &app.id)
        .with("subscribed_fields", fields)
}

impl World {
    fn read_fields(&self, call: &Call, key: &str) -> Result<BTreeSet<String>, GraphError> {
        self.checked_fields(call, key, &FIELDS)
    }

    /// Field names from a comma list or a JSON list; an unknown one fails the whole call.
    fn checked_fields(
        &self,
        call: &Call,
        key: &str,
        known: &[&str],
    ) -> Result<BTreeSet<String>, GraphError> {
        let refused = &self.config.policy.refused_fields;
        let is_known = |name: &&str| !refused.iter().any(|refused| refused == name);
        let known: Vec<&str> = known.iter().copied().filter(is_known).collect();
        let names: Vec<String> = match call.value(key) {
            Some(Value::String(text)) => text
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
            Some(Value::Array(items)) => items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            Some(_) | None => Vec::new(),
        };
        if names.is_empty() {
            return Err(GraphError::invalid(format!(
                "The parameter {key} is required"
            )));
        }
        let unknown = names
            .iter()
            .position(|name| !known.contains(&name.as_str()));
        if let Some(position) = unknown {
            return Err(GraphError::invalid(format!(
                "Param {key}[{position}] must be one of {{{}}}",
                known.join(", ")
            )));
        }
        Ok(names.into_iter().collect())
    }
}
