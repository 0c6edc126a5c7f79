//! What the stories are built from: a store in a temporary directory, and short ways to fill it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookline_model::account::Login;
use hookline_model::automation::OncePer;
use hookline_model::budget::Budget;
use hookline_model::clock::Timestamp;
use hookline_model::event::{Comment, Container, Event, EventBody, EventName, NaturalKey, Person};
use hookline_model::ids::{AccountId, AutomationId, CommentId, ContactId, DeliveryId};
use hookline_model::once::OnceScope;
use hookline_model::send::{SendClass, SendKey, SendKind};
use hookline_store::erase::AskedFor;
use hookline_store::lanes::{
    Budgets, ClaimRequest, Ending, FinishAttempt, LaneClaim, StartAttempt, StartResult,
};
use hookline_store::planning::{Plan, PlannedEvent, PlannedRun, PlannedSend, TakenQuery, Verdict};
use hookline_store::{ConnectAccount, Grant, Ownership, RecordDelivery, SealedToken, Store};

pub(crate) struct House {
    pub(crate) store: Arc<Store>,
    pub(crate) directory: tempfile::TempDir,
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
}

pub(crate) fn account() -> AccountId {
    AccountId::new("17841400000000001")
}

pub(crate) fn request() -> ClaimRequest {
    let budget = Budget::new(750, Duration::from_hours(1), 25);
    ClaimRequest {
        lease: Duration::from_mins(1),
        lanes: 10,
        sends_per_lane: 8,
        budgets: Budgets {
            private_reply: budget,
            live_private_reply: budget,
            text: budget,
            media: budget,
            public_reply: budget,
        },
    }
}

impl House {
    pub(crate) fn build() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&directory);
        Self { store, directory }
    }

    pub(crate) async fn reopen(self) -> Self {
        self.store.close().await;
        let directory = self.directory;
        drop(self.store);
        let store = open(&directory);
        Self { store, directory }
    }

    /// Whether a limit is used up.
    pub(crate) async fn is_used_up(&self, limit: (AutomationId, OnceScope)) -> bool {
        let query = TakenQuery {
            limits: vec![limit],
            sends: Vec::new(),
        };
        let taken = self.store.find_taken(query).await.unwrap();
        !taken.limits.is_empty()
    }

    /// Whether the limit of a person's comment is used up for an automation.
    pub(crate) async fn is_used_up_for_comment(
        &self,
        person: u8,
        automation: AutomationId,
    ) -> bool {
        let scope = OnceScope::of(OncePer::Comment, &comment(person));
        self.is_used_up((automation, scope)).await
    }

    pub(crate) async fn connect(&self) {
        let token = SealedToken {
            key: vec![0; 4],
            bytes: vec![1; 40],
        };
        self.store
            .connect_account(
                ConnectAccount {
                    id: account(),
                    username: "acme".to_owned(),
                    login: Login::Instagram,
                    app_scoped_id: None,
                    token,
                    grant: Grant::default(),
                },
                at(0),
            )
            .await
            .unwrap();
    }

    /// Asks for leave to call for one send.
    pub(crate) async fn start(
        &self,
        claim: LaneClaim,
        attempt: StartAttempt,
        now: Timestamp,
    ) -> StartResult {
        let asked = vec![(claim, attempt)];
        let mut answers = self.store.start_attempts(asked, now).await;
        answers.remove(0).unwrap()
    }

    /// Commits what came of one attempt; whether that had an effect.
    pub(crate) async fn finish(&self, finish: FinishAttempt, now: Timestamp) -> bool {
        self.end(Some(finish), None, now).await
    }

    /// Gives a lane back.
    pub(crate) async fn release(&self, claim: LaneClaim, request: ClaimRequest, now: Timestamp) {
        self.end(None, Some((claim, request)), now).await;
    }

    async fn end(
        &self,
        finish: Option<FinishAttempt>,
        release: Option<(LaneClaim, ClaimRequest)>,
        now: Timestamp,
    ) -> bool {
        let (release, request) =
            release.map_or((None, request()), |(claim, request)| (Some(claim), request));
        let endings = vec![Ending { finish, release }];
        let mut answers = self.store.end_attempts(endings, request.budgets, now).await;
        answers.remove(0).unwrap()
    }

    /// Forgets the account; whether it was connected.
    pub(crate) async fn forget(&self, now: Timestamp) -> bool {
        let asked_for = AskedFor::Account(account());
        let code = "code".to_owned();
        let request = self.store.request_deletion(asked_for, code, now);
        request.await.unwrap().is_some()
    }

    pub(crate) async fn publish(&self) -> AutomationId {
        let document = serde_json::json!({"name": "link"});
        self.store
            .publish_automation("link".to_owned(), document, at(0))
            .await
            .unwrap();
        self.store
            .find_automation("link".to_owned())
            .await
            .unwrap()
            .unwrap()
            .id
    }

    pub(crate) async fn record(&self, body: &str) -> DeliveryId {
        self.store
            .record_delivery(RecordDelivery {
                received_at: at(0),
                secret_index: 0,
                api_version: Some("v26.0".to_owned()),
                body: Bytes::copy_from_slice(body.as_bytes()),
            })
            .await
            .unwrap()
    }

    /// Plans one private reply to each of these people, due at once.
    pub(crate) async fn plan_replies(&self, people: std::ops::Range<u8>) {
        let automation = self.publish().await;
        let mut plan = Plan::default();
        for person in people {
            plan.events.push(comment_with_reply(person, automation));
        }
        self.store.commit_plan(plan, at(0)).await.unwrap();
    }
}

fn open(directory: &tempfile::TempDir) -> Arc<Store> {
    let url = format!("sqlite:{}", directory.path().join("hookline.db").display());
    Arc::new(Store::open(&url, Ownership::Exclusive).unwrap())
}

pub(crate) fn of_person(person: u8) -> OnceScope {
    OnceScope::Person(format!("person:{person}"))
}

pub(crate) fn comment(person: u8) -> Event {
    let comment = Comment {
        id: CommentId::new(format!("1790000000000{person:04}")),
        text: Some("LINK".to_owned()),
        from: Some(Person {
            id: ContactId::new(format!("6100{person:04}")),
            username: Some(format!("person{person}")),
        }),
        parent_id: None,
        media: None,
        is_own: false,
        is_test: false,
    };
    Event {
        account_id: account(),
        key: NaturalKey::from_bytes([person; 16]),
        container: Container::Changes,
        sent_at: Some(at(0)),
        occurred_at: None,
        body: EventBody::CommentReceived(comment),
    }
}

pub(crate) fn comment_with_reply(person: u8, automation: AutomationId) -> PlannedEvent {
    let event = comment(person);
    let step = |place: u32, kind, due_at| PlannedSend {
        key: match kind {
            SendKind::PrivateReply => {
                SendKey::private_reply(&event.account_id, event.comment_id().unwrap())
            }
            SendKind::PublicReply | SendKind::Dm => {
                SendKey::step(EventName::of(&event), automation.0, place)
            }
        },
        automation_id: automation,
        version: 1,
        step: place,
        kind,
        class: SendClass::of(kind, false),
        contact_id: event.contact_id().cloned(),
        comment_id: event.comment_id().cloned(),
        due_at,
        deadline_at: at(7 * 24 * 3600),
        text: "Here it is".to_owned(),
        keyword: None,
    };
    PlannedEvent {
        known: None,
        event: event.clone(),
        delivery_id: DeliveryId(1),
        received_at: at(0),
        ignored: None,
        waits_until: None,
        runs: vec![PlannedRun {
            automation_id: automation,
            version: 1,
            verdict: Verdict::Matched,
            because: hookline_model::routing::because("match.any", "the word", "LINK"),
            once_scope: Some(of_person(person)),
        }],
        sends: vec![
            step(0, SendKind::PrivateReply, Some(at(0))),
            step(1, SendKind::PublicReply, None),
        ],
        opt_out: None,
        texts: None,
    }
}
