//! What a person decides about a send that evidence cannot settle.

use hookline_model::clock::Timestamp;
use hookline_model::ids::{LaneId, SendId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::Store;
use crate::error::StoreError;
use crate::lanes::{self, wake_lane};
use crate::packs::{Table, Unpacker};

/// What a person says of an unknown send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The person has it.
    Landed,
    /// The person does not have it: it is tried again, within its deadline.
    NotLanded,
    /// Nobody wants to know any more.
    GivenUp,
}

impl Decision {
    /// Every decision.
    pub const ALL: [Self; 3] = [Self::Landed, Self::NotLanded, Self::GivenUp];

    /// The decision as people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Landed => "landed",
            Self::NotLanded => "not_landed",
            Self::GivenUp => "given_up",
        }
    }

    /// The decision of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|decision| decision.as_str() == name)
    }
}

/// What came of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It holds.
    Done,
    /// There is no such send.
    NotFound,
    /// The send is not unknown, so there is nothing to decide.
    NotUnknown {
        /// What it is.
        state: String,
    },
}

impl Store {
    /// Settles an unknown send as a person says, and what follows from it for the steps after it.
    pub async fn decide_send(
        &self,
        send: SendId,
        decision: Decision,
        now: Timestamp,
    ) -> Result<Decided, StoreError> {
        self.write(move |connection| decide(connection, send, decision, now))
            .await
    }
}

fn decide(
    connection: &Connection,
    send: SendId,
    decision: Decision,
    now: Timestamp,
) -> Result<Decided, StoreError> {
    let doing = || StoreError::database("settle a send as told");
    let found: Option<(String, i64)> = connection
        .prepare_cached("SELECT state, lane_id FROM sends WHERE id = ?1")
        .and_then(|mut query| {
            query
                .query_row([send.0], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(doing())?;
    let lane = match found {
        None => return decided_long_ago(connection, send),
        Some((state, lane)) if state == "unknown" => LaneId(lane),
        Some((state, _)) => return Ok(Decided::NotUnknown { state }),
    };
    match decision {
        Decision::Landed => lanes::accept(connection, send, None, now)?,
        Decision::NotLanded => {
            connection
                .execute(
                    "UPDATE sends SET state = 'planned', reason = 'trying_again', due_at = ?2,
                                      reads = 0, had_unknown = 0, proven = attempts
                     WHERE id = ?1",
                    params![send.0, now.as_millis()],
                )
                .map_err(doing())?;
            wake_lane(connection, lane, now)?;
        }
        Decision::GivenUp => lanes::give_up(connection, send, now)?,
    }
    Ok(Decided::Done)
}

/// A send that left its table ended before.
fn decided_long_ago(connection: &Connection, send: SendId) -> Result<Decided, StoreError> {
    let left = Unpacker::new(connection).row(Table::Sends, send.0)?;
    Ok(match left.and_then(|(_, row)| row.text("state")) {
        Some(state) => Decided::NotUnknown { state },
        None => Decided::NotFound,
    })
}
