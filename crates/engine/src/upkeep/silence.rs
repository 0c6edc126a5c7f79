//! Whether events still come when there is something to tell.
//!
//! Two signs are looked for. Comments on the account's media whose events never came are proof. A
//! pause far longer than any of late is a suspicion.

use std::collections::BTreeMap;
use std::time::Duration;

use hookline_meta::graph::{CallFailure, CommentRead, CommentThread};
use hookline_model::alert::AlertCode;
use hookline_model::clock::Timestamp;
use hookline_model::ids::{CommentId, MediaId};
use hookline_model::upkeep::{GapCause, Task};
use hookline_store::StoreError;
use hookline_store::upkeep::DueTask;
use serde::{Deserialize, Serialize};

use super::{Next, Upkeep};
use crate::caller::Caller;

/// How long an event may be on its way before its comment counts as missed. Meta's own repeats of
/// a failed delivery come within that time or much later.
const ON_ITS_WAY: Duration = Duration::from_mins(3);

/// Media looked into at one time: those that gained most.
const MEDIA_LOOKED_INTO: usize = 3;

/// Newest events whose pauses show the usual rhythm, and how few of them show none.
const RHYTHM_EVENTS: u32 = 50;
const RHYTHM_EVENTS_MIN: usize = 20;

/// No pause shorter than this is a sign of anything.
const PAUSE_MIN: Duration = Duration::from_hours(6);

/// How many times as long as the longest usual pause a pause must be.
const PAUSES: u32 = 3;

/// What is remembered from one look to the next.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Memo {
    /// When comments were counted last, in milliseconds.
    at: i64,
    /// How many comments each of the newest media had.
    #[serde(default)]
    counts: BTreeMap<String, u64>,
    /// Whether they were counted at all.
    #[serde(default)]
    has_counted: bool,
}

impl Upkeep {
    /// Compares what there is with what was told.
    pub(super) async fn silence(
        &self,
        task: &DueTask,
        caller: &Caller,
    ) -> Result<Next, StoreError> {
        let every = self.settings.listen_every;
        let now = self.clock.now();
        let memo: Option<Memo> = task
            .memo
            .clone()
            .and_then(|memo| serde_json::from_value(memo).ok());
        let Some(memo) = memo else {
            // Just connected: nothing can be missing yet.
            let memo = Memo {
                at: now.as_millis(),
                ..Memo::default()
            };
            return Ok(Next::After(every, serde_json::to_value(memo).ok()));
        };
        let counts = match self.count_comments(caller).await {
            Ok(counts) => counts,
            Err(failure) => return self.failed(caller, &failure).await,
        };
        let mut missed = 0;
        if memo.has_counted {
            for media in gained(&memo.counts, &counts) {
                match self.untold(caller, &media, now).await? {
                    Ok(untold) => missed += untold,
                    Err(failure) => return self.failed(caller, &failure).await,
                }
            }
        }
        self.judge(caller, missed, Timestamp::from_millis(memo.at), now)
            .await?;
        let memo = Memo {
            at: now.as_millis(),
            counts,
            has_counted: true,
        };
        Ok(Next::After(every, serde_json::to_value(memo).ok()))
    }

    async fn count_comments(&self, caller: &Caller) -> Result<BTreeMap<String, u64>, CallFailure> {
        let page = self
            .graph
            .list_media_page(&caller.sender(), None)
            .await?
            .value;
        let counts = page.items.into_iter().filter_map(|media| {
            let count = media.comments_count?;
            Some((media.id.to_string(), count))
        });
        Ok(counts.collect())
    }

    /// Comments on a media whose events should have come by now and did not.
    async fn untold(
        &self,
        caller: &Caller,
        media: &MediaId,
        now: Timestamp,
    ) -> Result<Result<usize, CallFailure>, StoreError> {
        let page = self
            .graph
            .list_comments(&caller.sender(), media, None)
            .await;
        let threads = match page {
            Ok(page) => page.value.items,
            Err(failure) => return Ok(Err(failure)),
        };
        // What was there before the account was connected was never to be told.
        let since = caller.connected_at();
        let until = now.minus(ON_ITS_WAY);
        let asked: Vec<CommentId> = threads
            .iter()
            .flat_map(comments_of)
            .filter(|comment| comment.created_at > since && comment.created_at < until)
            .filter(|comment| !is_own(comment, caller))
            .map(|comment| comment.id.clone())
            .collect();
        let count = asked.len();
        let known = self
            .store
            .known_comments(caller.account().clone(), asked)
            .await?;
        Ok(Ok(count - known.len()))
    }

    /// Raises or resolves the alarm, and has read back what is missing.
    async fn judge(
        &self,
        caller: &Caller,
        missed: usize,
        looked_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let account = caller.account();
        let events = self
            .store
            .newest_events(account.clone(), RHYTHM_EVENTS)
            .await?;
        let newest = events.first().copied();
        let detail = if missed > 0 {
            let gap = (looked_at.minus(ON_ITS_WAY), now);
            self.store
                .note_gap(account.clone(), GapCause::Silence, gap, (now, now))
                .await?;
            // While events come, a few missed ones are told when they are read back.
            let is_silent = newest.is_none_or(|newest| newest < looked_at);
            is_silent.then(|| format!("{missed} comments were found whose events never came"))
        } else {
            suspicion(&events, now)
        };
        let Some(detail) = detail else {
            return self.resolve(AlertCode::AccountSilent, Some(account)).await;
        };
        for task in [Task::AppSubscription, Task::Subscription] {
            let whose = (task == Task::Subscription).then(|| account.clone());
            self.store.hasten_task(task, whose, now).await?;
        }
        self.raise(AlertCode::AccountSilent, Some(account), detail, None)
            .await
    }
}

/// A comment and its replies, as far as they came along.
pub(super) fn comments_of(thread: &CommentThread) -> impl Iterator<Item = &CommentRead> {
    std::iter::once(&thread.comment).chain(&thread.replies)
}

/// Whether the account itself wrote it.
pub(super) fn is_own(comment: &CommentRead, caller: &Caller) -> bool {
    let by_id = comment.from.as_ref().map(|from| from.id.as_str());
    by_id.is_some_and(|id| caller.is(id))
        || comment
            .username
            .as_deref()
            .is_some_and(|name| caller.is_named(name))
}

/// The media that have more comments than before, those first that gained most.
fn gained(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Vec<MediaId> {
    let mut gained: Vec<(u64, &String)> = now
        .iter()
        .map(|(media, count)| {
            let had = before.get(media).copied().unwrap_or_default();
            (count.saturating_sub(had), media)
        })
        .filter(|(gain, _)| *gain > 0)
        .collect();
    gained.sort_by(|one, other| other.cmp(one));
    gained
        .into_iter()
        .take(MEDIA_LOOKED_INTO)
        .map(|(_, media)| MediaId::new(media.as_str()))
        .collect()
}

/// Why the pause since the newest event is odd, if it is. `events` are newest first.
fn suspicion(events: &[Timestamp], now: Timestamp) -> Option<String> {
    let newest = events.first().copied()?;
    if events.len() < RHYTHM_EVENTS_MIN {
        return None;
    }
    let pauses = events
        .iter()
        .zip(events.iter().skip(1))
        .map(|(later, earlier)| later.since(*earlier));
    let usual = pauses.max()?;
    let pause = now.since(newest);
    if pause < PAUSE_MIN || pause < usual * PAUSES {
        return None;
    }
    Some(format!(
        "the last event came at {newest}; no pause among the {} before it was longer than {} minutes",
        events.len(),
        usual.as_secs().div_euclid(60)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000).plus(Duration::from_secs(60 * minutes))
    }

    /// One event every half hour, newest first.
    fn rhythm(events: u64) -> Vec<Timestamp> {
        (0..events).rev().map(|place| at(30 * place)).collect()
    }

    #[test]
    fn a_pause_is_odd_only_beside_the_usual_ones() {
        let events = rhythm(30);
        let last = 30 * 29;
        assert_eq!(suspicion(&events, at(last + 6 * 60 - 1)), None);
        assert!(suspicion(&events, at(last + 6 * 60)).is_some());
        let mut with_a_night = events;
        // Each night nobody comments for eight hours.
        for event in with_a_night.iter_mut().skip(10) {
            *event = event.minus(Duration::from_hours(8));
        }
        assert_eq!(suspicion(&with_a_night, at(last + 20 * 60)), None);
        assert!(suspicion(&with_a_night, at(last + 26 * 60)).is_some());
    }

    #[test]
    fn few_events_have_no_rhythm() {
        assert_eq!(suspicion(&[], at(9_999)), None);
        assert_eq!(suspicion(&rhythm(19), at(99_999)), None);
    }

    #[test]
    fn those_that_gained_most_are_looked_into() {
        let counts = |counts: &[(&str, u64)]| -> BTreeMap<String, u64> {
            let owned = counts
                .iter()
                .map(|(media, count)| ((*media).to_owned(), *count));
            owned.collect()
        };
        let before = counts(&[("a", 5), ("b", 5), ("c", 5), ("d", 9)]);
        let now = counts(&[("a", 6), ("b", 5), ("c", 9), ("d", 2), ("e", 2), ("f", 3)]);
        let found = gained(&before, &now);
        assert_eq!(found, ["c", "f", "e"].map(MediaId::new));
    }
}
