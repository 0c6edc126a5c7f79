//! Finding out which media `media = "next"` stands for: the first one published after the
//! version of the automation.

use std::sync::Arc;

use hookline_meta::graph::{GraphClient, MediaItem};
use hookline_model::automation::MediaScope;
use hookline_model::backoff::Backoff;
use hookline_model::clock::{Clock, Timestamp};
use hookline_model::ids::{AccountId, MediaId};
use hookline_store::planning::{NextMedia, WaitingEvent};
use hookline_store::{Store, StoreError};

use crate::catalog::Catalogs;
use crate::interpret::Interpreter;
use crate::send::SendWorker;

/// Events looked at in one tick.
const BATCH: u32 = 50;

/// Reads what waiting events need and routes them.
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

    /// Reads the media of each waiting event whose time has come, and lets `interpreter` route
    /// it. Says how many were routed. What cannot be read waits longer, and is never routed on a
    /// guess.
    pub async fn tick(&mut self, interpreter: &mut Interpreter) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut ready = Vec::new();
        for waiting in self.store.waiting_events(now, BATCH).await? {
            if self.learn(&waiting).await? {
                ready.push(waiting);
            } else {
                let until = now.plus(Backoff::TRIES.after(waiting.tries + 1));
                self.store.wait_longer(waiting.id, until).await?;
            }
        }
        let routed = ready.len();
        if routed > 0 {
            interpreter.route_waiting(ready).await?;
        }
        Ok(routed)
    }

    async fn learn(&mut self, waiting: &WaitingEvent) -> Result<bool, StoreError> {
        let account = &waiting.event.account_id;
        let Some(media) = waiting.event.media_id() else {
            return Ok(true);
        };
        let Ok(caller) = self.sender.caller(account).await else {
            return Ok(false);
        };
        let Ok(read) = self.graph.read_media(&caller.sender(), media).await else {
            return Ok(false);
        };
        let Some(published_at) = read.value.created_at else {
            return Ok(false);
        };
        let Ok(listed) = self.graph.list_media(&caller.sender()).await else {
            return Ok(false);
        };
        let mut newest = listed.value;
        newest.push(MediaItem {
            id: media.clone(),
            created_at: published_at,
        });
        let bindings = self.bindings(account, &newest).await?;
        let times: Vec<(MediaId, Timestamp)> = newest
            .into_iter()
            .map(|item| (item.id, item.created_at))
            .collect();
        self.store
            .learn_media(account.clone(), times, bindings)
            .await?;
        Ok(true)
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
