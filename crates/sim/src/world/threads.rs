//! Threads between an account and a person: messages, windows, folders (contract 5.7, section 7).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Refusal, World};
use crate::ids::{self, IdKind};
use crate::wire::{Attachment, Reaction};

/// Where the owner finds a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Folder {
    /// The inbox.
    Inbox,
    /// Message requests: first private replies to people who do not follow land here.
    Requests,
}

/// One message of a thread.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// The message id.
    pub mid: String,
    /// When it was sent, in milliseconds.
    pub sent_ms: i64,
    /// Whether the account sent it.
    pub from_account: bool,
    /// The text.
    pub text: Option<String>,
    /// The attachments.
    pub attachments: Vec<Attachment>,
    /// Taken back by its sender.
    pub is_deleted: bool,
    /// How often it was edited.
    pub edits: i64,
    /// The person's or the account's reaction.
    pub reaction: Option<Reaction>,
}

/// The thread between one account and one person.
#[derive(Debug, Clone, Serialize)]
pub struct Thread {
    /// The conversation id.
    pub conversation_id: String,
    /// The account.
    pub account: String,
    /// The person, as the account sees them.
    pub scoped_id: String,
    /// Where the owner finds it.
    pub folder: Folder,
    /// When anything last happened, in milliseconds.
    pub updated_ms: i64,
    /// When the person last opened the 24-hour window, in milliseconds.
    pub window_opened_ms: Option<i64>,
    /// When the person last wrote, in milliseconds.
    pub last_inbound_ms: Option<i64>,
    /// Whether the person consented to their profile being read.
    pub has_consent: bool,
    /// The other app that has the thread, if one has it.
    pub other_app: Option<String>,
    /// The newest messages, oldest first.
    pub messages: VecDeque<Message>,
    #[serde(skip)]
    number: String,
}

/// What a message is made of, before it has an id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    pub(crate) text: Option<String>,
    pub(crate) attachments: Vec<Attachment>,
}

/// 24 hours: how long a person's message keeps the window open (contract 5.7).
pub(crate) const WINDOW_MS: i64 = 24 * 3_600_000;

impl Thread {
    /// Whether the account may write freely at `now_ms`.
    pub fn is_window_open(&self, now_ms: i64) -> bool {
        self.window_opened_ms
            .is_some_and(|opened| now_ms < opened.saturating_add(WINDOW_MS))
    }
}

impl World {
    /// The thread of an account with a person, started if there is none.
    pub(crate) fn open_thread(
        &mut self,
        now_ms: i64,
        ig_id: &str,
        scoped_id: &str,
    ) -> Result<&mut Thread, Refusal> {
        let key = (ig_id.to_owned(), scoped_id.to_owned());
        if !self.threads.contains_key(&key) {
            if self.threads.len() >= self.config.limits.objects_max {
                return Err(Refusal::Full("threads"));
            }
            let number = self.ids.draw(IdKind::Thread);
            let conversation_id = ids::conversation_id(ig_id, &number);
            let follows = self
                .scoped
                .get(scoped_id)
                .and_then(|scoped| self.people.get(&scoped.person))
                .is_some_and(|person| person.follows.contains(ig_id));
            self.conversations
                .insert(conversation_id.clone(), key.clone());
            self.threads.insert(
                key.clone(),
                Thread {
                    conversation_id,
                    account: ig_id.to_owned(),
                    scoped_id: scoped_id.to_owned(),
                    folder: if follows {
                        Folder::Inbox
                    } else {
                        Folder::Requests
                    },
                    updated_ms: now_ms,
                    window_opened_ms: None,
                    last_inbound_ms: None,
                    has_consent: false,
                    other_app: None,
                    messages: VecDeque::new(),
                    number,
                },
            );
        }
        self.threads.get_mut(&key).ok_or(Refusal::Full("threads"))
    }

    /// Puts a message into a thread and returns its id; events are the caller's.
    pub(crate) fn place_message(
        &mut self,
        now_ms: i64,
        (ig_id, scoped_id): (&str, &str),
        from_account: bool,
        content: Content,
    ) -> Result<String, Refusal> {
        let number = self.ids.draw(IdKind::Message);
        let kept_max = self.config.limits.messages_per_thread.max(20);
        let thread = self.open_thread(now_ms, ig_id, scoped_id)?;
        let mid = ids::mid(ig_id, &thread.number, &number);
        thread.updated_ms = now_ms;
        if from_account {
            // An answer through the API moves the thread out of the requests (contract 12.16),
            // unless it is the first word and the person has not written yet.
            if thread.last_inbound_ms.is_some() {
                thread.folder = Folder::Inbox;
            }
        } else {
            thread.last_inbound_ms = Some(now_ms);
            thread.window_opened_ms = Some(now_ms);
            thread.has_consent = true;
        }
        thread.messages.push_back(Message {
            mid: mid.clone(),
            sent_ms: now_ms,
            from_account,
            text: content.text,
            attachments: content.attachments,
            is_deleted: false,
            edits: 0,
            reaction: None,
        });
        let forgotten = (thread.messages.len() > kept_max)
            .then(|| thread.messages.pop_front())
            .flatten();
        if let Some(forgotten) = forgotten {
            self.mids.remove(&forgotten.mid);
        }
        self.mids
            .insert(mid.clone(), (ig_id.to_owned(), scoped_id.to_owned()));
        Ok(mid)
    }

    /// The message with this id and the thread it is in.
    pub(crate) fn message_mut(
        &mut self,
        mid: &str,
    ) -> Result<(&mut Message, String, String), Refusal> {
        let unknown = || Refusal::UnknownMessage(mid.to_owned());
        let key = self.mids.get(mid).cloned().ok_or_else(unknown)?;
        let thread = self.threads.get_mut(&key).ok_or_else(unknown)?;
        let message = thread
            .messages
            .iter_mut()
            .find(|message| message.mid == mid)
            .ok_or_else(unknown)?;
        Ok((message, key.0, key.1))
    }

    /// The thread of an account with a person.
    pub fn thread(&self, account: &str, person: &str) -> Result<Option<&Thread>, Refusal> {
        let ig_id = &self.find_account(account)?.ig_id;
        let Some(scoped_id) = self.find_person(person)?.igsids.get(ig_id) else {
            return Ok(None);
        };
        Ok(self.threads.get(&(ig_id.clone(), scoped_id.clone())))
    }
}
