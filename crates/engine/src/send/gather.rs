//! Steps of several sends that share one transaction.
//!
//! Whoever asks first waits until everybody who is ready has run, takes what has come meanwhile,
//! and asks the store for all of it at once; nobody waits for a clock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hookline_store::StoreError;
use tokio::sync::oneshot;

/// Most questions of one transaction: bounds how long a delivery waits behind it.
const TOGETHER_MAX: usize = 64;

type Answer<A> = Result<A, StoreError>;
type Waiting<Q, A> = Vec<(Q, oneshot::Sender<Answer<A>>)>;

/// Gathers questions of one kind.
pub(super) struct Gather<Q, A> {
    waiting: Mutex<Waiting<Q, A>>,
}

impl<Q, A> Gather<Q, A> {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::new(Vec::new()),
        }
    }

    /// Asks, together with whoever else asks now. `settle` answers every question, in order; it is
    /// called only if it falls to this one to ask for all. When the one who asks is dropped, the
    /// others hear that the store is closed: whether their step was taken is unknown to them, as
    /// after a crash.
    pub(super) async fn ask<S, F>(&self, question: Q, settle: S) -> Answer<A>
    where
        S: FnOnce(Vec<Q>) -> F,
        F: Future<Output = Vec<Answer<A>>>,
    {
        let (reply, answer) = oneshot::channel();
        if let Some(gathered) = self.gather((question, reply)).await {
            let (questions, replies): (Vec<_>, Vec<_>) = gathered.into_iter().unzip();
            for (reply, answer) in replies.into_iter().zip(settle(questions).await) {
                // Who gave up waiting finds out from the database.
                let _ = reply.send(answer);
            }
        }
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// What is to be asked for now, if it falls to this one.
    async fn gather(&self, asked: (Q, oneshot::Sender<Answer<A>>)) -> Option<Waiting<Q, A>> {
        let place = {
            let mut waiting = self.lock();
            waiting.push(asked);
            if waiting.len() >= TOGETHER_MAX {
                return Some(std::mem::take(&mut waiting));
            }
            waiting.len()
        };
        if place > 1 {
            return None;
        }
        let first = First(self);
        tokio::task::yield_now().await;
        let waiting = std::mem::take(&mut *self.lock());
        std::mem::forget(first);
        (!waiting.is_empty()).then_some(waiting)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<Q, A>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets those who rely on the first go when it is dropped before it could ask.
struct First<'a, Q, A>(&'a Gather<Q, A>);

impl<Q, A> Drop for First<'_, Q, A> {
    fn drop(&mut self) {
        self.0.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, pending, ready};

    use futures_util::future::{join_all, poll_immediate};

    use super::*;

    fn doubled(questions: Vec<u32>, batches: &Mutex<Vec<usize>>) -> Ready<Vec<Answer<u32>>> {
        batches.lock().unwrap().push(questions.len());
        ready(questions.into_iter().map(|asked| Ok(asked * 2)).collect())
    }

    #[tokio::test]
    async fn whoever_is_ready_shares_a_transaction_and_each_gets_the_own_answer() {
        let (gather, batches) = (Gather::new(), Mutex::default());
        let all = (0..150).map(|asked| gather.ask(asked, |all| doubled(all, &batches)));
        let answers = join_all(all).await;
        for (asked, answer) in (0..).zip(answers) {
            assert_eq!(answer.unwrap(), asked * 2);
        }
        let sizes = batches.into_inner().unwrap();
        assert_eq!(sizes.iter().sum::<usize>(), 150);
        assert!(sizes.len() <= 3, "{sizes:?}");
    }

    #[tokio::test]
    async fn nobody_waits_for_one_who_was_dropped() {
        let (gather, batches) = (Gather::new(), Mutex::default());
        let mut first = Box::pin(gather.ask(1, |all| doubled(all, &batches)));
        assert!(poll_immediate(&mut first).await.is_none());
        let mut second = Box::pin(gather.ask(2, |all| doubled(all, &batches)));
        assert!(poll_immediate(&mut second).await.is_none());
        drop(first);
        assert!(matches!(second.await, Err(StoreError::Closed)));
        let third = gather.ask(3, |all| doubled(all, &batches)).await;
        assert_eq!(third.unwrap(), 6);
    }

    #[tokio::test]
    async fn a_failed_commit_is_the_answer_to_everybody() {
        let gather = Gather::<u32, u32>::new();
        let failed = |all: Vec<u32>| {
            let error = || StoreError::Commit("no".to_owned());
            ready(all.into_iter().map(|_| Err(error())).collect::<Vec<_>>())
        };
        for answer in join_all((0..3).map(|asked| gather.ask(asked, failed))).await {
            assert!(matches!(answer, Err(StoreError::Commit(_))), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn who_gives_up_is_asked_for_and_keeps_nobody_from_the_own_answer() {
        let (gather, batches) = (Gather::new(), Mutex::default());
        let ask = |asked| Box::pin(gather.ask(asked, |all| doubled(all, &batches)));
        let (mut first, mut second, mut third) = (ask(1), ask(2), ask(3));
        for asking in [&mut first, &mut second, &mut third] {
            assert!(poll_immediate(asking).await.is_none());
        }
        drop(second);
        assert_eq!(first.await.unwrap(), 2);
        assert_eq!(third.await.unwrap(), 6);
        assert_eq!(*batches.lock().unwrap(), [3]);
    }

    #[tokio::test]
    async fn nobody_waits_for_one_who_was_dropped_while_it_asked() {
        let (gather, batches) = (Gather::new(), Mutex::default());
        let mut first = Box::pin(gather.ask(1, |_| pending::<Vec<Answer<u32>>>()));
        assert!(poll_immediate(&mut first).await.is_none());
        let mut second = Box::pin(gather.ask(2, |all| doubled(all, &batches)));
        assert!(poll_immediate(&mut second).await.is_none());
        // Now it asks for both.
        assert!(poll_immediate(&mut first).await.is_none());
        drop(first);
        assert!(matches!(second.await, Err(StoreError::Closed)));
        let third = gather.ask(3, |all| doubled(all, &batches)).await;
        assert_eq!(third.unwrap(), 6);
    }
}
