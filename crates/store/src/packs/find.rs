//! Finding rows that left their tables. Whoever looks for a row looks in its table first.

use hookline_model::clock::Timestamp;
use hookline_model::event::{EventKind, NaturalKey};
use hookline_model::ids::{AccountId, CommentId, ContactId, MessageId};
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, params};

use super::keys;
use super::marks::{self, Mark};
use super::read::Unpacker;
use super::row::{PackedRow, Table};
use super::spans;
use crate::digest;
use crate::error::StoreError;
use crate::ids::MetaId as _;

/// Which rows of a table a list wants.
pub(crate) struct Wanted<'a> {
    pub(crate) table: Table,
    /// Only of this account.
    pub(crate) account: Option<&'a AccountId>,
    /// Only in packs that bear all of these.
    pub(crate) marks: Vec<Mark>,
    /// Only with ids between these two, which are excluded.
    pub(crate) ids: (i64, i64),
    /// So many at most, those with the largest ids.
    pub(crate) limit: usize,
}

/// Asks of many comments whether a pack may hold an event about them. Reads no pack.
pub(crate) struct PackedComments<'connection>(CachedStatement<'connection>);

impl<'connection> PackedComments<'connection> {
    pub(crate) fn new(connection: &'connection Connection) -> Result<Self, StoreError> {
        spans::prepare_digests(connection).map(Self)
    }

    /// Whether there may be one.
    pub(crate) fn may_know(
        &mut self,
        account: &AccountId,
        comment: &CommentId,
    ) -> Result<bool, StoreError> {
        self.0
            .exists([keys::of_comment(account, comment)])
            .map_err(StoreError::database("look for a comment in packs"))
    }
}

impl Wanted<'_> {
    /// Whether a row is between the ids.
    pub(crate) fn has(&self, row: &PackedRow) -> bool {
        let (after, before) = self.ids;
        after < row.id() && row.id() < before
    }
}

impl<'connection> Unpacker<'connection> {
    pub(crate) fn connection(&self) -> &'connection Connection {
        self.connection
    }

    /// The row of a table that has this id, with the pack it is in.
    pub(crate) fn row(
        &mut self,
        table: Table,
        id: i64,
    ) -> Result<Option<(i64, PackedRow)>, StoreError> {
        for pack in spans::with_id(self.connection, table, id)? {
            if let Some(row) = self.contents(pack)?.row(table, id) {
                return Ok(Some((pack, row.clone())));
            }
        }
        Ok(None)
    }

    /// The event of this key.
    pub(crate) fn event_by_key(
        &mut self,
        key: &NaturalKey,
    ) -> Result<Option<(i64, PackedRow)>, StoreError> {
        let digest = keys::of_key(key.as_bytes());
        let wanted = Value::Blob(key.as_bytes().to_vec());
        let found = self.among([digest], Table::Events, |row| row.holds("key", &wanted));
        Ok(found?.pop())
    }

    /// The events about a comment, of one account or of any.
    pub(crate) fn events_of_comment(
        &mut self,
        account: Option<&AccountId>,
        comment: &CommentId,
    ) -> Result<Vec<(i64, PackedRow)>, StoreError> {
        let accounts = self.accounts(account)?;
        let digests = accounts.iter();
        let digests: Vec<i64> = digests
            .map(|account| keys::of_comment(account, comment))
            .collect();
        let comment = Value::from(comment.column());
        self.of_accounts(digests, &accounts, |row| row.holds("comment_id", &comment))
    }

    /// The events about a message, of one account or of any.
    pub(crate) fn events_of_message(
        &mut self,
        account: Option<&AccountId>,
        message: &MessageId,
    ) -> Result<Vec<(i64, PackedRow)>, StoreError> {
        let accounts = self.accounts(account)?;
        let digests = accounts.iter();
        let digests: Vec<i64> = digests
            .map(|account| keys::of_message(account, message))
            .chain([keys::of_short(digest::short(message.as_str()))])
            .collect();
        let message = Value::Integer(digest::short(message.as_str()));
        self.of_accounts(digests, &accounts, |row| row.holds("mid_digest", &message))
    }

    fn accounts(&self, account: Option<&AccountId>) -> Result<Vec<AccountId>, StoreError> {
        match account {
            Some(account) => Ok(vec![account.clone()]),
            None => spans::all_accounts(self.connection),
        }
    }

    fn of_accounts(
        &mut self,
        digests: Vec<i64>,
        accounts: &[AccountId],
        is_it: impl Fn(&PackedRow) -> bool,
    ) -> Result<Vec<(i64, PackedRow)>, StoreError> {
        let accounts: Vec<Value> = accounts.iter().map(|id| id.column().into()).collect();
        self.among(digests, Table::Events, |row| {
            is_it(row) && accounts.iter().any(|id| row.holds("account_id", id))
        })
    }

    /// The sends whose message has this digest.
    pub(crate) fn sends_of_message(
        &mut self,
        message: &MessageId,
    ) -> Result<Vec<(i64, PackedRow)>, StoreError> {
        let short = digest::short(message.as_str());
        let wanted = Value::Integer(short);
        self.among([keys::of_short(short)], Table::Sends, |row| {
            row.holds("message_digest", &wanted)
        })
    }

    /// The rows of a table among what is found under these digests, the oldest first.
    fn among(
        &mut self,
        digests: impl IntoIterator<Item = i64>,
        table: Table,
        is_it: impl Fn(&PackedRow) -> bool,
    ) -> Result<Vec<(i64, PackedRow)>, StoreError> {
        let mut found = Vec::new();
        for pack in spans::with_digests(self.connection, digests)? {
            let rows = self.contents(pack)?.rows().of(table).iter();
            found.extend(rows.filter(|row| is_it(row)).map(|row| (pack, row.clone())));
        }
        found.sort_by_key(|(_, row)| row.id());
        Ok(found)
    }

    /// The rows of a table in a pack that belong to the row of this id.
    pub(crate) fn rows_of(
        &mut self,
        pack: i64,
        table: Table,
        above: i64,
    ) -> Result<Vec<PackedRow>, StoreError> {
        let rows = self.contents(pack)?.rows().of(table).iter();
        let of_it = rows.filter(|row| row.number(table.above()) == above);
        Ok(of_it.cloned().collect())
    }

    /// The rows of a list, each with the pack it is in, the newest first.
    pub(crate) fn list(
        &mut self,
        wanted: &Wanted<'_>,
        is_it: impl Fn(&PackedRow) -> bool,
    ) -> Result<Vec<(i64, PackedRow)>, StoreError> {
        let doing = || StoreError::database("go through packs");
        let (after, before) = wanted.ids;
        let sql = spans::newest_first(self.connection, wanted.table, wanted.account);
        let sql = sql.map_err(doing())?;
        let account = wanted.account.map(AccountId::column);
        let connection = self.connection;
        let mut query = connection.prepare_cached(&sql).map_err(doing())?;
        let mut packs = query
            .query(params![after, before, account])
            .map_err(doing())?;
        let mut found: Vec<(i64, PackedRow)> = Vec::new();
        while let Some(row) = packs.next().map_err(doing())? {
            let (pack, last): (i64, i64) =
                (row.get(0).map_err(doing())?, row.get(1).map_err(doing())?);
            // What is left are packs with older rows.
            let newer = found.iter().filter(|(_, row)| row.id() > last);
            if newer.count() >= wanted.limit {
                break;
            }
            if !marks::bear(row.get_ref(2).map_err(doing())?, &wanted.marks) {
                continue;
            }
            let rows = self.contents(pack)?.rows().of(wanted.table).iter();
            let is_wanted = |row: &&PackedRow| wanted.has(row) && is_it(row);
            found.extend(rows.filter(is_wanted).map(|row| (pack, row.clone())));
            found.sort_by_key(|(_, row)| std::cmp::Reverse(row.id()));
            found.truncate(wanted.limit);
        }
        Ok(found)
    }

    /// Goes through the packs that have rows of a table between two ids, the oldest first, until
    /// `look` says of what it saw that it is enough; up to which id everything was seen.
    pub(crate) fn walk(
        &mut self,
        table: Table,
        (after, until): (i64, i64),
        mut look: impl FnMut(&PackedRow) -> bool,
    ) -> Result<i64, StoreError> {
        let mut is_enough = false;
        for (pack, first) in spans::between(self.connection, table, (after, until))? {
            // A stretch ends before the next pack, unless that reaches back to its beginning.
            if is_enough && first - 1 > after {
                return Ok(first - 1);
            }
            for row in self.contents(pack)?.rows().of(table) {
                if (after + 1..=until).contains(&row.id()) {
                    is_enough |= look(row);
                }
            }
        }
        Ok(until)
    }

    /// When the first echo of a message of an account was received.
    pub(crate) fn echoed_at(
        &mut self,
        account: &AccountId,
        message: &MessageId,
    ) -> Result<Option<i64>, StoreError> {
        let kind = Value::Text(EventKind::MessageEchoed.as_str().to_owned());
        let events = self.events_of_message(Some(account), message)?;
        let echoes = events.iter().filter(|(_, row)| row.holds("kind", &kind));
        Ok(echoes.map(|(_, row)| row.number("received_at")).min())
    }

    /// The echoes to a contact received since `since`, the oldest first.
    pub(crate) fn echoes(
        &mut self,
        account: &AccountId,
        contact: &ContactId,
        since: Timestamp,
    ) -> Result<Vec<PackedRow>, StoreError> {
        let doing = || StoreError::database("look for echoes in packs");
        let connection = self.connection;
        let wanted = [
            Mark::of_contact(contact),
            Mark::of_kind(EventKind::MessageEchoed),
        ];
        let packs: Vec<Option<i64>> = connection
            .prepare_cached(
                "SELECT p.pack_id, p.marks FROM pack_spans p INDEXED BY pack_spans_by_time
                 WHERE p.received_until >= ?1 AND EXISTS (
                     SELECT 1 FROM packed_accounts a
                     WHERE a.account_id = ?2 AND a.pack_id = p.pack_id)",
            )
            .and_then(|mut query| {
                query
                    .query_map(params![since.as_millis(), account.column()], |row| {
                        let bears = marks::bear(row.get_ref(1)?, &wanted);
                        Ok(if bears { Some(row.get(0)?) } else { None })
                    })?
                    .collect()
            })
            .map_err(doing())?;
        let (account, contact) = (account.column().into(), contact.column().into());
        let kind = Value::Text("message_echoed".to_owned());
        let mut found = Vec::new();
        for pack in packs.into_iter().flatten() {
            let rows = self.contents(pack)?.rows().of(Table::Events).iter();
            let is_it = |row: &&PackedRow| {
                row.holds("kind", &kind)
                    && row.holds("account_id", &account)
                    && row.holds("contact_id", &contact)
                    && row.number("received_at") >= since.as_millis()
            };
            found.extend(rows.filter(is_it).cloned());
        }
        Ok(found)
    }
}
