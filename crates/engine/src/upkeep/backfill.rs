//! Backfill: what an account missed is read back and goes the way every delivery goes.
//!
//! One run reads a few pages and keeps how far it has come, so that a crash repeats a page at most,
//! which changes nothing: what is known is left out, and what comes twice is one event.

use std::time::Duration;

use hookline_meta::backfill::{self, Missed};
use hookline_meta::graph::{
    CallFailure, CommentRead, CommentThread, ConversationId, ConversationMessage, ErrorClass,
    MoreReplies,
};
use hookline_model::alert::AlertCode;
use hookline_model::clock::Timestamp;
use hookline_model::conversation::{private_reply_deadline, window_closes_at};
use hookline_model::ids::{CommentId, ContactId, MediaId, MessageId};
use hookline_model::limits::PRIVATE_REPLY_WINDOW;
use hookline_store::StoreError;
use hookline_store::gaps::{Gap, GapState};
use serde::{Deserialize, Serialize};

use super::silence::is_own;
use super::{Next, Upkeep};
use crate::caller::Caller;

/// Calls of one run, before others have their turn.
const CALLS_A_RUN: u32 = 10;

/// How soon the next run follows: Meta allows two reads of conversations a second (contract 7).
const RUN_EVERY: Duration = Duration::from_secs(1);

/// How long a reader with nothing to read waits to be told of a gap.
const IDLE: Duration = Duration::from_hours(24);

/// How far around a gap is read: Meta's times are whole seconds, and clocks differ.
const MARGIN: Duration = Duration::from_mins(1);

/// Most media whose comments are read back, newest first.
const MEDIA_MAX: usize = 200;

/// Most pages of comments of one media: 100,000 comments.
const COMMENT_PAGES_MAX: u32 = 2_000;

/// Most pages of replies under one comment, beyond those that come along.
const REPLY_PAGES_MAX: u32 = 20;

/// How far reading has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Progress {
    stage: Stage,
    /// Media whose comments are still to be read; the first one is being read.
    #[serde(default)]
    media: Vec<MediaId>,
    /// Where the list being read goes on.
    #[serde(default)]
    after: Option<String>,
    /// Pages read of that list.
    #[serde(default)]
    pages: u32,
    /// Conversations still to be read, of the page that was listed last.
    #[serde(default)]
    conversations: Vec<ConversationId>,
    /// Whether none that matter are listed behind them.
    #[serde(default)]
    is_listed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Which media there are.
    #[default]
    Media,
    /// Their comments.
    Comments,
    /// The conversations.
    Conversations,
    /// Nothing more.
    Over,
}

impl Progress {
    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.after = None;
        self.pages = 0;
        self.is_listed = false;
    }
}

/// Why a run ended early.
enum Trouble {
    Call(CallFailure),
    Store(StoreError),
}

impl From<CallFailure> for Trouble {
    fn from(failure: CallFailure) -> Self {
        Self::Call(failure)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Upkeep {
    /// Reads the account's oldest gap back, a few pages a run.
    pub(super) async fn backfill(&self, caller: &Caller) -> Result<Next, StoreError> {
        let Some(mut gap) = self.store.next_gap(caller.account().clone()).await? else {
            self.resolve(AlertCode::EventsMissed, Some(caller.account()))
                .await?;
            return Ok(Next::After(IDLE, None));
        };
        let progress = gap.progress.take();
        let mut progress: Progress = progress
            .and_then(|progress| serde_json::from_value(progress).ok())
            .unwrap_or_default();
        gap.state = GapState::Reading;
        let mut trouble = None;
        let mut calls = 0;
        while progress.stage != Stage::Over && calls < self.calls_a_run(progress.stage) {
            calls += 1;
            match self.step(caller, &mut gap, &mut progress).await {
                Ok(()) => {}
                Err(Trouble::Call(failure)) => {
                    trouble = Some(failure);
                    break;
                }
                Err(Trouble::Store(error)) => return Err(error),
            }
        }
        let now = self.clock.now();
        let is_over = progress.stage == Stage::Over;
        let is_too_old = now.since(gap.ends_at) > PRIVATE_REPLY_WINDOW;
        if is_over || (trouble.is_some() && is_too_old) {
            gap.state = if is_over {
                GapState::Read
            } else {
                GapState::GivenUp
            };
            gap.finished_at = Some(now);
            self.report(caller, &gap).await?;
        } else {
            gap.progress = serde_json::to_value(&progress).ok();
        }
        let is_finished = gap.finished_at.is_some();
        self.store.keep_gap(gap).await?;
        if let Some(failure) = trouble {
            return self.failed(caller, &failure).await;
        }
        let account = caller.account().clone();
        if is_finished && self.store.next_gap(account).await?.is_none() {
            // What was told of it stays open until then.
            return Ok(Next::After(IDLE, None));
        }
        Ok(Next::At(now.plus(RUN_EVERY), None))
    }

    /// Conversations have a limit of their own, by the second.
    fn calls_a_run(&self, stage: Stage) -> u32 {
        match stage {
            Stage::Conversations => self.settings.conversation_reads.max(1),
            Stage::Media | Stage::Comments | Stage::Over => CALLS_A_RUN,
        }
    }

    /// One step: about one call.
    async fn step(
        &self,
        caller: &Caller,
        gap: &mut Gap,
        progress: &mut Progress,
    ) -> Result<(), Trouble> {
        match progress.stage {
            Stage::Media => self.list_media(caller, progress).await,
            Stage::Comments => self.read_comments(caller, gap, progress).await,
            Stage::Conversations => self.read_conversation(caller, gap, progress).await,
            Stage::Over => Ok(()),
        }
    }

    async fn list_media(&self, caller: &Caller, progress: &mut Progress) -> Result<(), Trouble> {
        let sender = caller.sender();
        let page = self
            .graph
            .list_media_page(&sender, progress.after.as_deref())
            .await?
            .value;
        let commented = page
            .items
            .into_iter()
            .filter(|media| media.comments_count != Some(0))
            .map(|media| media.id);
        progress.media.extend(commented);
        progress.media.truncate(MEDIA_MAX);
        progress.after = page.after;
        if progress.after.is_none() || progress.media.len() >= MEDIA_MAX {
            progress.enter(Stage::Comments);
        }
        Ok(())
    }

    async fn read_comments(
        &self,
        caller: &Caller,
        gap: &mut Gap,
        progress: &mut Progress,
    ) -> Result<(), Trouble> {
        let Some(media) = progress.media.first().cloned() else {
            progress.enter(Stage::Conversations);
            return Ok(());
        };
        let sender = caller.sender();
        let after = progress.after.as_deref();
        let page = match self.graph.list_comments(&sender, &media, after).await {
            Ok(page) => page.value,
            Err(failure) if is_about_the_object(&failure) => {
                tracing::info!(%media, reason = failure.reason(), "comments cannot be read back");
                progress.media.remove(0);
                progress.enter(Stage::Comments);
                return Ok(());
            }
            Err(failure) => return Err(failure.into()),
        };
        let begins = gap.begins_at.minus(MARGIN);
        let reaches_back = page
            .items
            .last()
            .is_some_and(|oldest| oldest.comment.created_at < begins);
        let mut comments = Vec::new();
        for thread in page.items {
            self.take_thread(caller, thread, &media, &mut comments)
                .await?;
        }
        self.take_comments(caller, gap, comments).await?;
        progress.pages += 1;
        progress.after = page.after;
        if reaches_back || progress.after.is_none() || progress.pages >= COMMENT_PAGES_MAX {
            progress.media.remove(0);
            progress.enter(Stage::Comments);
        }
        Ok(())
    }

    /// A comment with all its replies; each knows the media, which lists leave out.
    async fn take_thread(
        &self,
        caller: &Caller,
        thread: CommentThread,
        media: &MediaId,
        comments: &mut Vec<CommentRead>,
    ) -> Result<(), Trouble> {
        let parent = thread.comment.id.clone();
        let mut replies = thread.replies;
        let mut after = match thread.more {
            MoreReplies::None => None,
            MoreReplies::After(after) => Some(Some(after)),
            MoreReplies::Unplaced => Some(None),
        };
        for _ in 0..REPLY_PAGES_MAX {
            let Some(place) = after.take() else { break };
            let read = self
                .graph
                .read_replies(&caller.sender(), &parent, place.as_deref())
                .await?
                .value;
            replies.extend(read.replies);
            after = read.after.map(Some);
        }
        let placed = |mut comment: CommentRead| {
            comment.media_id.get_or_insert_with(|| media.clone());
            comment
        };
        comments.push(placed(thread.comment));
        comments.extend(replies.into_iter().map(|mut reply| {
            reply.parent_id.get_or_insert_with(|| parent.clone());
            placed(reply)
        }));
        Ok(())
    }

    /// Records the comments of the gap whose events never came.
    async fn take_comments(
        &self,
        caller: &Caller,
        gap: &mut Gap,
        comments: Vec<CommentRead>,
    ) -> Result<(), Trouble> {
        let within: Vec<CommentRead> = comments
            .into_iter()
            .filter(|comment| is_within(gap, comment.created_at))
            .filter(|comment| !is_own(comment, caller))
            .collect();
        let ids: Vec<CommentId> = within.iter().map(|comment| comment.id.clone()).collect();
        let known = self
            .store
            .known_comments(caller.account().clone(), ids)
            .await?;
        let now = self.clock.now();
        let mut missed = Vec::new();
        for comment in within {
            if known.contains(&comment.id) {
                continue;
            }
            gap.found.comments += 1;
            let is_late = now >= private_reply_deadline(comment.created_at);
            gap.found.too_late += u32::from(is_late);
            missed.push(Missed::Comment(Box::new(comment)));
        }
        self.record(caller, &missed, now).await
    }

    /// Reads one conversation that something was said in since the gap began; or lists the next
    /// ones.
    async fn read_conversation(
        &self,
        caller: &Caller,
        gap: &mut Gap,
        progress: &mut Progress,
    ) -> Result<(), Trouble> {
        let Some(conversation) = progress.conversations.pop() else {
            if progress.is_listed {
                progress.enter(Stage::Over);
                return Ok(());
            }
            return self.list_conversations(caller, gap, progress).await;
        };
        let sender = caller.sender();
        match self.graph.list_messages(&sender, &conversation).await {
            Ok(read) => self.take_messages(caller, gap, read.value).await,
            Err(failure) if is_about_the_object(&failure) => Ok(()),
            Err(failure) => {
                progress.conversations.push(conversation);
                Err(failure.into())
            }
        }
    }

    async fn list_conversations(
        &self,
        caller: &Caller,
        gap: &Gap,
        progress: &mut Progress,
    ) -> Result<(), Trouble> {
        let after = progress.after.as_deref();
        let listed = self.graph.list_conversations(&caller.sender(), after).await;
        let page = match listed {
            Ok(page) => page.value,
            Err(failure) if is_about_the_object(&failure) => {
                let reason = failure.reason();
                tracing::warn!(account = %caller.account(), reason, "messages cannot be read back");
                progress.enter(Stage::Over);
                return Ok(());
            }
            Err(failure) => return Err(failure.into()),
        };
        let begins = gap.begins_at.minus(MARGIN);
        let count = page.items.len();
        let recent = page
            .items
            .into_iter()
            .take_while(|listed| listed.updated_at.is_none_or(|at| at >= begins));
        progress.conversations = recent.map(|listed| listed.id).collect();
        // They are newest first: behind an old one there are only older ones.
        progress.is_listed = page.after.is_none() || progress.conversations.len() < count;
        progress.conversations.reverse();
        progress.after = page.after;
        Ok(())
    }

    /// Records the contact's messages of the gap whose events never came.
    async fn take_messages(
        &self,
        caller: &Caller,
        gap: &mut Gap,
        messages: Vec<ConversationMessage>,
    ) -> Result<(), Trouble> {
        let within: Vec<(ContactId, ConversationMessage)> = messages
            .into_iter()
            .filter(|message| is_within(gap, message.created_at))
            .filter_map(|message| {
                let from = message.from_id.clone().filter(|id| !caller.is(id))?;
                Some((ContactId::new(from), message))
            })
            .filter(|(_, message)| !is_from_page(message, caller))
            .collect();
        let ids: Vec<MessageId> = within.iter().map(|(_, read)| read.id.clone()).collect();
        let known = self
            .store
            .known_messages(caller.account().clone(), ids)
            .await?;
        let now = self.clock.now();
        let mut missed = Vec::new();
        for (contact, message) in within {
            if known.contains(&message.id) {
                continue;
            }
            gap.found.messages += 1;
            let is_late = now >= window_closes_at(message.created_at);
            gap.found.too_late += u32::from(is_late);
            missed.push(Missed::Message { contact, message });
        }
        // Oldest first, as they would have come.
        missed.reverse();
        self.record(caller, &missed, now).await
    }

    async fn record(
        &self,
        caller: &Caller,
        missed: &[Missed],
        now: Timestamp,
    ) -> Result<(), Trouble> {
        if missed.is_empty() {
            return Ok(());
        }
        let body = backfill::delivery_body(caller.account(), now, missed);
        self.store.record_backfill(body, now).await?;
        self.recorded.notify_one();
        Ok(())
    }

    /// Says what came of a gap.
    async fn report(&self, caller: &Caller, gap: &Gap) -> Result<(), StoreError> {
        let text = told(gap);
        let account = caller.account();
        let found = gap.found;
        if found.comments + found.messages == 0 && gap.state == GapState::Read {
            tracing::info!(%account, "{text}");
            return Ok(());
        }
        tracing::warn!(%account, "{text}");
        // Each gap is told of, also while the alert of the one before is open.
        let step = u32::try_from(gap.id).ok();
        self.raise(AlertCode::EventsMissed, Some(account), text, step)
            .await
    }
}

/// A gap in one sentence.
fn told(gap: &Gap) -> String {
    let found = gap.found;
    let missed = found.comments + found.messages;
    let mut text = format!(
        "{} comments and {} messages missed from {} to {} ({}), {} recovered, {} past their window",
        found.comments,
        found.messages,
        gap.begins_at,
        gap.ends_at,
        gap.cause.as_str(),
        missed - found.too_late.min(missed),
        found.too_late,
    );
    if gap.state == GapState::GivenUp {
        text.push_str("; not all of it could be read back in time");
    }
    text
}

fn is_within(gap: &Gap, at: Timestamp) -> bool {
    at >= gap.begins_at.minus(MARGIN) && at <= gap.ends_at.plus(MARGIN)
}

/// With Facebook Login the Page may stand where the account is meant.
fn is_from_page(message: &ConversationMessage, caller: &Caller) -> bool {
    let page = caller.login().page_id();
    page.is_some_and(|page| message.from_id.as_deref() == Some(page.as_str()))
}

/// Whether the failure is about what was asked for, so that asking for other things may go well.
fn is_about_the_object(failure: &CallFailure) -> bool {
    matches!(
        failure.class(),
        Some(
            ErrorClass::Content
                | ErrorClass::ContentOrPermission
                | ErrorClass::Permission
                | ErrorClass::User
                | ErrorClass::Done
                | ErrorClass::DoneOrPermanent
                | ErrorClass::Window
                | ErrorClass::Route
        )
    )
}
