//! Our calls against the simulated Meta, which read Meta's documents for itself: what we ask for is
//! what it takes, and what it answers is what we read.

use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hookline_meta::graph::{
    AccountKind, AppCredentials, AppWish, Authority, CallFailure, Carried, CodeRefusal,
    GraphClient, GraphConfig, LoginKind, LoginRequest, MoreReplies, OAuthHosts, RefreshRefusal,
    Reply, Request, Sender, TokenProblem, Transport, Usage, authorize_url, refused_field,
};
use hookline_model::account::Login;
use hookline_model::ids::AccountId;
use hookline_model::secret::Secret;
use hookline_sim::graph::LoginChoice;
use hookline_sim::world::{
    Account, AccountKind as SimKind, CommentDraft, MessageDraft, NewAccount, Policy, TokenEnd,
};
use hookline_sim::{Fate, HandshakeAnswer, SimRequest, SimResponse, World, WorldConfig};

const START: i64 = 1_790_000_000_000;
const DAY: i64 = 24 * 3_600_000;
const REDIRECT: &str = "https://hooks.example.com/oauth/callback";

/// A world, and how late it is in it.
struct Simulated {
    state: Mutex<(World, i64)>,
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Simulated")
    }
}

impl Simulated {
    fn with<T>(&self, act: impl FnOnce(&mut World, i64) -> T) -> T {
        let mut state = self.state.lock().unwrap();
        let (world, now) = &mut *state;
        act(world, *now)
    }

    fn ask(&self, request: &SimRequest) -> SimResponse {
        self.with(|world, now| {
            let response = world.request(now, request);
            let Fate::Handshake(handshake) = &response.fate else {
                return response;
            };
            // A receiver that knows the token it was configured with.
            let query = handshake.url.split_once('?').unwrap().1.to_owned();
            let value = |name: &str| {
                let mut pairs = form_urlencoded::parse(query.as_bytes());
                let found = pairs.find(|(key, _)| key == name);
                found.unwrap().1.into_owned()
            };
            let is_ours = value("hub.verify_token") == "verify-me";
            let status = if is_ours { 200 } else { 403 };
            let body = value("hub.challenge");
            let answer = HandshakeAnswer::Answered { status, body };
            world.finish_handshake(handshake.id, &answer)
        })
    }

    fn advance(&self, by_ms: i64) {
        self.state.lock().unwrap().1 += by_ms;
    }
}

impl Transport for Simulated {
    fn carry<'a>(&'a self, authority: Authority<'a>, request: &'a Request) -> Carried<'a> {
        let mut headers = Vec::new();
        if let Some(token) = authority.token() {
            let bearer = format!("Bearer {}", token.expose());
            headers.push(("Authorization".to_owned(), bearer));
        }
        let mut body = Bytes::new();
        if let Some((kind, text)) = request.full_body() {
            headers.push(("Content-Type".to_owned(), kind.to_owned()));
            body = Bytes::from(text);
        }
        let asked = SimRequest {
            method: request.method.as_str().to_owned(),
            path: request.url.path().to_owned(),
            query: request.full_url().query_pairs().into_owned().collect(),
            headers,
            body,
        };
        let response = self.ask(&asked);
        Box::pin(async move {
            Ok(Reply {
                http_status: response.status,
                body: response.body,
                usage: Usage::default(),
            })
        })
    }
}

struct Stage {
    meta: Arc<Simulated>,
    client: GraphClient,
    hosts: OAuthHosts,
    app: AppCredentials,
}

impl Stage {
    fn new() -> Self {
        let config = WorldConfig::default();
        let app = AppCredentials {
            id: config.app_id.clone(),
            secret: Secret::new(config.app_secrets.first().unwrap().as_str()),
        };
        let meta = Arc::new(Simulated {
            state: Mutex::new((World::new(config), START)),
        });
        let config = GraphConfig {
            graph_url: "http://meta.test/fb".to_owned(),
            instagram_graph_url: "http://meta.test/ig".to_owned(),
            api_version: "v26.0".to_owned(),
        };
        let hosts = OAuthHosts {
            facebook_oauth_url: "http://meta.test/fb".to_owned(),
            instagram_oauth_url: "http://meta.test".to_owned(),
            instagram_token_url: "http://meta.test".to_owned(),
        };
        let client = GraphClient::through(config, Arc::<Simulated>::clone(&meta));
        Self {
            meta,
            client,
            hosts,
            app,
        }
    }

    fn account(&self, new: NewAccount) -> Account {
        let create = |world: &mut World, now| world.create_account(now, new);
        self.meta.with(create).unwrap()
    }

    /// Sends a person to the login page and takes the code off the way back.
    fn log_in(&self, login: LoginKind) -> Secret {
        let request = LoginRequest {
            app_id: &self.app.id,
            redirect_uri: REDIRECT,
            state: "state-1",
            must_log_in_again: true,
        };
        let url = authorize_url(self.client.config(), &self.hosts, login, &request).unwrap();
        let page = self.meta.ask(&SimRequest {
            method: "GET".to_owned(),
            path: url.path().to_owned(),
            query: url.query_pairs().into_owned().collect(),
            ..SimRequest::default()
        });
        assert_eq!(page.status, 302, "{page:?}");
        let (_, location) = page.headers.into_iter().next().unwrap();
        let query = location.split_once('?').unwrap().1;
        let query = query.split('#').next().unwrap();
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
        };
        assert_eq!(value("state"), "state-1");
        Secret::new(value("code"))
    }
}

fn error_of<T: fmt::Debug>(outcome: Result<T, CallFailure>) -> CallFailure {
    outcome.unwrap_err()
}

#[tokio::test]
async fn an_account_is_connected_with_instagram_login_and_its_three_ids_told_apart() {
    let stage = Stage::new();
    let account = stage.account(NewAccount {
        account_type: SimKind::Creator,
        ..NewAccount::named("acme")
    });
    let declined = vec!["instagram_business_manage_comments".to_owned()];
    let choice = LoginChoice {
        declined_scopes: declined.clone(),
        ..LoginChoice::default()
    };
    let chosen = stage.meta.with(|world, _| world.set_login(choice));
    chosen.unwrap();
    let login = LoginKind::Instagram;
    let code = stage.log_in(login);
    let exchange = || {
        stage
            .client
            .exchange_code(&stage.hosts, login, &stage.app, REDIRECT, &code)
    };
    let grant = exchange().await.unwrap().value;
    let permissions = grant.permissions.unwrap();
    assert_eq!(login.missing_scopes(&permissions), declined);
    let spent = error_of(exchange().await);
    assert_eq!(CodeRefusal::of(&spent), CodeRefusal::LogInAgain);
    let stranger = AppCredentials {
        secret: Secret::new("wrong"),
        ..stage.app.clone()
    };
    let long = stage
        .client
        .exchange_for_long_lived(login, &stranger, &grant.token);
    assert_eq!(
        CodeRefusal::of(&error_of(long.await)),
        CodeRefusal::AppNotAccepted
    );
    let long = stage
        .client
        .exchange_for_long_lived(login, &stage.app, &grant.token);
    let long = long.await.unwrap().value;
    assert!(long.expires_in.is_some());

    for wraps_me in [false, true] {
        let policy = Policy {
            wraps_me,
            ..Policy::default()
        };
        stage.meta.with(|world, _| world.set_policy(policy));
        let found = stage.client.read_instagram_identity(&long.token).await;
        let found = found.unwrap().value;
        assert_eq!(found.account_id.as_str(), account.ig_id);
        let scoped = found.app_scoped_id.unwrap();
        assert_eq!(scoped.as_str(), account.app_scoped_id);
        assert_eq!(found.kind, Some(AccountKind::Creator));
        let exchange_id = grant.user_id.as_deref().unwrap();
        assert_ne!(exchange_id, scoped.as_str());
        assert_ne!(exchange_id, account.ig_id);
    }
}

#[tokio::test]
async fn a_token_is_refreshed_when_it_is_a_day_old_and_dies_in_its_own_way() {
    let stage = Stage::new();
    let account = stage.account(NewAccount::named("acme"));
    let token = Secret::new(account.token);
    let refused = error_of(stage.client.refresh_token(&token).await);
    assert_eq!(RefreshRefusal::of(&refused), RefreshRefusal::NotNow);
    stage.meta.advance(DAY);
    let younger = stage.client.refresh_token(&token).await;
    let younger = younger.unwrap().value.token;
    assert_ne!(younger, token);
    stage.meta.advance(60 * DAY);
    let expired = error_of(stage.client.refresh_token(&younger).await);
    let dead = RefreshRefusal::Dead(TokenProblem::Expired);
    assert_eq!(RefreshRefusal::of(&expired), dead);
    stage
        .meta
        .with(|world, _| world.end_tokens("acme", TokenEnd::AppRemoved))
        .unwrap();
    let removed = error_of(stage.client.refresh_token(&younger).await);
    let dead = RefreshRefusal::Dead(TokenProblem::AppRemoved);
    assert_eq!(RefreshRefusal::of(&removed), dead);
}

#[tokio::test]
async fn the_pages_of_a_person_are_found_with_facebook_login() {
    let stage = Stage::new();
    let named = |username: &str, tasks: Option<Vec<String>>| NewAccount {
        login: hookline_sim::world::Login::Facebook,
        page_tasks: tasks,
        ..NewAccount::named(username)
    };
    let acme = stage.account(named("acme", None));
    stage.account(named("guest", Some(vec!["ADVERTISE".to_owned()])));
    let choice = LoginChoice {
        account: Some("acme".to_owned()),
        more_accounts: vec!["guest".to_owned()],
        bare_pages: (0..60).map(|number| format!("Bare {number}")).collect(),
        declined_scopes: vec!["instagram_basic".to_owned()],
        ..LoginChoice::default()
    };
    let chosen = stage.meta.with(|world, _| world.set_login(choice));
    chosen.unwrap();
    let login = LoginKind::Facebook;
    let code = stage.log_in(login);
    let client = &stage.client;
    let grant = client.exchange_code(&stage.hosts, login, &stage.app, REDIRECT, &code);
    let user = grant.await.unwrap().value.token;
    let long = client.exchange_for_long_lived(login, &stage.app, &user);
    let user = long.await.unwrap().value.token;

    let permissions = client.read_permissions(&user).await.unwrap().value;
    assert_eq!(permissions.declined, ["instagram_basic"]);
    let missing = login.missing_scopes(&permissions.granted);
    assert_eq!(missing, ["instagram_basic"]);
    let person = client.read_facebook_user(&user).await.unwrap().value;
    assert_eq!(person.as_str(), acme.app_scoped_id);

    let pages = client.list_pages(&user).await.unwrap().value;
    assert_eq!(pages.len(), 62);
    let [own, guest, bare, ..] = pages.as_slice() else {
        unreachable!("62 were listed")
    };
    let linked = own.page.instagram.as_ref().unwrap();
    assert_eq!(linked.account_id.as_str(), acme.ig_id);
    assert_eq!(linked.username.as_deref(), Some("acme"));
    assert!(own.missing_tasks().is_empty());
    assert_eq!(guest.missing_tasks(), ["MODERATE", "MESSAGING"]);
    assert_eq!(bare.page.instagram, None);

    let token = own.token.as_ref().unwrap();
    let page = client.read_page_identity(token).await.unwrap().value;
    assert_eq!(page, own.page);
    let no_page = error_of(client.read_page_identity(&user).await);
    assert_eq!(no_page.meta_answer().code, Some(100));

    // A Page is subscribed by names of Page fields; the one refused is named.
    let account = AccountId::new(acme.ig_id.as_str());
    let login = Login::Facebook {
        page_id: page.id.clone(),
    };
    let sender = Sender {
        account: &account,
        login: &login,
        token,
    };
    let fields = ["messages", "messaging_seen"];
    let refused = error_of(client.subscribe_account(&sender, &fields).await);
    let CallFailure::Answered { error, .. } = &refused else {
        unreachable!("meta answered: {refused:?}")
    };
    assert_eq!(refused_field(error, &fields), Some("messaging_seen"));
    client
        .subscribe_account(&sender, &["messages"])
        .await
        .unwrap();
    let apps = client.read_subscribed_apps(&sender).await.unwrap().value;
    assert_eq!(apps.find(&stage.app.id).unwrap().fields, ["messages"]);
    client.unsubscribe_account(&sender).await.unwrap();
    let apps = client.read_subscribed_apps(&sender).await.unwrap().value;
    assert_eq!(apps.find(&stage.app.id), None);
}

#[tokio::test]
async fn the_app_is_subscribed_after_its_handshake_and_with_a_narrower_list() {
    let stage = Stage::new();
    let policy = Policy {
        refused_fields: vec!["message_edit".to_owned()],
        ..Policy::default()
    };
    stage.meta.with(|world, _| world.set_policy(policy));
    let (client, app) = (&stage.client, &stage.app);
    let none = client.read_app_subscription(app).await.unwrap().value;
    assert_eq!(none, None);
    let mut fields = vec!["comments", "message_edit", "messages"];
    let verify_token = Secret::new("verify-me");
    let subscribe = async |fields: &[&str], verify_token: &Secret| {
        let wish = AppWish {
            callback_url: "https://hooks.example.com/webhooks/instagram",
            fields,
            verify_token,
        };
        client.subscribe_app(app, &wish).await
    };
    let refused = error_of(subscribe(&fields, &verify_token).await);
    let CallFailure::Answered { error, .. } = &refused else {
        unreachable!("meta answered: {refused:?}")
    };
    let name = refused_field(error, &fields).unwrap();
    fields.retain(|field| *field != name);
    let wrong = error_of(subscribe(&fields, &Secret::new("wrong")).await);
    assert_eq!(wrong.meta_answer().code, Some(2200));
    subscribe(&fields, &verify_token).await.unwrap();
    let found = client.read_app_subscription(app).await.unwrap().value;
    let found = found.unwrap();
    assert!(found.is_active);
    let names: Vec<&str> = found.fields.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["comments", "messages"]);
    let stranger = AppCredentials {
        secret: Secret::new("wrong"),
        ..app.clone()
    };
    let dead = error_of(client.read_app_subscription(&stranger).await);
    assert_eq!(dead.reason(), "token_invalid");
    client.unsubscribe_app(app).await.unwrap();
    let none = client.read_app_subscription(app).await.unwrap().value;
    assert_eq!(none, None);
}

#[tokio::test]
async fn what_was_missed_is_read_back() {
    let stage = Stage::new();
    let acme = stage.account(NewAccount::named("acme"));
    let parent = stage.meta.with(|world, now| {
        let parent = world.comment(now, CommentDraft::new("acme", "ada", "LINK"))?;
        for number in 0..52 {
            let reply = CommentDraft {
                parent: Some(parent.clone()),
                ..CommentDraft::new("acme", "bob", format!("reply {number}"))
            };
            world.comment(now, reply)?;
        }
        for number in 0..60 {
            let draft = MessageDraft {
                account: "acme".to_owned(),
                person: format!("person{number}"),
                text: Some("hi".to_owned()),
                ..MessageDraft::default()
            };
            world.message(now + number, draft)?;
        }
        Ok::<_, hookline_sim::world::Refusal>(parent)
    });
    let parent = parent.unwrap();
    let account = AccountId::new(acme.ig_id.as_str());
    let token = Secret::new(acme.token.as_str());
    let sender = Sender {
        account: &account,
        login: &Login::Instagram,
        token: &token,
    };
    let client = &stage.client;
    let media = client.list_media_page(&sender, None).await.unwrap().value;
    let media = media.items.first().unwrap();
    assert_eq!(media.comments_count, Some(53));
    let page = client.list_comments(&sender, &media.id, None).await;
    let page = page.unwrap().value;
    assert_eq!((page.items.len(), page.unread, page.after), (1, 0, None));
    let thread = page.items.first().unwrap();
    assert_eq!(thread.comment.id.as_str(), parent);
    assert_eq!(thread.replies.len(), 50);
    let MoreReplies::After(after) = &thread.more else {
        unreachable!("there are 52 replies: {:?}", thread.more)
    };
    let comment = &thread.comment.id;
    let rest = client.read_replies(&sender, comment, Some(after)).await;
    let rest = rest.unwrap().value;
    let last = rest.replies.last().unwrap();
    assert_eq!(last.text.as_deref(), Some("reply 51"));
    assert_eq!((rest.replies.len(), rest.after), (2, None));

    let mut conversations = Vec::new();
    let mut after = None;
    loop {
        // Meta allows two of these calls a second.
        stage.meta.advance(1000);
        let page = client.list_conversations(&sender, after.as_deref()).await;
        let page = page.unwrap().value;
        conversations.extend(page.items);
        after = page.after;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(conversations.len(), 60);
    stage.meta.advance(1000);
    let newest = conversations.first().unwrap();
    let messages = client.list_messages(&sender, &newest.id).await;
    let messages = messages.unwrap().value;
    let message = messages.first().unwrap();
    assert_eq!(message.to_id.as_deref(), Some(account.as_str()));
    assert_eq!(message.from_username.as_deref(), Some("person59"));
}
