//! The control API under `/_sim`: every typed operation of the world as a JSON call.

mod act;
mod faults;
mod inspect;
mod platform;
mod setup;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::graph::SimRequest;
use crate::world::{Refusal, World};

/// What a control call answers: a value, or why not.
type Outcome = Result<Value, ControlError>;

/// Why a control call was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("no such path or method; see the documentation of the control API")]
    NoRoute,
    #[error("the body is not what this call takes: {0}")]
    Body(#[source] serde_json::Error),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl ControlError {
    fn status(&self) -> u16 {
        match self {
            Self::NoRoute => 404,
            Self::Body(_) => 400,
            Self::Refused(refusal) => match refusal {
                Refusal::UnknownAccount(_)
                | Refusal::UnknownPerson(_)
                | Refusal::UnknownMedia(_)
                | Refusal::UnknownComment(_)
                | Refusal::UnknownMessage(_)
                | Refusal::UnknownDelivery(_) => 404,
                Refusal::Taken(_) => 409,
                Refusal::Full(_) => 507,
                Refusal::Invalid(_) => 400,
            },
        }
    }
}

/// One control call, ready to be routed.
pub(crate) struct Ask<'a> {
    now_ms: i64,
    request: &'a SimRequest,
}

impl Ask<'_> {
    /// Reads the body; an empty body is an empty object.
    fn body<T: DeserializeOwned>(&self) -> Result<T, ControlError> {
        let body: &[u8] = if self.request.body.is_empty() {
            b"{}"
        } else {
            &self.request.body
        };
        serde_json::from_slice(body).map_err(ControlError::Body)
    }

    /// Reads one object or a list of them.
    fn bodies<T: DeserializeOwned>(&self) -> Result<(Vec<T>, bool), ControlError> {
        if self.request.body.trim_ascii_start().starts_with(b"[") {
            Ok((self.body()?, true))
        } else {
            Ok((vec![self.body()?], false))
        }
    }

    fn query(&self, key: &str) -> Option<&str> {
        self.request
            .query
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    fn number(&self, key: &str, default: usize) -> usize {
        self.query(key)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    }
}

/// Answers a call under `/_sim`: an HTTP status and a JSON value.
pub fn handle(world: &mut World, now_ms: i64, request: &SimRequest) -> (u16, Value) {
    let ask = Ask { now_ms, request };
    match route(world, &ask) {
        Ok(value) => (200, value),
        Err(error) => {
            let mut message = error.to_string();
            if let ControlError::Body(cause) = &error {
                message = format!("the body is not what this call takes: {cause}");
            }
            (error.status(), json!({ "error": message }))
        }
    }
}

fn route(world: &mut World, ask: &Ask<'_>) -> Outcome {
    let segments: Vec<&str> = ask
        .request
        .path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .skip(1)
        .collect();
    let call = (ask.request.method.as_str(), segments.as_slice());
    setup::route(world, ask, call)
        .or_else(|| act::route(world, ask, call))
        .or_else(|| platform::route(world, ask, call))
        .or_else(|| faults::route(world, ask, call))
        .or_else(|| inspect::route(world, ask, call))
        .unwrap_or(Err(ControlError::NoRoute))
}

/// Serialises what is made of plain data and cannot fail.
fn to_value(value: impl serde::Serialize) -> Outcome {
    serde_json::to_value(value).map_err(ControlError::Body)
}
