//! Sends: messages, private replies, sender actions (contract section 5).

use serde_json::Value;

use super::{Call, GraphError, Host};
use crate::json::Json;
use crate::wire::{Attachment, AttachmentKind, ProductType, Reaction};
use crate::world::SecondReply;
use crate::world::World;
use crate::world::accounts::{Account, Login};
use crate::world::comments::Author;
use crate::world::inspect::{Sent, SentBy, SentKind};
use crate::world::owner::OutgoingMessage;
use crate::world::threads::{Content, WINDOW_MS};

/// 7 days: how long after its creation a comment may be answered privately (contract 5.8).
const PRIVATE_REPLY_MS: i64 = 7 * 24 * 3_600_000;
const TEXT_BYTES_MAX: usize = 1000;
const QUICK_REPLIES_MAX: usize = 13;
const ELEMENTS_MAX: usize = 10;
const BUTTONS_MAX: usize = 3;
const BUTTON_TEXT_CHARS_MAX: usize = 640;
const IMAGES_MAX: usize = 10;

impl World {
    /// The account a send is for: on `graph.facebook.com` the Page node and `me` send, the IG
    /// node does not.
    fn sending_account(&self, now_ms: i64, call: &Call) -> Result<&Account, GraphError> {
        let account = self.own_account(now_ms, call)?;
        let is_page = account.page_id.as_deref() == Some(call.subject());
        let names_page = call.subject() == "me" || is_page;
        if call.host == Host::Facebook && account.login == Login::Facebook && !names_page {
            return Err(GraphError::no_capability());
        }
        if !account.has_task("MESSAGING") {
            return Err(GraphError::no_task());
        }
        if account.is_blocked {
            return Err(GraphError::new(
                400,
                368,
                None,
                "(#368) The action attempted has been deemed abusive or is otherwise disallowed",
            ));
        }
        if !account.allows_message_access {
            return Err(GraphError::new(
                403,
                200,
                Some(2_534_041),
                "(#200) The owner of this account has turned off access to messages.",
            ));
        }
        Ok(account)
    }

    pub(super) fn send_direct_message(
        &mut self,
        now_ms: i64,
        call: &Call,
    ) -> Result<Json, GraphError> {
        let account = self.sending_account(now_ms, call)?;
        let (ig_id, own_igsid) = (account.ig_id.clone(), account.own_igsid.clone());
        if call.value("sender_action").is_some() {
            return Err(GraphError::new(
                400,
                100,
                Some(2_018_014),
                "(#100) A message and a sender action can not be sent together.",
            ));
        }
        let scoped_id = call
            .recipient_id()
            .ok_or_else(|| GraphError::invalid("The parameter recipient is required"))?;
        let message = call
            .object("message")
            .ok_or_else(|| GraphError::invalid("The parameter message is required"))?;
        let content = self.read_content(&message, &ig_id)?;
        if scoped_id != own_igsid {
            self.check_reachable(&ig_id, &scoped_id)?;
            self.check_window(now_ms, call, &ig_id, &scoped_id)?;
        }
        let effect = call.effect_asked_for().unwrap_or_default();
        let mid = self.send_message(
            now_ms,
            OutgoingMessage {
                ig_id: &ig_id,
                scoped_id: &scoped_id,
                content,
                kind: SentKind::Message,
                by: SentBy::Api,
                comment_id: None,
                message: Some(message),
                effect,
            },
        )?;
        Ok(Json::object()
            .with("recipient_id", scoped_id)
            .with("message_id", mid))
    }

    /// Whether the id is a person of this account who has not blocked it.
    fn check_reachable(&self, ig_id: &str, scoped_id: &str) -> Result<(), GraphError> {
        let scoped = self
            .scoped
            .get(scoped_id)
            .filter(|scoped| scoped.account == ig_id);
        let Some(scoped) = scoped else {
            return Err(GraphError::new(
                400,
                100,
                Some(2_534_014),
                "(#100) No matching Instagram user found for the given recipient id.",
            ));
        };
        let other_app = self
            .threads
            .get(&(ig_id.to_owned(), scoped_id.to_owned()))
            .and_then(|thread| thread.other_app.as_ref());
        if other_app.is_some() {
            return Err(GraphError::new(
                400,
                100,
                Some(2_534_037),
                "(#100) Another app is controlling this thread now.",
            ));
        }
        let person = self.people.get(&scoped.person);
        if person.is_some_and(|person| person.blocks.contains(ig_id)) {
            return Err(GraphError::new(
                400,
                551,
                Some(1_545_041),
                "(#551) This person isn't available right now.",
            ));
        }
        Ok(())
    }

    fn check_window(
        &self,
        now_ms: i64,
        call: &Call,
        ig_id: &str,
        scoped_id: &str,
    ) -> Result<(), GraphError> {
        let thread = self.threads.get(&(ig_id.to_owned(), scoped_id.to_owned()));
        let window_ms = match call.text("tag") {
            None => WINDOW_MS,
            Some("HUMAN_AGENT") if self.config.policy.has_human_agent => 7 * WINDOW_MS,
            Some("HUMAN_AGENT") => {
                return Err(GraphError::new(
                    403,
                    10,
                    None,
                    "(#10) Application does not have permission for this action",
                ));
            }
            Some(tag) => {
                return Err(GraphError::invalid(format!(
                    "The tag {tag} is not supported"
                )));
            }
        };
        let opened_ms = thread.and_then(|thread| thread.window_opened_ms);
        if opened_ms.is_some_and(|opened| now_ms < opened.saturating_add(window_ms)) {
            return Ok(());
        }
        Err(GraphError::outside_window().with_user_text(
            "Message not sent",
            "This message is sent outside of the allowed window.",
        ))
    }

    pub(super) fn send_private_reply(
        &mut self,
        now_ms: i64,
        call: &Call,
    ) -> Result<Json, GraphError> {
        let ig_id = self.sending_account(now_ms, call)?.ig_id.clone();
        let comment_id = call.comment_id().unwrap_or_default();
        let message = call
            .object("message")
            .ok_or_else(|| GraphError::invalid("The parameter message is required"))?;
        let content = self.read_content(&message, &ig_id)?;
        let scoped_id = self.check_private_reply(now_ms, &ig_id, &comment_id)?;
        let mid = self.send_message(
            now_ms,
            OutgoingMessage {
                ig_id: &ig_id,
                scoped_id: &scoped_id,
                content,
                kind: SentKind::PrivateReply,
                by: SentBy::Api,
                effect: format!("comment:{comment_id}"),
                comment_id: Some(comment_id),
                message: Some(message),
            },
        )?;
        Ok(Json::object()
            .with("recipient_id", scoped_id)
            .with("message_id", mid))
    }

    /// Whether a comment may be answered privately; answers the person's scoped id.
    fn check_private_reply(
        &self,
        now_ms: i64,
        ig_id: &str,
        comment_id: &str,
    ) -> Result<String, GraphError> {
        let comment = self
            .comments
            .get(comment_id)
            .filter(|comment| {
                comment.account == ig_id && !comment.is_deleted && !comment.is_mention
            })
            .ok_or_else(GraphError::not_replyable)?;
        let Author::Person { scoped_id, .. } = &comment.author else {
            return Err(GraphError::not_replyable());
        };
        if comment.private_reply.is_some() {
            let message = "(#100) The comment already has a reply.";
            return Err(match self.config.policy.second_reply {
                SecondReply::BadRequest => GraphError::new(400, 100, Some(2_534_023), message),
                SecondReply::ServerError => GraphError::new(500, -1, Some(2_534_023), message),
            });
        }
        self.check_reachable(ig_id, scoped_id)?;
        let media = self.find_media(&comment.media)?;
        let is_in_time = if media.product_type == ProductType::Live {
            media.is_on_air
        } else {
            now_ms < comment.created_ms.saturating_add(PRIVATE_REPLY_MS)
        };
        if is_in_time {
            Ok(scoped_id.clone())
        } else {
            Err(GraphError::outside_window())
        }
    }

    pub(super) fn sender_action(&mut self, now_ms: i64, call: &Call) -> Result<Json, GraphError> {
        let ig_id = self.sending_account(now_ms, call)?.ig_id.clone();
        let scoped_id = call
            .recipient_id()
            .ok_or_else(|| GraphError::invalid("The parameter recipient is required"))?;
        self.check_reachable(&ig_id, &scoped_id)?;
        let action = call.text("sender_action").unwrap_or_default();
        match action {
            "typing_on" | "typing_off" | "mark_seen" => {}
            "react" | "unreact" => self.react_as_account(now_ms, call, &ig_id, &scoped_id)?,
            other => {
                return Err(GraphError::invalid(format!(
                    "The sender action {other} is unknown"
                )));
            }
        }
        Ok(Json::object().with("recipient_id", scoped_id))
    }

    /// Reactions of the account produce no echo (contract 4.9).
    fn react_as_account(
        &mut self,
        now_ms: i64,
        call: &Call,
        ig_id: &str,
        scoped_id: &str,
    ) -> Result<(), GraphError> {
        let payload = call.object("payload").unwrap_or_default();
        let text = |key: &str| payload.get(key).and_then(Value::as_str).map(str::to_owned);
        let mid = text("message_id").unwrap_or_default();
        let reaction = (call.text("sender_action") == Some("react")).then(|| {
            let emoji = text("reaction").unwrap_or_else(|| "love".to_owned());
            Reaction {
                name: emoji.clone(),
                emoji,
            }
        });
        let (message, owner, person) = self.message_mut(&mid)?;
        if owner != ig_id || person != scoped_id {
            return Err(GraphError::missing(&mid));
        }
        message.reaction.clone_from(&reaction);
        let Some(reaction) = reaction else {
            return Ok(());
        };
        self.sent.push(Sent {
            kind: SentKind::Reaction,
            by: SentBy::Api,
            account: ig_id.to_owned(),
            person: self
                .scoped
                .get(scoped_id)
                .map(|scoped| scoped.person.clone()),
            recipient_id: Some(scoped_id.to_owned()),
            comment_id: None,
            media_id: None,
            text: Some(reaction.emoji),
            message: None,
            id: mid,
            at_ms: now_ms,
            calls: 0,
            effect: String::new(),
        });
        Ok(())
    }

    /// Checks a message object against contract 5.2 to 5.5 and keeps what a thread shows.
    fn read_content(&self, message: &Value, ig_id: &str) -> Result<Content, GraphError> {
        let text = message.get("text").and_then(Value::as_str);
        if let Some(text) = text {
            if text.is_empty() {
                return Err(GraphError::invalid(
                    "Param message[text] must be a non-empty UTF-8 encoded string",
                ));
            }
            if text.len() > TEXT_BYTES_MAX {
                return Err(GraphError::invalid(format!(
                    "Length of param message[text] must be less than or equal to {TEXT_BYTES_MAX}"
                )));
            }
        }
        check_quick_replies(message, text)?;
        let attachments = match (message.get("attachment"), message.get("attachments")) {
            (Some(_), Some(_)) => {
                return Err(invalid_message(
                    "attachment and attachments exclude each other",
                ));
            }
            (Some(Value::Object(one)), None) | (None, Some(Value::Object(one))) => {
                vec![self.read_attachment(&Value::Object(one.clone()), ig_id)?]
            }
            (None, Some(Value::Array(several))) if (1..=IMAGES_MAX).contains(&several.len()) => {
                several
                    .iter()
                    .map(|one| self.read_attachment(one, ig_id))
                    .collect::<Result<Vec<_>, _>>()?
            }
            (None, None) => Vec::new(),
            (Some(_), None) | (None, Some(_)) => {
                return Err(invalid_message("attachments are malformed"));
            }
        };
        if text.is_some() != attachments.is_empty() {
            return Err(invalid_message(
                "exactly one of text and attachment is needed",
            ));
        }
        Ok(Content {
            text: text.map(str::to_owned),
            attachments,
        })
    }

    fn read_attachment(&self, attachment: &Value, ig_id: &str) -> Result<Attachment, GraphError> {
        let payload = attachment.get("payload");
        let text = |key: &str| {
            payload
                .and_then(|payload| payload.get(key))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let kind = match attachment
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
        {
            "image" | "like_heart" => AttachmentKind::Image,
            "video" => AttachmentKind::Video,
            "audio" => AttachmentKind::Audio,
            "file" => AttachmentKind::File,
            "MEDIA_SHARE" => {
                let id = text("id").unwrap_or_default();
                let media = self.find_media(&id)?;
                if media.account.as_deref() != Some(ig_id) {
                    return Err(invalid_message("the post must be owned by the account"));
                }
                let (media_id, title) = (Some(id), media.caption.clone());
                let url = Some(media.permalink.clone());
                return Ok(Attachment {
                    kind: AttachmentKind::IgPost,
                    url,
                    media_id,
                    title,
                });
            }
            "template" => {
                check_template(payload)?;
                AttachmentKind::Template
            }
            _ => return Err(invalid_message("the attachment type is unknown")),
        };
        Ok(Attachment {
            kind,
            url: text("url"),
            media_id: None,
            title: None,
        })
    }
}

fn invalid_message(why: &str) -> GraphError {
    GraphError::new(
        400,
        100,
        Some(2_534_015),
        format!("(#100) Invalid message data: {why}"),
    )
}

fn check_quick_replies(message: &Value, text: Option<&str>) -> Result<(), GraphError> {
    let Some(replies) = message.get("quick_replies") else {
        return Ok(());
    };
    let replies = replies
        .as_array()
        .ok_or_else(|| invalid_message("quick_replies is no list"))?;
    if replies.len() > QUICK_REPLIES_MAX || text.is_none() {
        return Err(invalid_message(
            "at most 13 quick replies, and only beside a text",
        ));
    }
    let is_well_formed = |reply: &Value| match reply.get("content_type").and_then(Value::as_str) {
        Some("text") => reply.get("title").is_some() && reply.get("payload").is_some(),
        Some("user_phone_number" | "user_email") => true,
        Some(_) | None => false,
    };
    if replies.iter().all(is_well_formed) {
        Ok(())
    } else {
        Err(invalid_message(
            "a quick reply lacks content_type, title or payload",
        ))
    }
}

fn check_template(payload: Option<&Value>) -> Result<(), GraphError> {
    let part = |key: &str| payload.and_then(|payload| payload.get(key));
    match part("template_type").and_then(Value::as_str) {
        Some("generic") => {
            let elements = part("elements")
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            if !(1..=ELEMENTS_MAX).contains(&elements.len()) {
                return Err(invalid_message("a generic template has 1 to 10 elements"));
            }
            for element in elements {
                let title = element
                    .get("title")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let keys = element.as_object().map_or(0, serde_json::Map::len);
                if title.is_empty() || title.chars().count() > 80 || keys < 2 {
                    return Err(invalid_message(
                        "an element needs a title of at most 80 characters and one more property",
                    ));
                }
                check_buttons(element.get("buttons"), 0)?;
            }
            Ok(())
        }
        Some("button") => {
            let text = part("text").and_then(Value::as_str).unwrap_or_default();
            if text.is_empty() || text.chars().count() > BUTTON_TEXT_CHARS_MAX {
                return Err(invalid_message(
                    "a button template needs a text of at most 640 characters",
                ));
            }
            check_buttons(part("buttons"), 1)
        }
        Some(_) | None => Err(invalid_message("the template type is unknown")),
    }
}

fn check_buttons(buttons: Option<&Value>, count_min: usize) -> Result<(), GraphError> {
    let buttons = buttons
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let is_well_formed = |button: &Value| match button.get("type").and_then(Value::as_str) {
        Some("web_url") => button.get("url").is_some() && button.get("title").is_some(),
        Some("postback") => button.get("payload").is_some() && button.get("title").is_some(),
        Some(_) | None => false,
    };
    if (count_min..=BUTTONS_MAX).contains(&buttons.len()) && buttons.iter().all(is_well_formed) {
        Ok(())
    } else {
        Err(invalid_message(
            "1 to 3 buttons of type web_url or postback",
        ))
    }
}
