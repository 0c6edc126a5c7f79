//! Alerts that follow from what else is in the database, and those whose time is over.

use std::collections::BTreeMap;

use hookline_model::alert::{AlertCode, RaiseAlert};
use hookline_model::clock::Timestamp;
use hookline_model::ids::AccountId;
use rusqlite::{Connection, Row, params};

use super::{ALERTS, Open, find_open, open, raise, resolve};
use crate::Store;
use crate::error::StoreError;
use crate::ids;
use crate::lanes::StartedAttempt;

impl Store {
    /// Raises and resolves `sends_need_a_person` as the unknown sends of each account have it.
    /// Answers how many alerts changed; costs no commit when none does.
    pub async fn review_unsettled_sends(&self, now: Timestamp) -> Result<usize, StoreError> {
        if self.read(changes).await?.is_empty() {
            return Ok(0);
        }
        self.write(move |connection| {
            let changes = changes(connection)?;
            for (account, unsettled) in &changes {
                review(connection, account, *unsettled, now)?;
            }
            Ok(changes.len())
        })
        .await
    }

    /// Resolves what a send would have resolved, when its cause was not seen since `before` and
    /// nothing is held any more: there was nothing to send, so nobody can tell, and an alert that
    /// lasts for ever helps nobody.
    pub async fn resolve_unseen_alerts(
        &self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let find = move |connection: &Connection| unseen(connection, before, now);
        if self.read(find).await?.is_empty() {
            return Ok(0);
        }
        self.write(move |connection| {
            let unseen = unseen(connection, before, now)?;
            let count = unseen.len();
            for open in unseen {
                resolve(connection, open, now)?;
            }
            Ok(count)
        })
        .await
    }

    /// Forgets alerts that were resolved before `before`, with what people were told of them; at
    /// most `limit` of them.
    pub async fn forget_old_alerts(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<usize, StoreError> {
        let old = move |connection: &Connection| {
            let doing = || StoreError::database("look for old alerts");
            connection
                .prepare_cached("SELECT id FROM alerts WHERE resolved_at < ?1 LIMIT ?2")
                .and_then(|mut query| {
                    query
                        .query_map(params![before.as_millis(), limit], |row| row.get(0))?
                        .collect::<Result<Vec<i64>, _>>()
                })
                .map_err(doing())
        };
        if self.read(old).await?.is_empty() {
            return Ok(0);
        }
        self.write(move |connection| {
            let old = old(connection)?;
            for id in &old {
                forget(connection, *id)?;
            }
            Ok(old.len())
        })
        .await
    }
}

/// Accounts whose alert does not say what is so, with the sends a person has to settle.
fn changes(connection: &Connection) -> Result<BTreeMap<AccountId, u32>, StoreError> {
    let doing = || StoreError::database("count sends that need a person");
    let account = |row: &Row<'_>| row.get(0).map(|id: ids::Text| AccountId::new(id.0));
    let mut wanted: BTreeMap<AccountId, u32> = connection
        .prepare_cached(
            "SELECT account_id, count(*) FROM sends
             WHERE state = 'unknown' AND due_at = ?1
                 AND EXISTS (SELECT 1 FROM accounts WHERE accounts.id = sends.account_id)
             GROUP BY account_id",
        )
        .and_then(|mut query| {
            query
                .query_map([Timestamp::FAR_FUTURE.as_millis()], |row| {
                    Ok((account(row)?, row.get(1)?))
                })?
                .collect()
        })
        .map_err(doing())?;
    let told: Vec<(AccountId, String)> = connection
        .prepare_cached(
            "SELECT account_id, detail FROM alerts
             WHERE code = 'sends_need_a_person' AND resolved_at IS NULL",
        )
        .and_then(|mut query| {
            query
                .query_map([], |row| Ok((account(row)?, row.get(1)?)))?
                .collect()
        })
        .map_err(doing())?;
    for (account, detail) in told {
        let unsettled = wanted.entry(account.clone()).or_insert(0);
        if detail_of(*unsettled) == detail {
            wanted.remove(&account);
        }
    }
    Ok(wanted)
}

fn detail_of(unsettled: u32) -> String {
    match unsettled {
        1 => "1 send may or may not have arrived".to_owned(),
        many => format!("{many} sends may or may not have arrived"),
    }
}

fn review(
    connection: &Connection,
    account: &AccountId,
    unsettled: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let code = AlertCode::SendsNeedAPerson;
    if unsettled > 0 {
        let alert = RaiseAlert {
            code,
            account: Some(account.clone()),
            detail: detail_of(unsettled),
            step: None,
        };
        return raise(connection, &alert, None, now).map(drop);
    }
    match find_open(connection, code, Some(account))? {
        Some(open) => resolve(connection, open, now),
        None => Ok(()),
    }
}

/// Meta took a send: what kept the account or the lane from sending, and was last seen before the
/// send was begun, is over. Nearly always no alert of the account is open, and then this need not be
/// asked.
pub(crate) fn ended_by_a_send(
    connection: &Connection,
    attempt: &StartedAttempt,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ended = select(
        connection,
        "a.account_id = (SELECT account_id FROM lanes WHERE id = ?1)
             AND a.code IN ('account_blocked', 'message_access_off', 'permission_missing')
             AND a.resolved_at IS NULL AND (a.lane_id IS NULL OR a.lane_id = ?1)
             AND a.last_seen_at < (SELECT started_at FROM attempts
                                   WHERE lane_id = ?1 AND seq = ?2)",
        params![attempt.lane.0, attempt.seq],
    )?;
    for open in ended {
        resolve(connection, open, now)?;
    }
    Ok(())
}

fn unseen(
    connection: &Connection,
    before: Timestamp,
    now: Timestamp,
) -> Result<Vec<Open>, StoreError> {
    select(
        connection,
        "a.code IN ('account_blocked', 'message_access_off', 'permission_missing')
             AND a.resolved_at IS NULL AND a.last_seen_at < ?1
             AND (c.hold_reason IS NULL OR c.hold_until <= ?2)",
        params![before.as_millis(), now.as_millis()],
    )
}

fn select(
    connection: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Open>, StoreError> {
    let doing = || StoreError::database("look for alerts that are over");
    let sql = format!("{ALERTS} WHERE {condition}");
    let mut query = connection.prepare_cached(&sql).map_err(doing())?;
    let mut rows = query.query(values).map_err(doing())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        found.push(open(row)?);
    }
    Ok(found)
}

fn forget(connection: &Connection, id: i64) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM alert_letters WHERE notice_id IN
             (SELECT id FROM alert_notices WHERE alert_id = ?1)",
        "DELETE FROM alert_notices WHERE alert_id = ?1",
        "DELETE FROM alerts WHERE id = ?1",
    ] {
        connection
            .prepare_cached(sql)
            .and_then(|mut delete| delete.execute([id]))
            .map_err(StoreError::database("forget an old alert"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::AlertCode;

    /// The queries write the codes out, for the database to use its index.
    #[test]
    fn the_codes_a_send_ends_are_those_of_the_queries() {
        let named = AlertCode::ENDED_BY_A_SEND.map(AlertCode::as_str);
        assert_eq!(
            named,
            [
                "account_blocked",
                "message_access_off",
                "permission_missing"
            ]
        );
    }
}
