//! Conversations, the only way to read what became of a send (contract section 7).

use super::comments::timestamp;
use super::fields::{self, Field};
use super::paging::Page;
use super::{Call, GraphError, Host};
use crate::json::Json;
use crate::world::World;
use crate::world::threads::{Folder, Message, Thread};

/// Only this many of the newest messages can be read in detail.
const READABLE_MESSAGES: usize = 20;
/// Threads in the requests folder vanish from the list after 30 days without activity.
const REQUESTS_MS: i64 = 30 * 24 * 3_600_000;

impl World {
    pub(super) fn list_conversations(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let account = self.own_account(now_ms, call)?;
        let platform = call.text("platform");
        if call.host == Host::Facebook && platform != Some("instagram") {
            return Err(GraphError::invalid("The parameter platform is required"));
        }
        let person = call.text("user_id");
        let mut threads: Vec<&Thread> = self
            .threads
            .values()
            .filter(|thread| thread.account == account.ig_id)
            .filter(|thread| person.is_none_or(|person| thread.scoped_id == person))
            .filter(|thread| {
                thread.folder == Folder::Inbox
                    || now_ms < thread.updated_ms.saturating_add(REQUESTS_MS)
            })
            .collect();
        threads.sort_by_key(|thread| std::cmp::Reverse(thread.updated_ms));
        let wanted = match call.text("fields") {
            Some(text) => fields::parse(text)?,
            None => Field::named(&["id", "updated_time"]),
        };
        let page = Page::of(call, 50);
        let items = threads
            .iter()
            .skip(page.start)
            .take(page.len)
            .map(|thread| self.thread_json(call, thread, &wanted))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(page.wrap(call, items, threads.len()))
    }

    /// From now on a creator's account gets webhooks (contract 3.3).
    pub(super) fn note_conversations_listed(&mut self, now_ms: i64, call: &Call) {
        let account = call.account.as_ref();
        if let Some(account) = account.and_then(|account| self.accounts.get_mut(account)) {
            account.conversations_listed_ms.get_or_insert(now_ms);
        }
    }

    pub(super) fn read_conversation(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let account = self.authorized_account(now_ms, call)?;
        let thread = self
            .conversations
            .get(call.subject())
            .and_then(|key| self.threads.get(key))
            .filter(|thread| thread.account == account.ig_id)
            .ok_or_else(|| GraphError::missing(call.subject()))?;
        let wanted = match call.text("fields") {
            Some(text) => fields::parse(text)?,
            None => Field::named(&["id", "updated_time"]),
        };
        self.thread_json(call, thread, &wanted)
    }

    fn thread_json(
        &self,
        call: &Call,
        thread: &Thread,
        wanted: &[Field],
    ) -> Result<Json, GraphError> {
        fields::select(wanted, &thread.conversation_id, |field| {
            Ok(match field.name.as_str() {
                "updated_time" => Some(Json::from(timestamp(thread.updated_ms))),
                "participants" => {
                    let data = vec![
                        self.party_json(thread, true),
                        self.party_json(thread, false),
                    ];
                    Some(Json::object().with("data", data))
                }
                "name" => None,
                "messages" => Some(self.messages_json(call, thread, field)?),
                other => return Err(GraphError::no_field(other, "IGConversation")),
            })
        })
    }

    fn messages_json(
        &self,
        call: &Call,
        thread: &Thread,
        field: &Field,
    ) -> Result<Json, GraphError> {
        let inner = field.inner_or(&["id", "created_time", "is_unsupported"]);
        let page = Page::from_args(field.arg("limit"), field.arg("after"), 50);
        let items = thread
            .messages
            .iter()
            .rev()
            .enumerate()
            .skip(page.start)
            .take(page.len)
            .map(|(age, message)| {
                if age < READABLE_MESSAGES {
                    self.message_json(thread, message, &inner)
                } else {
                    // All ids are listed; details end with the 20 newest messages.
                    Ok(Json::id(&message.mid).with("created_time", timestamp(message.sent_ms)))
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(page.wrap(call, items, thread.messages.len()))
    }

    pub(super) fn read_message(&self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let account = self.authorized_account(now_ms, call)?;
        let mid = call.subject();
        let gone = || {
            GraphError::new(
                400,
                9_000_001,
                None,
                "(#9000001) The message is deleted or not available.",
            )
        };
        let thread = self
            .mids
            .get(mid)
            .and_then(|key| self.threads.get(key))
            .filter(|thread| thread.account == account.ig_id)
            .ok_or_else(gone)?;
        let message = thread
            .messages
            .iter()
            .rev()
            .take(READABLE_MESSAGES)
            .find(|message| message.mid == mid && !message.is_deleted)
            .ok_or_else(gone)?;
        let wanted = match call.text("fields") {
            Some(text) => fields::parse(text)?,
            None => Field::named(&["id", "created_time"]),
        };
        self.message_json(thread, message, &wanted)
    }

    fn message_json(
        &self,
        thread: &Thread,
        message: &Message,
        wanted: &[Field],
    ) -> Result<Json, GraphError> {
        fields::select(wanted, &message.mid, |field| {
            Ok(match field.name.as_str() {
                "created_time" => Some(Json::from(timestamp(message.sent_ms))),
                "from" => Some(self.party_json(thread, message.from_account)),
                "to" => Some(
                    Json::object()
                        .with("data", vec![self.party_json(thread, !message.from_account)]),
                ),
                "message" => Some(Json::from(message.text.clone().unwrap_or_default())),
                "is_unsupported" => Some(Json::from(false)),
                "attachments" | "shares" | "story" | "reactions" | "reply_to" | "tags" => None,
                other => return Err(GraphError::no_field(other, "IGMessage")),
            })
        })
    }

    /// One side of a thread: the account or the person.
    fn party_json(&self, thread: &Thread, is_account: bool) -> Json {
        let (username, id) = if is_account {
            (
                self.accounts
                    .get(&thread.account)
                    .map(|account| account.username.clone()),
                &thread.account,
            )
        } else {
            (
                self.scoped
                    .get(&thread.scoped_id)
                    .map(|scoped| scoped.person.clone()),
                &thread.scoped_id,
            )
        };
        Json::object()
            .with("username", username.unwrap_or_default())
            .with("id", id)
    }
}
