//! Reading what waits to be interpreted.

use hookline_model::ids::DeliveryId;
use rusqlite::{Connection, params};

use super::{Batch, Delivery, Generations};
use crate::Store;
use crate::error::StoreError;
use crate::packs::Unpacker;
use crate::rows::Reader;

impl Store {
    /// The next deliveries to interpret, at most `limit` and about `bytes_max` bytes of them.
    pub async fn next_batch(&self, limit: u32, bytes_max: usize) -> Result<Batch, StoreError> {
        self.read(move |connection| next_batch(connection, (limit, bytes_max)))
            .await
    }

    /// The deliveries to interpret once everything up to `after` is: what
    /// [`next_batch`](Self::next_batch) will give then. None while a replay is asked for, which must
    /// not be put off.
    pub async fn read_ahead(
        &self,
        after: DeliveryId,
        limit: u32,
        bytes_max: usize,
    ) -> Result<Option<Batch>, StoreError> {
        self.read(move |connection| read_ahead(connection, after, (limit, bytes_max)))
            .await
    }

    /// The numbers that tell whether a cache is stale.
    pub async fn generations(&self) -> Result<Generations, StoreError> {
        self.read(generations).await
    }
}

/// What is to be interpreted again. In SQLite a cross join keeps its order: the few replays are
/// gone through, and never the deliveries of all time.
const REPLAYS: &str = "SELECT d.id, d.pack_id, d.body, d.received_at FROM replays r
    CROSS JOIN deliveries d ON d.id = r.delivery_id
    WHERE r.delivery_id <= ?1 ORDER BY r.id LIMIT ?2";

fn number_of(connection: &Connection, noun: &str) -> Result<i64, StoreError> {
    connection
        .prepare_cached("SELECT number FROM generations WHERE noun = ?1")
        .and_then(|mut query| query.query_row([noun], |row| row.get(0)))
        .map_err(StoreError::database("look for changes"))
}

fn generations(connection: &Connection) -> Result<Generations, StoreError> {
    Ok(Generations {
        accounts: number_of(connection, "accounts")?,
        automations: number_of(connection, "automations")?,
    })
}

fn next_batch(connection: &Connection, bounds: (u32, usize)) -> Result<Batch, StoreError> {
    let doing = || StoreError::database("read the next deliveries");
    let cursor: i64 = connection
        .prepare_cached("SELECT delivery_id FROM progress WHERE stage = 'interpret'")
        .and_then(|mut query| query.query_row([], |row| row.get(0)))
        .map_err(doing())?;
    let mut batch = batch_after(connection, cursor, bounds)?;
    let mut packs = Unpacker::new(connection);
    let mut query = connection.prepare_cached(REPLAYS).map_err(doing())?;
    let bounds = (16, bounds.1);
    let (replays, more_replays) = bounded(&mut query, params![cursor, 17], bounds, &mut packs)?;
    batch.replays = replays;
    batch.has_more |= more_replays;
    Ok(batch)
}

fn read_ahead(
    connection: &Connection,
    after: DeliveryId,
    bounds: (u32, usize),
) -> Result<Option<Batch>, StoreError> {
    let has_replays = connection
        .prepare_cached("SELECT 1 FROM replays")
        .and_then(|mut query| query.exists([]))
        .map_err(StoreError::database("look for replays"))?;
    if has_replays {
        return Ok(None);
    }
    batch_after(connection, after.0, bounds).map(Some)
}

/// The deliveries after `cursor`, and no replays.
fn batch_after(
    connection: &Connection,
    cursor: i64,
    (limit, bytes_max): (u32, usize),
) -> Result<Batch, StoreError> {
    let doing = || StoreError::database("read the next deliveries");
    let newest: Option<i64> = connection
        .prepare_cached("SELECT max(id) FROM deliveries")
        .and_then(|mut query| query.query_row([], |row| row.get(0)))
        .map_err(doing())?;
    let mut query = connection
        .prepare_cached(
            "SELECT id, pack_id, body, received_at FROM deliveries
             WHERE id > ?1 ORDER BY id LIMIT ?2",
        )
        .map_err(doing())?;
    let mut packs = Unpacker::new(connection);
    let bounds = (limit, bytes_max);
    let (deliveries, has_more) =
        bounded(&mut query, params![cursor, limit + 1], bounds, &mut packs)?;
    Ok(Batch {
        cursor: DeliveryId(cursor),
        deliveries,
        replays: Vec::new(),
        has_more,
        redactions: number_of(connection, "redactions")?,
        generations: generations(connection)?,
        newest: newest.map(DeliveryId),
    })
}

fn bounded(
    query: &mut rusqlite::CachedStatement<'_>,
    params: impl rusqlite::Params,
    (limit, bytes_max): (u32, usize),
    packs: &mut Unpacker<'_>,
) -> Result<(Vec<Delivery>, bool), StoreError> {
    let doing = || StoreError::database("read the next deliveries");
    let mut rows = query.query(params).map_err(doing())?;
    let mut deliveries: Vec<Delivery> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(doing())? {
        if deliveries.len() >= usize::try_from(limit).unwrap_or(usize::MAX) || bytes >= bytes_max {
            return Ok((deliveries, true));
        }
        let id: i64 = row.get("id").map_err(doing())?;
        let read = Reader::new("deliveries", &id, row);
        let body = packs.delivery_body(id, &read)?;
        bytes += body.len();
        deliveries.push(Delivery {
            id: DeliveryId(id),
            received_at: read.time("received_at")?,
            body,
        });
    }
    Ok((deliveries, false))
}

#[cfg(test)]
mod tests {
    use super::REPLAYS;
    use crate::query_plans::{plan_of, scratch};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_batch_looks_at_replays_and_not_at_every_delivery_there_is() {
        let (_directory, store) = scratch();
        let plan = plan_of(&store, REPLAYS).await;
        assert!(plan.starts_with("SCAN r;"), "{plan}");
        assert!(
            plan.contains("SEARCH d USING INTEGER PRIMARY KEY (rowid=?)"),
            "{plan}"
        );
    }
}
