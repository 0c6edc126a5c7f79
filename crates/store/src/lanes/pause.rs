//! Pauses of lanes and holds of accounts: trouble stays where it is (promise 7).

use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, LaneId};
use rusqlite::{Connection, params};

use super::finish::strike_pause;
use crate::Store;
use crate::error::StoreError;

impl Store {
    /// Holds an account: nothing is sent for it until `until`, or until a new token is given.
    pub async fn hold_account(
        &self,
        account: AccountId,
        reason: String,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |connection| hold(connection, &account, &reason, until, now))
            .await
    }
}

/// Pauses one lane. Without a time from Meta each throttle in a row doubles the wait.
pub(crate) fn pause_lane(
    connection: &Connection,
    lane: LaneId,
    reason: &str,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = || StoreError::database("pause a lane");
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

/// Holds the account of a lane.
pub(crate) fn hold_account(
    connection: &Connection,
    lane: LaneId,
    reason: &str,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let account: String = connection
        .query_row(
            "SELECT account_id FROM lanes WHERE id = ?1",
            [lane.0],
            |row| row.get(0),
        )
        .map_err(StoreError::database("find the lane's account"))?;
    hold(connection, &AccountId::new(account), reason, until, now)
}

fn hold(
    connection: &Connection,
    account: &AccountId,
    reason: &str,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = || StoreError::database("hold an account");
    connection
        .execute(
            "UPDATE accounts SET hold_reason = ?2, hold_since = ?3, hold_until = ?4 WHERE id = ?1",
            params![
                account.as_str(),
                reason,
                now.as_millis(),
                until.map(Timestamp::as_millis)
            ],
        )
        .map_err(doing())?;
    connection
        .execute(
            "UPDATE lanes SET next_at = max(next_at, ?2) WHERE account_id = ?1",
            params![
                account.as_str(),
                until.unwrap_or(Timestamp::FAR_FUTURE).as_millis()
            ],
        )
        .map_err(doing())?;
    Ok(())
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
            params![account.as_str(), now.as_millis()],
        )
        .map_err(StoreError::database("release an account's lanes"))?;
    Ok(())
}
