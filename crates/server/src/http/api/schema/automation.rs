//! The automation document and its published form.

use utoipa::ToSchema;

/// What the owner wants to happen.
#[derive(ToSchema)]
pub struct AutomationDocument {
    /// Its name: 1 to 64 of `a-z`, `0-9`, `-` and `_`; taken from the path if left out.
    #[schema(example = "link-on-comment")]
    pub name: Option<String>,
    /// Account ids or usernames it works for, or `*` for all.
    #[schema(example = json!(["*"]))]
    pub accounts: Vec<String>,
    /// Among several that match one event the highest wins.
    #[schema(required = false, default = 0)]
    pub priority: i32,
    /// What starts it.
    pub trigger: TriggerDocument,
    /// The condition on the text of the event.
    #[schema(required = false)]
    pub r#match: MatchDocument,
    /// How often it may take effect.
    #[schema(required = false)]
    pub limit: LimitDocument,
    /// What is sent, in this order.
    #[schema(min_items = 1)]
    pub steps: Vec<StepDocument>,
}

/// The events that start an automation.
#[derive(ToSchema)]
pub struct TriggerDocument {
    /// One kind of event or several.
    pub on: TriggerKinds,
    /// The media the event must be about.
    #[schema(required = false)]
    pub media: MediaDocument,
    /// Whether comments that answer comments count.
    #[schema(required = false, default = false)]
    pub include_replies: bool,
}

/// One kind of event or several; answers always give the list.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum TriggerKinds {
    /// One.
    One(TriggerKind),
    /// Several.
    Several(Vec<TriggerKind>),
}

/// A kind of event that can start an automation.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum TriggerKind {
    /// A comment on a post, reel or ad.
    Comment,
    /// A comment during a live broadcast.
    LiveComment,
    /// A message that is neither a story reply nor a story mention.
    Message,
    /// A message that answers a story.
    StoryReply,
    /// A mention of the account in someone's story.
    StoryMention,
    /// A mention of the account in a comment or caption.
    Mention,
    /// A tap on a button, ice breaker or menu entry.
    Postback,
    /// A link opened into an existing conversation.
    Referral,
    /// A reaction to a message.
    Reaction,
}

/// The media an event must be about: `any`, `next` (the first media published after this
/// version), or a list of media ids.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum MediaDocument {
    /// `any` or `next`.
    Word(String),
    /// Media ids.
    Ids(Vec<String>),
}

/// The condition on the text of an event.
#[derive(ToSchema)]
pub struct MatchDocument {
    /// How keywords are compared.
    #[schema(required = false)]
    pub mode: MatchMode,
    /// Keywords, or patterns, of which one must be found.
    #[schema(required = false)]
    pub any: Vec<String>,
    /// Keywords that forbid a match, compared as whole words.
    #[schema(required = false)]
    pub none: Vec<String>,
    /// Whether accents make no difference.
    #[schema(required = false, default = true)]
    pub fold_accents: bool,
}

/// How keywords are compared with the text of an event.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum MatchMode {
    /// As whole words.
    Word,
    /// Anywhere in the text.
    Contains,
    /// The whole text.
    Exact,
    /// The first words.
    Prefix,
    /// As patterns.
    Regex,
    /// Every text, and none.
    Any,
}

/// How often an automation may take effect.
#[derive(ToSchema)]
pub struct LimitDocument {
    /// What one effect uses up.
    #[schema(required = false)]
    pub once_per: OncePer,
}

/// What an automation takes effect once for.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum OncePer {
    /// Each comment or other event.
    Comment,
    /// Each person.
    Person,
    /// Each person and media.
    PersonAndMedia,
    /// Every time.
    Always,
}

/// One thing that is sent.
#[derive(ToSchema)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum StepDocument {
    /// A message that answers a comment.
    PrivateReply {
        /// Template of the text.
        text: String,
    },
    /// A comment under the comment.
    PublicReply {
        /// Templates of which one is chosen for each event.
        texts: Vec<String>,
    },
    /// A message inside the 24-hour window.
    Dm {
        /// Template of the text.
        text: String,
    },
}

/// A published version: its number, and its document with every default written out.
#[derive(ToSchema)]
pub struct PublishedAutomation {
    /// The number of this version, from 1.
    pub version: u32,
    /// When this version was published.
    #[schema(format = DateTime)]
    pub published_at: String,
    /// When the first version was published; decides among equal priorities.
    #[schema(format = DateTime)]
    pub first_published_at: String,
    /// The document.
    #[serde(flatten)]
    pub document: AutomationDocument,
}

/// What publishing led to.
#[derive(ToSchema)]
pub struct AutomationPublication {
    /// Whether this request made the version; an equal document makes none.
    pub created: bool,
    /// The version that is current now.
    #[serde(flatten)]
    pub current: PublishedAutomation,
}
