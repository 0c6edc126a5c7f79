//! Finding out which media `media = "next"` stands for: the first one published after the
//! version of the automation.

use std::sync::Arc;

use hookline_meta::graph::{CallFailure, ErrorClass, GraphClient, MediaItem, Sender};
use hookline_model::automation::MediaScope;
use hookline_model::backoff::Backoff;
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::ids::{AccountId, MediaId};
use hookline_store::planning::{NextMedia, WaitAnswer, WaitingEvent};
use hookline_store::{Store, StoreError};

use crate::catalog::Catalogs;
use crate::send::SendWorker;

/// Events looked at in one tick.
const BATCH: u32 = 50;

/// Reads that may fail before the event is routed without: about an hour, all waits together. An
/// automation for the next media then says that it could not know, and holds nobody else back.
const TRIES_MAX: u32 = 15;

/// Reads what waiting events need.
pub struct MediaReader {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    graph: Arc<GraphClient>,
    catalogs: Catalogs,
    sender: SendWorker,
}

impl MediaReader {
    /// A reader that asks Meta through `graph`.
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        graph: Arc<GraphClient>,
        sender: SendWorker,
    ) -> Self {
        let catalogs = Catalogs::new(Arc::clone(&store));
        Self {
            store,
            clock,
            graph,
            catalogs,
            sender,
        }
    }

    /// Reads the media of each waiting event whose time has come, and says how many need not wait
    /// any longer. What cannot be read now waits, bounded; nothing is routed on a guess.
    pub async fn tick(&mut self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut answered = 0;
        for waiting in self.store.waiting_events(now, BATCH).await? {
            let answer = match self.learn(&waiting).await? {
                None if waiting.tries >= TRIES_MAX => {
                    tracing::warn!(event = %waiting.id, "its media was asked for in vain");
                    Some(WaitAnswer::Unreadable)
                }
                answer => answer,
            };
            if let Some(answer) = answer {
                self.store.answer_waiting(waiting.id, answer).await?;
                answered += 1;
            } else {
                let until = now.plus(Backoff::TRIES.after(waiting.tries + 1));
                self.store.wait_longer(waiting.id, until).await?;
            }
        }
        Ok(answered)
    }

    /// What Meta says of the event's media; nothing when it may say more later.
    async fn learn(&mut self, waiting: &WaitingEvent) -> Result<Option<WaitAnswer>, StoreError> {
        let account = &waiting.event.account_id;
        let Some(media) = waiting.event.media_id() else {
            return Ok(Some(WaitAnswer::Known));
        };
        let Ok(caller) = self.sender.caller(account).await else {
            return Ok(None);
        };
        let newest = match self.read(&caller.sender(), media).await {
            Ok(Some(newest)) => newest,
            Ok(None) => return Ok(Some(WaitAnswer::Unreadable)),
            Err(failure) if is_final(&failure) => return Ok(Some(WaitAnswer::Unreadable)),
            Err(_) => return Ok(None),
        };
        let bindings = self.bindings(account, &newest).await?;
        let times: Vec<(MediaId, Timestamp)> = newest
            .into_iter()
            .map(|item| (item.id, item.created_at))
            .collect();
        self.store
            .learn_media(account.clone(), times, bindings)
            .await?;
        Ok(Some(WaitAnswer::Known))
    }

    /// The account's newest media and this one; none when Meta does not say when it was published.
    async fn read(
        &self,
        sender: &Sender<'_>,
        media: &MediaId,
    ) -> Result<Option<Vec<MediaItem>>, CallFailure> {
        let read = self.graph.read_media(sender, media).await?.value;
        let Some(created_at) = read.created_at else {
            return Ok(None);
        };
        let mut newest = self.graph.list_media(sender).await?.value;
        newest.push(MediaItem {
            id: media.clone(),
            created_at,
        });
        Ok(Some(newest))
    }

    async fn bindings(
        &mut self,
        account: &AccountId,
        newest: &[MediaItem],
    ) -> Result<Vec<NextMedia>, StoreError> {
        let catalog = self.catalogs.current().await?;
        let wanting = catalog
            .rules
            .iter()
            .filter(|rule| rule.automation.trigger.media == MediaScope::Next);
        Ok(wanting
            .filter_map(|rule| {
                let first = newest
                    .iter()
                    .filter(|item| item.created_at >= rule.published_at)
                    .min_by_key(|item| item.created_at)?;
                Some(NextMedia {
                    automation_id: rule.id,
                    version: rule.version,
                    account_id: account.clone(),
                    media_id: first.id.clone(),
                })
            })
            .collect())
    }
}

/// Whether asking again would be answered the same.
fn is_final(failure: &CallFailure) -> bool {
    match failure.class() {
        Some(
            ErrorClass::Content
            | ErrorClass::ContentOrPermission
            | ErrorClass::User
            | ErrorClass::Done
            | ErrorClass::DoneOrPermanent
            | ErrorClass::Window
            | ErrorClass::Route,
        ) => true,
        Some(
            ErrorClass::Token(_)
            | ErrorClass::Permission
            | ErrorClass::Throttle
            | ErrorClass::Retry
            | ErrorClass::Ambiguous
            | ErrorClass::Blocked,
        ) => false,
        None => matches!(failure, CallFailure::NotWritten(_)),
    }
}
