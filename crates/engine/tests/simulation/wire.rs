//! Calls on their way to Meta, and answers on their way back, each in its own time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hookline_meta::graph::{
    Authority, CallFailure, Carried, Method, Reply, Request, Transport, Usage,
};
use hookline_model::clock::{Clock as _, Timestamp};
use hookline_model::limits::GRAPH_CALL_MAX;
use hookline_sim::{Fate, SimRequest, SimResponse, World};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::oneshot;

use super::clock::SimClock;

/// A call with an effect, as the engine made it.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) account: String,
    pub(crate) body: serde_json::Value,
    /// The moment, as the engine's clock showed it.
    pub(crate) at: Timestamp,
    pub(crate) at_ms: i64,
    /// The person it goes to, if it is one person.
    pub(crate) person: Option<String>,
    /// Whether another call to the same person was under way in the same life.
    pub(crate) is_crowded: bool,
}

pub(crate) struct Wire {
    world: Arc<Mutex<World>>,
    clock: Arc<SimClock>,
    inner: Mutex<Inner>,
}

struct Inner {
    random: StdRng,
    is_rough: bool,
    under_way: Vec<Call>,
    made: Vec<Made>,
    calls: u64,
}

struct Call {
    request: SimRequest,
    usage_keys: Vec<String>,
    person: Option<String>,
    made_at: i64,
    effect_at: i64,
    answer_at: i64,
    response: Option<SimResponse>,
    caller: Option<oneshot::Sender<Result<Reply, CallFailure>>>,
}

impl Wire {
    pub(crate) fn new(world: Arc<Mutex<World>>, clock: Arc<SimClock>, seed: u64) -> Self {
        Self {
            world,
            clock,
            inner: Mutex::new(Inner {
                random: StdRng::seed_from_u64(seed),
                is_rough: false,
                under_way: Vec::new(),
                made: Vec::new(),
                calls: 0,
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on some calls take long, and some never connect.
    pub(crate) fn roughen(&self) {
        self.inner().is_rough = true;
    }

    /// From now on every call is quick.
    pub(crate) fn calm(&self) {
        self.inner().is_rough = false;
    }

    pub(crate) fn calls(&self) -> u64 {
        self.inner().calls
    }

    /// The calls with an effect since the last time this was asked.
    pub(crate) fn take_made(&self) -> Vec<Made> {
        std::mem::take(&mut self.inner().made)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.inner().under_way.is_empty()
    }

    pub(crate) fn next_at(&self) -> Option<i64> {
        let inner = self.inner();
        let next = inner.under_way.iter().map(Call::next_at);
        next.min()
    }

    /// The process died: nobody waits for an answer any more. What is on the wire arrives all the
    /// same, or is lost, as chance has it.
    pub(crate) fn forget_callers(&self) {
        let mut inner = self.inner();
        let inner = &mut *inner;
        for call in &mut inner.under_way {
            call.caller = None;
        }
        let random = &mut inner.random;
        inner
            .under_way
            .retain(|call| call.response.is_none() && random.random_bool(0.5));
    }

    /// Lets effects take place and answers arrive whose time has come.
    pub(crate) fn advance(&self, now_ms: i64) -> bool {
        let mut has_moved = false;
        let mut under_way = std::mem::take(&mut self.inner().under_way);
        under_way.sort_by_key(Call::next_at);
        let mut still = Vec::new();
        for mut call in under_way {
            if call.response.is_none() && call.effect_at <= now_ms {
                let response = self.world().request(now_ms, &call.request);
                let delay = i64::try_from(response.delay_ms).unwrap_or(i64::MAX);
                call.answer_at = call.answer_at.saturating_add(delay);
                call.response = Some(response);
                has_moved = true;
            }
            if call.response.is_some() && call.answer_at <= now_ms {
                call.answer();
                has_moved = true;
            } else if call.gives_up_at().is_some_and(|at| at <= now_ms) {
                call.give_up();
                has_moved = true;
                if call.response.is_none() {
                    still.push(call);
                }
            } else {
                still.push(call);
            }
        }
        self.inner().under_way.append(&mut still);
        has_moved
    }

    fn person_of(&self, request: &Request, body: &serde_json::Value) -> Option<String> {
        if request.method == Method::Get {
            return None;
        }
        let recipient = body.get("recipient")?;
        if let Some(id) = recipient.get("id").and_then(|id| id.as_str()) {
            return Some(id.to_owned());
        }
        let comment = recipient.get("comment_id")?.as_str()?;
        match self.world().find_comment(comment).ok()?.author.clone() {
            hookline_sim::world::Author::Person { scoped_id, .. } => Some(scoped_id),
            hookline_sim::world::Author::Account { .. } => None,
        }
    }

    fn post(
        &self,
        authority: Authority<'_>,
        request: &Request,
    ) -> Result<oneshot::Receiver<Result<Reply, CallFailure>>, CallFailure> {
        let now_ms = self.clock.now_ms();
        let body = request.json().map_or(serde_json::Value::Null, |json| {
            serde_json::from_str(json).unwrap_or_default()
        });
        let person = self.person_of(request, &body);
        let mut inner = self.inner();
        inner.calls += 1;
        if request.method == Method::Post {
            let is_crowded = person.is_some()
                && inner
                    .under_way
                    .iter()
                    .any(|call| call.caller.is_some() && call.person == person);
            inner.made.push(Made {
                account: authority
                    .account()
                    .map_or_else(String::new, ToString::to_string),
                body,
                at: self.clock.now(),
                at_ms: now_ms,
                person: person.clone(),
                is_crowded,
            });
        }
        let Some((there_ms, back_ms)) = inner.latency() else {
            return Err(CallFailure::NotSent {
                detail: "connection refused".to_owned(),
            });
        };
        let (caller, answer) = oneshot::channel();
        inner.under_way.push(Call {
            request: sim_request(authority, request),
            usage_keys: authority
                .usage_keys()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            person,
            made_at: now_ms,
            effect_at: now_ms + there_ms,
            answer_at: now_ms + there_ms + back_ms,
            response: None,
            caller: Some(caller),
        });
        Ok(answer)
    }
}

impl Transport for Wire {
    fn carry<'a>(&'a self, authority: Authority<'a>, request: &'a Request) -> Carried<'a> {
        Box::pin(async move {
            let answer = self.post(authority, request)?;
            match answer.await {
                Ok(answer) => answer,
                // The other end is gone only when the process is, too.
                Err(_) => std::future::pending().await,
            }
        })
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Inner {
    /// Milliseconds to the effect, and from there to the answer; none when nothing connects.
    fn latency(&mut self) -> Option<(i64, i64)> {
        let there = self.random.random_range(5..150);
        let back = self.random.random_range(5..150);
        if !self.is_rough {
            return Some((there, back));
        }
        match self.random.random_range(0..100) {
            0..=2 => None,
            // Longer than anybody waits; Meta acts before or soon after the caller gave up.
            3..=5 => Some((self.random.random_range(1_000..24_000), 30_000)),
            6..=15 => Some((there, self.random.random_range(500..15_000))),
            _ => Some((there, back)),
        }
    }
}

impl Call {
    fn next_at(&self) -> i64 {
        let at = match self.response {
            None => self.effect_at,
            Some(_) => self.answer_at,
        };
        self.gives_up_at().map_or(at, |gives_up| gives_up.min(at))
    }

    /// When the caller waits no longer; none when nobody waits.
    fn gives_up_at(&self) -> Option<i64> {
        let patience = i64::try_from(GRAPH_CALL_MAX.as_millis()).unwrap_or(i64::MAX);
        self.caller.as_ref()?;
        Some(self.made_at + patience)
    }

    fn give_up(&mut self) {
        if let Some(caller) = self.caller.take() {
            let _ = caller.send(Err(lost("timeout")));
        }
    }

    fn answer(&mut self) {
        let (Some(caller), Some(response)) = (self.caller.take(), self.response.as_ref()) else {
            return;
        };
        let answer = match response.fate {
            Fate::Answer => Ok(reply(response, &self.usage_keys)),
            Fate::DropBeforeEffect | Fate::DropAfterEffect | Fate::Handshake(_) => {
                Err(lost("connection_lost"))
            }
        };
        let _ = caller.send(answer);
    }
}

fn lost(reason: &'static str) -> CallFailure {
    CallFailure::Unknown {
        reason,
        http_status: None,
        usage: Usage::default(),
    }
}

fn reply(response: &SimResponse, usage_keys: &[String]) -> Reply {
    let header = |wanted: &str| {
        response
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.as_bytes())
    };
    let keys: Vec<&str> = usage_keys.iter().map(String::as_str).collect();
    Reply {
        http_status: response.status,
        body: response.body.clone(),
        usage: Usage::of_headers(
            header("x-app-usage"),
            header("x-business-use-case-usage"),
            &keys,
        ),
    }
}

fn sim_request(authority: Authority<'_>, request: &Request) -> SimRequest {
    let mut headers = Vec::new();
    if let Some(token) = authority.token() {
        let bearer = format!("Bearer {}", token.expose());
        headers.push(("Authorization".to_owned(), bearer));
    }
    let body = request.full_body().map_or_else(Bytes::new, |(kind, body)| {
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
        Bytes::from(body)
    });
    let query = request.full_url();
    let query = query.query_pairs();
    SimRequest {
        method: request.method.as_str().to_owned(),
        path: request.url.path().to_owned(),
        query: query
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect(),
        headers,
        body,
    }
}
