//! Pauses of lanes and holds of accounts: trouble stays where it is (promise 7).

use hookline_model::alert::{AlertCode, RaiseAlert};
use hookline_model::budget::Share;
use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, LaneId};
use rusqlite::{Connection, params};

use super::finish::strike_pause;
use super::{LaneClaim, LanePause, share_of};
use crate::error::StoreError;
use crate::ids::{self, MetaId as _};
use crate::{Store, alerts};

impl Store {
    /// Holds an account: nothing is sent for it until `until`, or until a new token is given.
    pub async fn hold_account(
        &self,
        account: AccountId,
        hold: NewHold,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| hold_now(connection, &account, &hold, now))
            .await
    }

    /// Pauses the lane of a claim, because a read that was begun at `begun_at` says so.
    pub async fn pause_lane(
        &self,
        claim: LaneClaim,
        pause: LanePause,
        begun_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| pause_lane(connection, claim.lane, &pause, (begun_at, now)))
            .await
    }
}

/// Why and until when an account is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    /// The stable word.
    pub reason: String,
    /// Until when; none means until a new token is given.
    pub until: Option<Timestamp>,
    /// The token this is about; an account that has another one by now is not held.
    pub token_number: Option<i64>,
    /// What people are told of it.
    pub alert: Option<AlertCode>,
}

/// Pauses one lane. Without a time from Meta each pause in a row doubles the wait. Calls that were
/// under way when the lane was paused tell of the same trouble: they may make the pause longer,
/// but count as no further strike.
pub(crate) fn pause_lane(
    connection: &Connection,
    lane: LaneId,
    pause: &LanePause,
    (begun_at, now): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let doing = || StoreError::database("pause a lane");
    let LanePause {
        reason,
        until,
        is_throttle,
        alert,
    } = pause;
    if let Some(code) = alert {
        raise_on(connection, lane, *code, (reason, now))?;
    }
    let is_told_already: bool = connection
        .query_row(
            "SELECT pause_until > ?2 AND pause_since >= ?3 FROM lanes WHERE id = ?1",
            params![lane.0, now.as_millis(), begun_at.as_millis()],
            |row| Ok(row.get::<_, Option<bool>>(0)?.unwrap_or(false)),
        )
        .map_err(doing())?;
    if is_told_already {
        if let Some(until) = until {
            connection
                .execute(
                    "UPDATE lanes SET pause_until = max(pause_until, ?2) WHERE id = ?1",
                    params![lane.0, until.as_millis()],
                )
                .map_err(doing())?;
        }
        return Ok(());
    }
    if *is_throttle {
        let share = share_of(connection, lane)?.halved(now);
        keep_share(connection, lane, share)?;
    }
    let strikes: u32 = connection
        .query_row(
            "UPDATE lanes SET strikes = strikes + 1 WHERE id = ?1 RETURNING strikes",
            [lane.0],
            |row| row.get(0),
        )
        .map_err(doing())?;
    let until = until.unwrap_or_else(|| strike_pause(strikes, now));
    connection
        .execute(
            "UPDATE lanes SET pause_reason = ?2, pause_since = ?3,
                              pause_until = max(coalesce(pause_until, 0), ?4)
             WHERE id = ?1",
            params![lane.0, reason, now.as_millis(), until.as_millis()],
        )
        .map_err(doing())?;
    Ok(())
}

/// Lets a lane go on with at most so many thousandths of its budget.
pub(crate) fn slow_down(
    connection: &Connection,
    lane: LaneId,
    permille: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let share = share_of(connection, lane)?;
    let slower = share.at_most(permille, now);
    if slower == share {
        Ok(())
    } else {
        keep_share(connection, lane, slower)
    }
}

fn keep_share(connection: &Connection, lane: LaneId, share: Share) -> Result<(), StoreError> {
    let (permille, since) = share.parts();
    connection
        .execute(
            "UPDATE lanes SET share = ?2, share_at = ?3 WHERE id = ?1",
            params![lane.0, permille, since.as_millis()],
        )
        .map_err(StoreError::database("lower a lane's budget"))?;
    Ok(())
}

/// Holds the account of a lane.
pub(crate) fn hold_account(
    connection: &Connection,
    lane: LaneId,
    hold: &NewHold,
    now: Timestamp,
) -> Result<(), StoreError> {
    hold_now(connection, &account_of(connection, lane)?, hold, now)
}

fn account_of(connection: &Connection, lane: LaneId) -> Result<AccountId, StoreError> {
    connection
        .query_row(
            "SELECT account_id FROM lanes WHERE id = ?1",
            [lane.0],
            |row| row.get(0).map(|id: ids::Text| AccountId::new(id.0)),
        )
        .map_err(StoreError::database("find the lane's account"))
}

pub(crate) fn hold_now(
    connection: &Connection,
    account: &AccountId,
    hold: &NewHold,
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = || StoreError::database("hold an account");
    let NewHold {
        reason,
        until,
        token_number,
        alert,
    } = hold;
    let held = connection
        .execute(
            "UPDATE accounts SET hold_reason = ?2, hold_since = ?3, hold_until = ?4
             WHERE id = ?1 AND (?5 IS NULL OR token_number = ?5)",
            params![
                account.column(),
                reason,
                now.as_millis(),
                until.map(Timestamp::as_millis),
                token_number,
            ],
        )
        .map_err(doing())?;
    if held == 0 {
        // The account was removed, or connected anew while the call with its old token was made.
        return Ok(());
    }
    connection
        .execute(
            "UPDATE lanes SET next_at = max(next_at, ?2) WHERE account_id = ?1",
            params![
                account.column(),
                until.unwrap_or(Timestamp::FAR_FUTURE).as_millis()
            ],
        )
        .map_err(doing())?;
    if let Some(code) = alert {
        let raised = raised(*code, account.clone(), reason);
        alerts::raise(connection, &raised, None, now)?;
    }
    Ok(())
}

/// Raises an alert of a lane's account, in the transaction that pauses the lane.
fn raise_on(
    connection: &Connection,
    lane: LaneId,
    code: AlertCode,
    (reason, now): (&str, Timestamp),
) -> Result<(), StoreError> {
    let raised = raised(code, account_of(connection, lane)?, reason);
    alerts::raise(connection, &raised, Some(lane), now).map(drop)
}

fn raised(code: AlertCode, account: AccountId, reason: &str) -> RaiseAlert {
    RaiseAlert {
        code,
        account: Some(account),
        detail: format!("sending waits: {}", reason.replace('_', " ")),
        step: None,
    }
}

/// Lets every lane of an account go on: pauses of lanes that Meta asked for stay.
pub(crate) fn release_lanes(
    connection: &Connection,
    account: &AccountId,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE lanes SET next_at = max(?2, coalesce(pause_until, 0))
             WHERE account_id = ?1 AND lease_until = 0",
            params![account.column(), now.as_millis()],
        )
        .map_err(StoreError::database("release an account's lanes"))?;
    Ok(())
}
