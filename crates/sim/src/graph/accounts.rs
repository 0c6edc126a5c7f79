//! Accounts and profiles (contract section 0, 6.4, 6.5), and the messenger profile (5.6).

use serde_json::Value;

use super::fields::{self, Field};
use super::oauth::linked_account;
use super::{Call, GraphError};
use crate::json::Json;
use crate::world::World;
use crate::world::accounts::Login;

impl World {
    /// `GET /me` and `GET /{ig-id}`: `id` is the app-scoped id, `user_id` the one of webhooks.
    pub(super) fn read_account(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        if call.subject() == "me" && self.user_token(now_ms, call).is_ok() {
            return self.read_person(now_ms, call);
        }
        let account = self.own_account(now_ms, call)?;
        let is_page = account.page_id.as_deref() == Some(call.subject())
            || (call.subject() == "me" && account.login == Login::Facebook);
        let wanted = match call.text("fields") {
            Some(text) => fields::parse(text)?,
            None => Field::named(&["id"]),
        };
        // With Facebook Login the IG node's id is the professional account id itself.
        let id = match (account.login, &account.page_id) {
            (Login::Facebook, Some(page)) if is_page => page.clone(),
            (Login::Facebook, _) => account.ig_id.clone(),
            (Login::Instagram, _) => account.app_scoped_id.clone(),
        };
        let wraps = self.config.policy.wraps_me && account.login == Login::Instagram;
        let read = fields::select(&wanted, &id, |field| {
            Ok(match field.name.as_str() {
                "user_id" if !is_page => Some(Json::from(&account.ig_id)),
                "username" | "name" => Some(Json::from(&account.username)),
                "account_type" if !is_page => Some(Json::from(account.account_type.word())),
                "media_count" if !is_page => Some(Json::Number(account.media.len().to_string())),
                "profile_picture_url" if !is_page => None,
                "followers_count" if !is_page => Some(Json::from(0)),
                "instagram_business_account" if is_page => Some(linked_account(field, account)?),
                "mentioned_comment" if !is_page => Some(self.mentioned_comment(field)?),
                "mentioned_media" if !is_page => Some(self.mentioned_media(field)?),
                other => return Err(GraphError::no_field(other, "IGUser")),
            })
        })?;
        Ok(if wraps {
            Json::object().with("data", vec![read])
        } else {
            read
        })
    }

    /// `GET /me` of a person's token: the id that deauthorizations carry, which is the app-scoped
    /// one of the account the person logged in for.
    fn read_person(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let account = self.find_account(&self.user_token(now_ms, call)?.account)?;
        let wanted = match call.text("fields") {
            Some(text) => fields::parse(text)?,
            None => Field::named(&["name", "id"]),
        };
        fields::select(&wanted, &account.app_scoped_id, |field| {
            Ok(match field.name.as_str() {
                "name" => Some(Json::from(&account.username)),
                other => return Err(GraphError::no_field(other, "User")),
            })
        })
    }

    fn mentioned_comment(&self, field: &Field) -> Result<Json, GraphError> {
        let id = field.arg("comment_id").unwrap_or_default();
        let comment = self.find_comment(id)?;
        if !comment.is_mention || comment.is_deleted {
            return Err(GraphError::missing(id));
        }
        let inner = field.inner_or(&["id", "text", "timestamp"]);
        self.comment_json(comment, &inner)
    }

    fn mentioned_media(&self, field: &Field) -> Result<Json, GraphError> {
        let id = field.arg("media_id").unwrap_or_default();
        let media = self.find_media(id)?;
        if media.account.is_some() {
            return Err(GraphError::missing(id));
        }
        self.media_json(media, &field.inner_or(&["id", "caption", "media_type"]))
    }

    /// `GET /{IGSID}`: only after the person wrote or tapped (contract 6.5).
    pub(super) fn read_profile(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let account = self.authorized_account(now_ms, call)?;
        let scoped_id = call.subject();
        let scoped = self
            .scoped
            .get(scoped_id)
            .filter(|scoped| scoped.account == account.ig_id)
            .ok_or_else(|| GraphError::missing(scoped_id))?;
        let person = self.find_person(&scoped.person)?;
        let has_consent = self
            .threads
            .get(&(account.ig_id.clone(), scoped_id.to_owned()))
            .is_some_and(|thread| thread.has_consent);
        if !has_consent {
            return Err(GraphError::new(
                403,
                230,
                None,
                "(#230) User consent is required to access user profile",
            ));
        }
        if person.blocks.contains(&account.ig_id) {
            return Err(GraphError::missing(scoped_id));
        }
        let wanted = match call.text("fields") {
            Some(text) => fields::parse(text)?,
            None => Field::named(&["name", "username", "id"]),
        };
        fields::select(&wanted, scoped_id, |field| {
            Ok(match field.name.as_str() {
                "username" => Some(Json::from(&person.username)),
                "name" => Some(person.name.as_deref().map_or(Json::Null, Json::from)),
                "profile_pic" => Some(Json::Null),
                "follower_count" => Some(Json::from(0)),
                "is_user_follow_business" => {
                    Some(Json::from(person.follows.contains(&account.ig_id)))
                }
                "is_business_follow_user" | "is_verified_user" => Some(Json::from(false)),
                other => return Err(GraphError::no_field(other, "IGBusinessScopedID")),
            })
        })
    }

    /// Ice breakers and the persistent menu.
    pub(super) fn messenger_profile(
        &mut self,
        now_ms: i64,
        call: &Call,
    ) -> Result<Json, GraphError> {
        const NAMES: [&str; 2] = ["ice_breakers", "persistent_menu"];
        let ig_id = self.own_account(now_ms, call)?.ig_id.clone();
        let Some(account) = self.accounts.get_mut(&ig_id) else {
            return Err(GraphError::missing(&ig_id));
        };
        match call.method.as_str() {
            "GET" => {
                let wanted = call.text("fields").unwrap_or_default();
                let data = NAMES
                    .iter()
                    .filter(|name| wanted.split(',').any(|asked| asked == **name))
                    .filter_map(|name| account.messenger_profile.get(*name))
                    .filter_map(Value::as_array)
                    .flatten()
                    .map(Json::from)
                    .collect::<Vec<_>>();
                return Ok(Json::object().with("data", data));
            }
            "DELETE" => {
                for name in NAMES {
                    account.messenger_profile.remove(name);
                }
            }
            _ => {
                for name in NAMES {
                    let Some(value) = call.object(name) else {
                        continue;
                    };
                    let questions = value
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(|entry| entry.get("call_to_actions"))
                        .filter_map(Value::as_array)
                        .map(Vec::len)
                        .max()
                        .unwrap_or_default();
                    if name == "ice_breakers" && questions > 4 {
                        return Err(GraphError::invalid(
                            "ice_breakers may hold at most 4 questions",
                        ));
                    }
                    account.messenger_profile.insert(name.to_owned(), value);
                }
            }
        }
        Ok(Json::object().with("success", true))
    }
}
