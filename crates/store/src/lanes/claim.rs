//! Claiming lanes.

use std::collections::HashSet;
use std::time::Duration;

use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, AutomationId, CommentId, ContactId, EventId, LaneId, SendId};
use hookline_model::send::{SendClass, SendKind};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Budgets, ClaimRequest, ClaimedLane, LaneClaim, LeasedSend, room_of, settle_lane, share_of,
};
use crate::error::StoreError;
use crate::ids::{self, MetaId as _};
use crate::packs::Unpacker;
use crate::planning::event_of;
use crate::rows::Reader;
use crate::{Store, accounts};

/// How far a claim looks for sends it may take: bounds its work, whatever the backlog.
const LOOK_AHEAD: u32 = 64;

impl Store {
    /// Claims lanes whose time has come, earliest first, with a few of their sends each, earliest
    /// deadline first, at most one for each conversation.
    ///
    /// A claim ends at `now + lease`. After that another worker may claim the lane, and this
    /// one's [`Store::start_attempts`] are refused, so a slow worker cannot send what another one
    /// has taken over.
    pub async fn claim_lanes(
        &self,
        request: ClaimRequest,
        now: Timestamp,
    ) -> Result<Vec<ClaimedLane>, StoreError> {
        self.write(move |connection| claim(connection, &request, now))
            .await
    }

    /// When the next lane will have something to do; none while nothing waits.
    pub async fn next_lane_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let at: Option<i64> = connection
                .prepare_cached("SELECT min(next_at) FROM lanes WHERE next_at < ?1")
                .and_then(|mut query| {
                    query.query_row([Timestamp::FAR_FUTURE.as_millis()], |row| row.get(0))
                })
                .map_err(StoreError::database("look for the next lane"))?;
            Ok(at.map(Timestamp::from_millis))
        })
        .await
    }
}

/// Gives a lane back, if the claim is still its latest: what was not tried waits in it again.
pub(super) fn release(
    connection: &Connection,
    claim: &LaneClaim,
    budgets: &Budgets,
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = || StoreError::database("give a lane back");
    let owned = connection
        .prepare_cached("SELECT 1 FROM lanes WHERE id = ?1 AND fence = ?2")
        .and_then(|mut query| query.exists([claim.lane.0, claim.fence]))
        .map_err(doing())?;
    if !owned {
        return Ok(());
    }
    let untried: Vec<i64> = connection
        .prepare_cached(
            "SELECT id FROM sends INDEXED BY sends_leased
             WHERE state = 'leased' AND account_id = ?1 AND lane_id = ?2
               AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.send_id = sends.id
                               AND a.finished_at IS NULL)",
        )
        .and_then(|mut query| {
            let of_lane = params![claim.account_id.column(), claim.lane.0];
            query.query_map(of_lane, |row| row.get(0))?.collect()
        })
        .map_err(doing())?;
    for send in untried {
        put_back(connection, SendId(send))?;
    }
    settle_lane(connection, claim.lane, budgets.of(claim.class), now)
}

/// A leased send waits in its lane again.
pub(super) fn put_back(connection: &Connection, send: SendId) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE sends SET state = 'planned', lease_until = NULL WHERE id = ?1")
        .and_then(|mut update| update.execute([send.0]))
        .map_err(StoreError::database("put a send back"))?;
    Ok(())
}

fn claim(
    connection: &Connection,
    request: &ClaimRequest,
    now: Timestamp,
) -> Result<Vec<ClaimedLane>, StoreError> {
    let mut claimed = Vec::new();
    for (lane, account_id, class, fence) in due_lanes(connection, request.lanes, now)? {
        let budget = request.budgets.of(class);
        let left = budget.lowered(share_of(connection, lane)?.at(now));
        let room = room_of(connection, lane, left, request.sends_per_lane, now)?;
        if room == 0 {
            // Something new woke it before its time: it waits on, and nothing is read for it.
            settle_lane(connection, lane, budget, now)?;
            continue;
        }
        let sends = lease_sends(connection, (lane, room), &account_id, request.lease, now)?;
        if sends.is_empty() {
            settle_empty(connection, lane, class, request, now)?;
            continue;
        }
        let lease_until = now.plus(request.lease);
        connection
            .prepare_cached(
                "UPDATE lanes SET fence = ?2, lease_until = ?3, next_at = ?3 WHERE id = ?1",
            )
            .and_then(|mut update| {
                update.execute(params![lane.0, fence + 1, lease_until.as_millis()])
            })
            .map_err(StoreError::database("claim a lane"))?;
        let claim = LaneClaim {
            lane,
            fence: fence + 1,
            account_id,
            class,
            lease_until,
        };
        let account = accounts::find(connection, &claim.account_id)?;
        claimed.push(ClaimedLane {
            claim,
            account,
            sends,
        });
    }
    Ok(claimed)
}

/// Nothing of this lane can go now although its time has come: everyone in it is being written
/// to from another lane. It is looked at again shortly instead of in a tight loop.
fn settle_empty(
    connection: &Connection,
    lane: LaneId,
    class: SendClass,
    request: &ClaimRequest,
    now: Timestamp,
) -> Result<(), StoreError> {
    const LOOK_AGAIN: Duration = Duration::from_millis(100);
    settle_lane(connection, lane, request.budgets.of(class), now)?;
    connection
        .execute(
            "UPDATE lanes SET next_at = max(next_at, ?2) WHERE id = ?1",
            params![lane.0, now.plus(LOOK_AGAIN).as_millis()],
        )
        .map_err(StoreError::database("settle a lane"))?;
    Ok(())
}

type DueLane = (LaneId, AccountId, SendClass, i64);

fn due_lanes(
    connection: &Connection,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<DueLane>, StoreError> {
    let doing = || StoreError::database("look for due lanes");
    let mut query = connection
        .prepare_cached(
            "SELECT id, account_id, class, fence FROM lanes
             WHERE next_at <= ?1 ORDER BY next_at LIMIT ?2",
        )
        .map_err(doing())?;
    let mut rows = query
        .query(params![now.as_millis(), limit])
        .map_err(doing())?;
    let mut lanes = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let id: i64 = row.get("id").map_err(doing())?;
        let read = Reader::new("lanes", &id, row);
        let class = read.word("class", SendClass::from_name)?;
        lanes.push((LaneId(id), read.account()?, class, read.get("fence")?));
    }
    Ok(lanes)
}

fn lease_sends(
    connection: &Connection,
    (lane, room): (LaneId, u32),
    account: &AccountId,
    lease: Duration,
    now: Timestamp,
) -> Result<Vec<LeasedSend>, StoreError> {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let mut picked = Picked {
        account,
        room,
        people: HashSet::new(),
        sends: Vec::with_capacity(room),
        unreadable: Vec::new(),
    };
    picked.pick(connection, lane, BY_DEADLINE, now)?;
    if picked.sends.len() < room {
        // The earliest deadlines may all belong to sends that are not due yet.
        picked.pick(connection, lane, BY_DUE_TIME, now)?;
    }
    for (id, error) in &picked.unreadable {
        put_unreadable_off(connection, *id, error, now)?;
    }
    for send in &picked.sends {
        lease_send(connection, send.id, now.plus(lease))?;
    }
    Ok(picked.sends)
}

/// Due sends of a lane, earliest deadline first. The statements differ in which of its sends they
/// look at, [`LOOK_AHEAD`] at most.
const BY_DEADLINE: &str = "SELECT id, contact_id FROM
         (SELECT id, contact_id, due_at, deadline_at FROM sends
          WHERE lane_id = ?1 AND state = 'planned' AND due_at IS NOT NULL
          ORDER BY deadline_at, id LIMIT ?3)
     WHERE due_at <= ?2";
const BY_DUE_TIME: &str = "SELECT id, contact_id FROM
         (SELECT id, contact_id, due_at, deadline_at FROM sends
          WHERE lane_id = ?1 AND state = 'planned' AND due_at IS NOT NULL
          ORDER BY due_at LIMIT ?3)
     WHERE due_at <= ?2 ORDER BY deadline_at, id";

/// Which sends of a lane may go at once: no two of them to the same person.
struct Picked<'a> {
    account: &'a AccountId,
    room: usize,
    people: HashSet<ContactId>,
    sends: Vec<LeasedSend>,
    /// Found, but this version cannot read them.
    unreadable: Vec<(SendId, StoreError)>,
}

impl Picked<'_> {
    /// Takes more of what a statement finds; stops looking when there is no more room.
    fn pick(
        &mut self,
        connection: &Connection,
        lane: LaneId,
        sql: &'static str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let doing = || StoreError::database("look for due sends");
        let mut query = connection.prepare_cached(sql).map_err(doing())?;
        let mut rows = query
            .query(params![lane.0, now.as_millis(), LOOK_AHEAD])
            .map_err(doing())?;
        while self.sends.len() < self.room
            && let Some(row) = rows.next().map_err(doing())?
        {
            let id = SendId(row.get(0).map_err(doing())?);
            let contact: Option<ids::Text> = row.get(1).map_err(doing())?;
            let contact = contact.map(|id| ContactId::new(id.0));
            if self.is_known(id) || !self.is_free(connection, contact.as_ref())? {
                continue;
            }
            match read_send(connection, id) {
                Ok(Some(send)) => {
                    self.people.extend(contact);
                    self.sends.push(send);
                }
                Ok(None) => {}
                Err(error @ StoreError::Corrupt { .. }) => self.unreadable.push((id, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn is_known(&self, id: SendId) -> bool {
        self.sends.iter().any(|send| send.id == id)
            || self.unreadable.iter().any(|(other, _)| *other == id)
    }

    fn is_free(
        &self,
        connection: &Connection,
        contact: Option<&ContactId>,
    ) -> Result<bool, StoreError> {
        let Some(contact) = contact else {
            return Ok(true);
        };
        Ok(!self.people.contains(contact) && !is_busy(connection, self.account, contact)?)
    }
}

/// Whether something is on its way to this person already, from whichever lane, or may have been
/// and is still being looked for: what comes after it must not overtake it.
fn is_busy(
    connection: &Connection,
    account: &AccountId,
    contact: &ContactId,
) -> Result<bool, StoreError> {
    connection
        .prepare_cached(
            "SELECT 1 FROM sends WHERE account_id = ?1 AND contact_id = ?2
                 AND (state = 'leased' OR (state = 'unknown' AND due_at < ?3)) LIMIT 1",
        )
        .and_then(|mut query| {
            query.exists(params![
                account.column(),
                contact.column(),
                Timestamp::FAR_FUTURE.as_millis()
            ])
        })
        .map_err(StoreError::database("look for sends on their way"))
}

fn lease_send(connection: &Connection, id: SendId, until: Timestamp) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE sends SET state = 'leased', lease_until = ?2
             WHERE id = ?1 AND state = 'planned'",
        )
        .and_then(|mut update| update.execute([id.0, until.as_millis()]))
        .map_err(StoreError::database("lease a send"))?;
    Ok(())
}

fn read_send(connection: &Connection, id: SendId) -> Result<Option<LeasedSend>, StoreError> {
    connection
        .prepare_cached(
            "SELECT s.event_id, s.automation_id, s.kind, s.contact_id AS send_contact,
                    s.comment_id AS send_comment, s.keyword, s.text, s.is_rendered, s.context,
                    s.due_at, s.deadline_at, s.attempts, s.reads, s.had_unknown,
                    a.name AS automation,
                    (SELECT username FROM contacts c WHERE c.account_id = s.account_id
                        AND c.contact_id = s.contact_id) AS contact_username,
                    e.key, e.account_id, e.container, e.sent_at, e.occurred_at, e.pack_id,
                    e.body, e.delivery_id
             FROM sends s JOIN events e ON e.id = s.event_id
                  JOIN automations a ON a.id = s.automation_id
             WHERE s.id = ?1",
        )
        .and_then(|mut query| {
            query
                .query_row([id.0], |row| {
                    let mut packs = Unpacker::new(connection);
                    let read = Reader::new("sends", &id, row);
                    Ok(leased_send(id.0, &read, &mut packs))
                })
                .optional()
        })
        .map_err(StoreError::database("read a send that is due"))?
        .transpose()
}

fn leased_send(
    id: i64,
    read: &Reader<'_, '_>,
    packs: &mut Unpacker<'_>,
) -> Result<LeasedSend, StoreError> {
    let event = read.get("event_id")?;
    Ok(LeasedSend {
        id: SendId(id),
        event_id: EventId(event),
        // In the order of the columns, which is how they are found without a search.
        automation_id: AutomationId(read.get("automation_id")?),
        kind: read.word("kind", SendKind::from_name)?,
        contact_id: read.optional_id("send_contact", ContactId::new)?,
        comment_id: read.optional_id("send_comment", CommentId::new)?,
        keyword: read.get("keyword")?,
        text: read.get("text")?,
        is_rendered: read.get("is_rendered")?,
        context: read.optional_json("context")?,
        due_at: read.time("due_at")?,
        deadline_at: read.time("deadline_at")?,
        attempts: read.count("attempts")?,
        reads: read.count("reads")?,
        had_unknown: read.get("had_unknown")?,
        automation: read.get("automation")?,
        contact_username: read.get("contact_username")?,
        event: event_of(event, read, packs)?,
    })
}

/// A row that this version cannot read must not stop its neighbours. It waits for one that can,
/// visible with its reason, until its deadline.
fn put_unreadable_off(
    connection: &Connection,
    send: SendId,
    error: &StoreError,
    now: Timestamp,
) -> Result<(), StoreError> {
    const LOOK_AGAIN: Duration = Duration::from_hours(1);
    tracing::error!(%send, %error, "a send cannot be read from the database");
    connection
        .execute(
            "UPDATE sends SET reason = 'unreadable', due_at = ?2 WHERE id = ?1",
            params![send.0, now.plus(LOOK_AGAIN).as_millis()],
        )
        .map_err(StoreError::database("put an unreadable send off"))?;
    Ok(())
}
