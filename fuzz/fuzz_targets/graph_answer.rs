//! Answers of the Graph API: no answer ends the process, and none with an error in it, or without
//! what was asked for, is taken for a success.
//!
//! An input is four parts on lines of their own: the HTTP status, the header `X-App-Usage`, the
//! header `X-Business-Use-Case-Usage`, and the body, which goes on to the end.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use hookline_meta::graph::{
    Answer, AppCredentials, AppSubscription, Call, CallFailure, CodeGrant, CodeRefusal,
    CommentRead, CommentThread, Commented, ConversationId, ConversationMessage,
    ConversationSummary, GraphConfig, GraphError, InstagramIdentity, ListPage, LoginKind,
    MediaItem, MediaRead, MediaSummary, OAuthHosts, PageIdentity, PageList, Permissions,
    RefreshRefusal, RepliesPage, Reply, Sender, Sent, SubscribedApps, TokenGrant, Usage,
    exchange_code, find_conversation, list_comments, list_conversations, list_media,
    list_media_page, list_pages, read_app_subscription, read_comment, read_instagram_identity,
    read_media, read_page_identity, read_permissions, read_replies, read_subscribed_apps,
    refresh_token, refused_field, send_message, send_public_reply, subscribe_account,
};
use hookline_model::account::Login;
use hookline_model::ids::{AccountId, CommentId, ContactId, MediaId};
use hookline_model::secret::Secret;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

struct Calls {
    comment: Call<CommentRead>,
    replies: Call<RepliesPage>,
    media: Call<MediaRead>,
    all_media: Call<Vec<MediaItem>>,
    conversation: Call<Option<ConversationId>>,
    message: Call<Sent>,
    public_reply: Call<Commented>,
    media_page: Call<ListPage<MediaSummary>>,
    comments: Call<ListPage<CommentThread>>,
    conversations: Call<ListPage<ConversationSummary>>,
    subscribed: Call<SubscribedApps>,
    subscribe: Call<()>,
    app: Call<Option<AppSubscription>>,
    code: Call<CodeGrant>,
    refresh: Call<TokenGrant>,
    identity: Call<InstagramIdentity>,
    pages: Call<PageList>,
    page: Call<PageIdentity>,
    permissions: Call<Permissions>,
}

/// Meta's answer to this is read with the conversation it found.
static CONFIG: LazyLock<GraphConfig> = LazyLock::new(|| GraphConfig {
    graph_url: "https://graph.facebook.com".to_owned(),
    instagram_graph_url: "https://graph.instagram.com".to_owned(),
    api_version: "v26.0".to_owned(),
});

static ACCOUNT: LazyLock<AccountId> = LazyLock::new(|| AccountId::new("17841400000000001"));

static TOKEN: LazyLock<Secret> = LazyLock::new(|| Secret::new("token"));

fn sender() -> Sender<'static> {
    Sender {
        account: &ACCOUNT,
        login: &Login::Instagram,
        token: &TOKEN,
    }
}

const FIELDS: [&str; 3] = ["comments", "messages", "messaging_seen"];

static CALLS: LazyLock<Calls> = LazyLock::new(|| {
    let (config, sender) = (&*CONFIG, &sender());
    let comment = CommentId::new("17900000000000011");
    let contact = ContactId::new("6100000000000001");
    let media = MediaId::new("18000000000000021");
    let app = &AppCredentials {
        id: "900000000000001".to_owned(),
        secret: Secret::new("secret"),
    };
    let hosts = &OAuthHosts {
        facebook_oauth_url: "https://www.facebook.com".to_owned(),
        instagram_oauth_url: "https://www.instagram.com".to_owned(),
        instagram_token_url: "https://api.instagram.com".to_owned(),
    };
    Calls {
        comment: read_comment(config, sender, &comment).expect("a call"),
        replies: read_replies(config, sender, &comment, None).expect("a call"),
        media: read_media(config, sender, &media).expect("a call"),
        all_media: list_media(config, sender).expect("a call"),
        conversation: find_conversation(config, sender, &contact).expect("a call"),
        message: send_message(config, sender, &contact, "text").expect("a call"),
        public_reply: send_public_reply(config, sender, &comment, "text").expect("a call"),
        media_page: list_media_page(config, sender, None).expect("a call"),
        comments: list_comments(config, sender, &media, None).expect("a call"),
        conversations: list_conversations(config, sender, None).expect("a call"),
        subscribed: read_subscribed_apps(config, sender).expect("a call"),
        subscribe: subscribe_account(config, sender, &FIELDS).expect("a call"),
        app: read_app_subscription(config, app).expect("a call"),
        code: exchange_code(
            config,
            hosts,
            LoginKind::Instagram,
            app,
            "https://h",
            &TOKEN,
        )
        .expect("a call"),
        refresh: refresh_token(config, &TOKEN).expect("a call"),
        identity: read_instagram_identity(config).expect("a call"),
        pages: list_pages(config, None).expect("a call"),
        page: read_page_identity(config).expect("a call"),
        permissions: read_permissions(config).expect("a call"),
    }
});

/// Reads the answer as one to this call, and says whether it was a success.
fn read<T: PartialEq + std::fmt::Debug>(
    call: &Call<T>,
    reply: &Reply,
    error: Option<&GraphError>,
) -> Option<Answer<T>> {
    let outcome = call.read(reply);
    assert_eq!(outcome, call.read(reply), "two readings differ");
    match outcome {
        Ok(answer) => {
            assert!((200..300).contains(&answer.http_status));
            assert_eq!(error, None, "an answer with an error is a success");
            Some(answer)
        }
        Err(CallFailure::Answered { error: found, .. }) => {
            assert_eq!(Some(&*found), error);
            None
        }
        Err(failure) => {
            assert_eq!(failure.reason(), "answer_unreadable");
            assert_eq!(error, None, "an error was not read");
            None
        }
    }
}

fn names_an_error(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body)
        .is_ok_and(|body| body.get("error").is_some_and(|error| !error.is_null()))
}

fn is_bounded(error: &GraphError) {
    let words = [&error.message, &error.fbtrace_id];
    for text in words.into_iter().flatten() {
        assert!(text.chars().count() <= 500);
        assert!(!text.contains('\0'));
    }
    assert!(!error.to_string().is_empty() && !error.reason.is_empty());
    let stored = serde_json::to_string(&error.meta_answer());
    stored.expect("an answer can be kept");
}

/// The conversation that was found is the address of the next read.
fn next_read(conversation: Option<ConversationId>, reply: &Reply, error: Option<&GraphError>) {
    let Some(conversation) = conversation else {
        return;
    };
    let call = hookline_meta::graph::list_messages(&CONFIG, &sender(), &conversation);
    if let Ok(call) = call {
        let path = call.request().url.path();
        assert_eq!(path.split('/').count(), 3, "{path}");
        read::<Vec<ConversationMessage>>(&call, reply, error);
    }
}

/// The place to read on from is a part of the next address, whatever Meta wrote there.
fn next_page(after: Option<&str>) {
    let comment = CommentId::new("17900000000000011");
    let call = read_replies(&CONFIG, &sender(), &comment, after).expect("a call");
    let url = &call.request().url;
    assert_eq!(url.path(), "/v26.0/17900000000000011/replies");
    let found = url.query_pairs().find(|(name, _)| name == "after");
    assert_eq!(found.map(|(_, value)| value.into_owned()).as_deref(), after);
}

/// What is asked for when accounts are connected and events were missed.
fn read_lifecycle(reply: &Reply, error: Option<&GraphError>) {
    if let Some(error) = error {
        let refused = refused_field(error, &FIELDS);
        assert!(refused.is_none_or(|field| FIELDS.contains(&field)));
    }
    if let Err(failure) = CALLS.code.read(reply) {
        CodeRefusal::of(&failure);
        RefreshRefusal::of(&failure);
    }
    if let Some(page) = read(&CALLS.comments, reply, error) {
        let threads = page.value.items.iter();
        let replies: usize = threads.map(|thread| thread.replies.len()).sum();
        let read = page.value.items.len() + replies + page.value.unread;
        assert!(read <= reply.body.len(), "more was read than was written");
    }
    for after in [
        read(&CALLS.media_page, reply, error).and_then(|page| page.value.after),
        read(&CALLS.conversations, reply, error).and_then(|page| page.value.after),
        read(&CALLS.pages, reply, error).and_then(|page| page.value.after),
    ] {
        next_page(after.as_deref());
    }
    for token in [
        read(&CALLS.code, reply, error).map(|grant| grant.value.token),
        read(&CALLS.refresh, reply, error).map(|grant| grant.value.token),
    ] {
        assert!(token.is_none_or(|token| !token.expose().is_empty()));
    }
    if let Some(found) = read(&CALLS.identity, reply, error) {
        assert!(!found.value.account_id.as_str().is_empty());
    }
    read(&CALLS.subscribed, reply, error);
    read(&CALLS.subscribe, reply, error);
    read(&CALLS.app, reply, error);
    read(&CALLS.page, reply, error);
    read(&CALLS.permissions, reply, error);
}

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(4, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (status, app, business, body) = (next(), next(), next(), next());
    let status = std::str::from_utf8(status).ok();
    let http_status = status.and_then(|text| text.parse().ok()).unwrap_or(200);
    let own = [ACCOUNT.as_str(), "page"];
    let usage = Usage::of_headers(Some(app), Some(business), &own);
    assert_ne!(usage.regain_minutes, Some(0));
    let reply = Reply {
        http_status,
        body: Bytes::copy_from_slice(body),
        usage,
    };
    let error = GraphError::of_reply(http_status, body);
    assert_eq!(error, GraphError::of_reply(http_status, body));
    let is_success = (200..300).contains(&http_status);
    assert!(is_success || error.is_some(), "only 2xx is a success");
    assert!(!names_an_error(body) || error.is_some(), "an error is lost");
    if let Some(error) = &error {
        is_bounded(error);
    }
    let error = error.as_ref();
    read(&CALLS.comment, &reply, error);
    if let Some(page) = read(&CALLS.replies, &reply, error) {
        next_page(page.value.after.as_deref());
    }
    read(&CALLS.media, &reply, error);
    read(&CALLS.all_media, &reply, error);
    if let Some(found) = read(&CALLS.conversation, &reply, error) {
        next_read(found.value, &reply, error);
    }
    if let Some(sent) = read(&CALLS.message, &reply, error) {
        assert!(!sent.value.message_id.as_str().is_empty());
    }
    if let Some(made) = read(&CALLS.public_reply, &reply, error) {
        assert!(!made.value.id.as_str().is_empty());
    }
    read_lifecycle(&reply, error);
});
