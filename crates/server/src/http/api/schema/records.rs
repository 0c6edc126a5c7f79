//! Deliveries, events, runs, sends and explanations.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

/// Where a delivery stands.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Recorded, not looked at yet.
    Recorded,
    /// Its events are known.
    Interpreted,
    /// Nothing could be made of it; kept.
    NotInterpretable,
    /// Interpreted again on request.
    Replayed,
}

/// A delivery, without its bytes.
#[derive(ToSchema)]
pub struct Delivery {
    /// The delivery.
    #[schema(example = "dlv_12")]
    pub id: String,
    /// When it was received.
    #[schema(format = DateTime)]
    pub received_at: String,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// What is wrong with it.
    #[schema(required)]
    pub problem: Option<String>,
    /// How many bytes it has.
    pub body_bytes: u32,
    /// The version of Meta's API it was written for, where the delivery says so.
    #[schema(required)]
    pub api_version: Option<String>,
    /// When somebody was last cut out of it on request; its bytes are no longer those that Meta
    /// signed. Null when it is as it came.
    #[schema(format = DateTime, required)]
    pub redacted_at: Option<String>,
}

/// A delivery with its bytes.
#[derive(ToSchema)]
pub struct WholeDelivery {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// Its bytes.
    pub body: String,
    /// `text`, or `base64` when the bytes are not UTF-8.
    #[schema(example = "text")]
    pub body_encoding: String,
}

/// What a person says of a send that evidence cannot settle.
#[derive(ToSchema)]
pub struct Settlement {
    /// `landed`: the person has it. `not_landed`: the person does not have it, and it is tried
    /// again within its deadline. `given_up`: nobody wants to know any more.
    #[schema(rename = "as", example = "landed")]
    pub r#as: SettledAs,
}

/// A person's decision.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum SettledAs {
    Landed,
    NotLanded,
    GivenUp,
}

/// A replay that was asked for.
#[derive(ToSchema)]
pub struct ReplayRequested {
    /// The delivery.
    #[schema(example = "dlv_12")]
    pub id: String,
    /// Always `requested`.
    #[schema(example = "requested")]
    pub replay: String,
}

/// What happened.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say what they mean")]
pub enum EventKind {
    CommentReceived,
    LiveCommentReceived,
    MentionReceived,
    MessageReceived,
    MessageEchoed,
    MessageDeleted,
    MessageEdited,
    ReactionChanged,
    MessageSeen,
    PostbackReceived,
    ReferralReceived,
    ThreadControlChanged,
    StoryInsightsReceived,
    Unknown,
}

/// One thing that happened, known once however often it was delivered.
#[derive(ToSchema)]
pub struct Event {
    /// The event.
    #[schema(example = "evt_17")]
    pub id: String,
    /// Its account.
    pub account_id: String,
    /// What happened.
    pub kind: EventKind,
    /// The comment it is about.
    #[schema(required)]
    pub comment_id: Option<String>,
    /// The message it is about.
    #[schema(required)]
    pub mid: Option<String>,
    /// The person.
    #[schema(required)]
    pub contact_id: Option<String>,
    /// When it was received.
    #[schema(format = DateTime)]
    pub received_at: String,
    /// When Meta sent it.
    #[schema(format = DateTime, required)]
    pub sent_at: Option<String>,
    /// When it happened, where Meta says so.
    #[schema(format = DateTime, required)]
    pub occurred_at: Option<String>,
    /// Whether Hookline read it back itself, because its event never came.
    pub backfilled: bool,
    /// Why it triggered nothing, such as `own_comment`, `echo` or `account_unknown`.
    #[schema(required)]
    pub ignored: Option<String>,
    /// The delivery that told of it first.
    #[schema(example = "dlv_12")]
    pub delivery_id: String,
    /// The particulars, different for each kind.
    pub details: BTreeMap<String, Value>,
}

/// What came of considering an automation.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Verdict {
    /// Its conditions hold and it takes effect.
    Matched,
    /// A condition does not hold.
    NotMatched,
    /// Its conditions hold, but its limit or the person's wish forbids.
    Skipped,
    /// Its conditions hold, but another automation gets the one message.
    Lost,
}

/// The condition that decided.
#[derive(ToSchema)]
pub struct Because {
    /// The place in the document.
    #[schema(example = "match.any")]
    pub condition: String,
    /// What the document asks for.
    pub expected: String,
    /// What the event had; of a lost run, the winner.
    pub actual: String,
}

/// One automation considered for one event.
#[derive(ToSchema)]
pub struct Run {
    /// The automation's name.
    pub automation: String,
    /// Its version at that moment.
    pub version: u32,
    /// What came of it.
    pub verdict: Verdict,
    /// The condition that decided.
    pub because: Because,
}

/// What kind of effect a send has.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum SendKind {
    /// A message that answers a comment.
    PrivateReply,
    /// A comment under a comment.
    PublicReply,
    /// A message inside the 24-hour window.
    Dm,
}

/// What is paced together within one account.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum SendClass {
    /// Messages that answer comments.
    PrivateReply,
    /// Messages that answer live comments: possible only while on air.
    LivePrivateReply,
    /// Messages of text.
    Text,
    /// Messages with media.
    Media,
    /// Comments under comments.
    PublicReply,
}

/// Where a send stands.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum SendState {
    /// Waits for its time, the step before it, or its turn.
    Planned,
    /// Planned, but its account or lane may not send now.
    Held,
    /// A worker has it.
    Leased,
    /// Meta took it.
    Accepted,
    /// Meta or a rule of ours said no, for good.
    Refused,
    /// It may have landed; evidence decides.
    Unknown,
    /// Its deadline or window passed before it could be sent.
    Expired,
    /// Nobody wants it any more.
    Cancelled,
}

/// One outbound effect that is owed, or was sent.
#[derive(ToSchema)]
pub struct Send {
    /// The send.
    #[schema(example = "snd_8")]
    pub id: String,
    /// What it is.
    pub kind: SendKind,
    /// Where it stands.
    pub state: SendState,
    /// Why it stands there.
    #[schema(required)]
    pub reason: Option<String>,
    /// Its account.
    pub account_id: String,
    /// Whom it reaches.
    #[schema(required)]
    pub contact_id: Option<String>,
    /// The comment it answers.
    #[schema(required)]
    pub comment_id: Option<String>,
    /// The event it answers.
    #[schema(example = "evt_17")]
    pub event_id: String,
    /// The automation's name.
    pub automation: String,
    /// The automation's version.
    pub version: u32,
    /// Its place among the steps, from 0.
    pub step: u32,
    /// When it may go; null while it waits for the step before it.
    #[schema(format = DateTime, required)]
    pub due_at: Option<String>,
    /// When it is too late.
    #[schema(format = DateTime)]
    pub deadline_at: String,
    /// When it ended.
    #[schema(format = DateTime, required)]
    pub finished_at: Option<String>,
    /// Meta's id of what was sent.
    #[schema(required)]
    pub message_id: Option<String>,
    /// When its echo confirmed it.
    #[schema(format = DateTime, required)]
    pub echoed_at: Option<String>,
    /// Every try.
    pub attempts: Vec<Attempt>,
}

/// One try of a send.
#[derive(ToSchema)]
pub struct Attempt {
    /// Which try, from 1.
    pub number: u32,
    /// When leave to call was committed.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When the answer was committed.
    #[schema(format = DateTime, required)]
    pub finished_at: Option<String>,
    /// `accepted`, `refused`, `throttled`, `not_sent` or `unknown`; null while it is under way.
    #[schema(required)]
    pub outcome: Option<String>,
    /// The stable word beside it.
    #[schema(required)]
    pub reason: Option<String>,
    /// What Meta said.
    #[schema(required)]
    pub answer: Option<MetaAnswer>,
}

/// What Meta answered to a try.
#[derive(ToSchema)]
pub struct MetaAnswer {
    /// The HTTP status; absent when no answer came.
    pub http_status: Option<u16>,
    /// The error code.
    pub code: Option<i64>,
    /// The error subcode.
    pub subcode: Option<i64>,
    /// Meta's words.
    pub message: Option<String>,
    /// What Meta's support asks for.
    pub fbtrace_id: Option<String>,
}

/// Everything known of one event.
#[derive(ToSchema)]
pub struct Explanation {
    /// What was asked about.
    pub subject: String,
    /// One plain sentence.
    pub summary: String,
    /// Every delivery that told of the event, the first one first.
    pub deliveries: Vec<Delivery>,
    /// The event.
    pub event: Event,
    /// Why the event triggered nothing; null if it could.
    #[schema(required)]
    pub ignored: Option<String>,
    /// The automations considered, the winner first.
    pub runs: Vec<Run>,
    /// What was owed, with every try.
    pub sends: Vec<Send>,
}

/// A request to erase; it says nothing of whom it is about.
#[derive(ToSchema)]
pub struct Deletion {
    /// The code it is asked about with, at `/meta/data-deletion/{code}`.
    pub code: String,
    /// Where it stands.
    pub state: DeletionState,
    /// When it was asked for.
    #[schema(format = DateTime)]
    pub requested_at: String,
    /// When it was done.
    #[schema(format = DateTime, required)]
    pub done_at: Option<String>,
    /// What was erased so far.
    pub erased: Erased,
}

/// Where a deletion stands.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum DeletionState {
    /// Rows and deliveries are being gone through.
    Erasing,
    /// The places where it stood are being overwritten.
    Cleaning,
    /// No byte is left.
    Done,
}

/// How much was erased.
#[derive(ToSchema)]
pub struct Erased {
    /// Accounts.
    pub accounts: u32,
    /// Contacts.
    pub contacts: u32,
    /// Events.
    pub events: u32,
    /// Sends.
    pub sends: u32,
    /// Deliveries something was cut out of.
    pub deliveries: u32,
}
