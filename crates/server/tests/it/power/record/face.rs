//! Meta, for a recording: the simulator's world behind a face that marks each call with an effect
//! before it takes it, and deliveries that are marked once they were taken.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hookline_model::clock::{Clock as _, Timestamp};
use hookline_server::clock::SystemClock;
use hookline_sim::world::accounts::{Account, Login, NewAccount};
use hookline_sim::world::comments::CommentDraft;
use hookline_sim::world::media::NewMedia;
use hookline_sim::world::messages::MessageDraft;
use hookline_sim::{Answered, SimRequest, World, WorldConfig};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::trace::{Marker, Promise};

pub(super) const ADMIN_TOKEN: &str = "an-admin-token-of-a-recording";

/// How long it may take until everybody has their answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// The world, its face, and the trace that is marked.
pub(super) struct Meta {
    world: Arc<Mutex<World>>,
    marker: Arc<Marker>,
    accounts: Vec<Account>,
    pub(super) url: String,
    stop: CancellationToken,
}

impl Meta {
    pub(super) async fn build(marker: Arc<Marker>, seed: u64) -> Self {
        let config = WorldConfig {
            seed,
            ..WorldConfig::default()
        };
        let mut world = World::new(config);
        world.set_callback_url(Some("http://127.0.0.1/webhooks/instagram".to_owned()));
        let logins = [Login::Instagram, Login::Facebook];
        let accounts = logins.map(|login| open_account(&mut world, login)).to_vec();
        let world = Arc::new(Mutex::new(world));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let face = accept(
            listener,
            Arc::clone(&world),
            Arc::clone(&marker),
            stop.clone(),
        );
        TaskTracker::new().spawn(face);
        Self {
            world,
            marker,
            accounts,
            url,
            stop,
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// Connects the accounts and publishes the automations; each is marked once the API kept it.
    pub(super) async fn connect(&self, client: &reqwest::Client, server: &str) {
        for account in &self.accounts {
            let mut body = json!({
                "username": account.username,
                "access_token": account.token,
                "login": account.login,
            });
            if let Some(page) = &account.page_id {
                body["page_id"] = json!(page);
            }
            let url = format!("{server}/api/v1/accounts/{}", account.ig_id);
            put(client, &url, &body).await;
            self.marker.mark(Promise::Account, account.ig_id.as_bytes());
        }
        for document in automations() {
            let name = document["name"].as_str().unwrap();
            let url = format!("{server}/api/v1/automations/{name}");
            put(client, &url, &document).await;
            self.marker.mark(Promise::Automation, name.as_bytes());
        }
    }

    /// One more comment, and sometimes a message.
    pub(super) fn somebody_speaks(&self, number: usize) {
        let account = &self.accounts[number % self.accounts.len()].ig_id;
        let person = format!("guest{number}");
        let mut world = self.world();
        let draft = CommentDraft::new(account, &person, "The link please");
        world.comment(now(), draft).unwrap();
        if number.is_multiple_of(3) {
            let draft = MessageDraft::text(account, &person, "Hello");
            world.message(now(), draft).unwrap();
        }
    }

    /// Delivers what is due, one after the other, and marks what was taken.
    pub(super) async fn deliver_due(&self, client: &reqwest::Client, server: &str) {
        let due = self.world().deliveries_due(now());
        for delivery in due {
            let url = format!("{server}/webhooks/instagram");
            let mut request = client.post(url).body(delivery.body.clone());
            for (name, value) in &delivery.headers {
                request = request.header(name, value);
            }
            let status = request.send().await.unwrap().status().as_u16();
            if status == 200 {
                self.marker.mark(Promise::Recorded, &delivery.body);
            }
            self.world()
                .delivery_answered(now(), delivery.id, Answered::Status(status));
        }
    }

    /// Goes on delivering, echoes above all, until everybody has their private reply.
    pub(super) async fn hear_out(&self, client: &reqwest::Client, server: &str, replies: usize) {
        let deadline = now() + i64::try_from(PATIENCE.as_millis()).unwrap();
        while self.world().sent().len() < replies {
            assert!(now() < deadline, "not everybody got an answer");
            self.deliver_due(client, server).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

fn now() -> i64 {
    Timestamp::as_millis(SystemClock.now())
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_account(world: &mut World, login: Login) -> Account {
    let new = NewAccount {
        login,
        ..NewAccount::named(format!("{login:?}").to_lowercase())
    };
    let account = world.create_account(now(), new).unwrap();
    let media = NewMedia {
        account: account.ig_id.clone(),
        ..NewMedia::default()
    };
    world.create_media(now(), media).unwrap();
    account
}

fn automations() -> [Value; 2] {
    [
        json!({
            "name": "link",
            "trigger": {"on": "comment"},
            "match": {"mode": "word", "any": ["link"]},
            "steps": [
                {"do": "private_reply", "text": "Here it is"},
                {"do": "public_reply", "texts": ["Sent you a DM"]},
            ],
        }),
        json!({
            "name": "hello",
            "trigger": {"on": "message"},
            "match": {"mode": "any"},
            "steps": [{"do": "dm", "text": "Thank you for writing"}],
        }),
    ]
}

async fn put(client: &reqwest::Client, url: &str, body: &Value) {
    let request = client.put(url).bearer_auth(ADMIN_TOKEN).json(body);
    let response = request.send().await.unwrap();
    assert!(
        response.status().is_success(),
        "{url}: {}",
        response.status()
    );
}

async fn accept(
    listener: TcpListener,
    world: Arc<Mutex<World>>,
    marker: Arc<Marker>,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            () = stop.cancelled() => return,
        };
        connections.spawn(serve(stream, Arc::clone(&world), Arc::clone(&marker)));
    }
}

async fn serve(stream: TcpStream, world: Arc<Mutex<World>>, marker: Arc<Marker>) {
    let service = service_fn(move |request| {
        let (world, marker) = (Arc::clone(&world), Arc::clone(&marker));
        async move { Ok::<_, Infallible>(answer(request, &world, &marker).await) }
    });
    // The binary is killed in the end, with its connections open.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    world: &Mutex<World>,
    marker: &Marker,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (
            name.to_string(),
            value.to_str().unwrap_or_default().to_owned(),
        )
    };
    let request = SimRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: parts.headers.iter().map(header).collect(),
        body: body.collect().await.unwrap().to_bytes(),
    };
    if let Some((promise, subject)) = effect_of(&request) {
        marker.mark(promise, subject.as_bytes());
    }
    let answer = lock(world).request(now(), &request);
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(answer.body)).unwrap()
}

/// The effect a call asks for, and on whom.
fn effect_of(request: &SimRequest) -> Option<(Promise, String)> {
    if request.method != "POST" {
        return None;
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let recipient = &body["recipient"];
    if let Some(comment) = recipient["comment_id"].as_str() {
        return Some((Promise::PrivateReply, comment.to_owned()));
    }
    if let Some(person) = recipient["id"].as_str() {
        return Some((Promise::Dm, person.to_owned()));
    }
    let comment = request.path.strip_suffix("/replies")?.rsplit('/').next()?;
    Some((Promise::PublicReply, comment.to_owned()))
}
