//! Lists by page, and single records: those in tables, and those that left them for packs.

use hookline_model::clock::Timestamp;
use hookline_model::event::EventKind;
use hookline_model::ids::{AccountId, CommentId, ContactId, DeliveryId, MessageId};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::shown::{DELIVERIES, EVENTS, delivery_of, event_of, rows, send_of, sends_sql};
use super::shown::{packed_delivery, packed_event, packed_send};
use super::{DeliveryRecord, DeliveryStatus, EventRecord, Page, PageRequest, SendRecord};
use crate::Store;
use crate::digest;
use crate::error::StoreError;
use crate::ids::MetaId;
use crate::packs::{Mark, PackedRow, Table, Unpacker, Wanted};
use crate::rows::Reader;

/// Which deliveries.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only of this status.
    pub status: Option<DeliveryStatus>,
}

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only of this account.
    pub account_id: Option<AccountId>,
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Only about this comment.
    pub comment_id: Option<CommentId>,
    /// Only about this message.
    pub mid: Option<MessageId>,
}

/// Which sends.
#[derive(Debug, Clone, Default)]
pub struct SendFilter {
    /// Only of this account.
    pub account_id: Option<AccountId>,
    /// Only answers to this comment.
    pub comment_id: Option<CommentId>,
    /// Only to this person.
    pub contact_id: Option<ContactId>,
    /// Only of this state, `held` included.
    pub state: Option<String>,
    /// Only asked for by the automation of this name.
    pub automation: Option<String>,
}

impl Store {
    /// Deliveries, newest first.
    pub async fn list_deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliveryRecord>, StoreError> {
        self.read(move |connection| deliveries(connection, &filter, page))
            .await
    }

    /// One delivery and its bytes.
    pub async fn find_delivery(
        &self,
        id: DeliveryId,
    ) -> Result<Option<(DeliveryRecord, Vec<u8>)>, StoreError> {
        self.read(move |connection| {
            let sql = format!("{DELIVERIES} WHERE d.id = ?1");
            let mut packs = Unpacker::new(connection);
            let Some(record) = rows(connection, &sql, [id.0], delivery_of)?.pop() else {
                let Some((_, row)) = packs.row(Table::Deliveries, id.0)? else {
                    return Ok(None);
                };
                let body = Reader::of_packed(&id, &row).get("body")?;
                return Ok(Some((packed_delivery(row)?, body)));
            };
            let sql = "SELECT body, pack_id FROM deliveries WHERE id = ?1";
            let body = rows(connection, sql, [id.0], |row| {
                packs.delivery_body(id.0, &Reader::new("deliveries", &id, row))
            })?;
            Ok(body.into_iter().next().map(|body| (record, body)))
        })
        .await
    }

    /// Events, newest first.
    pub async fn list_events(
        &self,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<EventRecord>, StoreError> {
        self.read(move |connection| events(connection, &filter, page))
            .await
    }

    /// Sends, newest first, each with its attempts.
    pub async fn list_sends(
        &self,
        filter: SendFilter,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<SendRecord>, StoreError> {
        self.read(move |connection| sends(connection, &filter, page, now))
            .await
    }
}

fn deliveries(
    connection: &Connection,
    filter: &DeliveryFilter,
    page: PageRequest,
) -> Result<Page<DeliveryRecord>, StoreError> {
    let mut query = Conditions::new("d.id", page);
    let status = filter.status.map(|status| status.as_str().to_owned());
    query.equals("shown_status", status);
    let mut listed = query.found(connection, DELIVERIES, "d.id", delivery_of)?;
    // Nothing is noted about a delivery that left, and it was interpreted.
    if matches!(filter.status, None | Some(DeliveryStatus::Interpreted)) {
        let mut packs = Unpacker::new(connection);
        let wanted = wanted(Table::Deliveries, page, &listed, |record| record.id.0);
        for (_, row) in packs.list(&wanted, |_| true)? {
            listed.push(packed_delivery(row)?);
        }
    }
    Ok(paged(listed, page, |record| record.id.0))
}

fn events(
    connection: &Connection,
    filter: &EventFilter,
    page: PageRequest,
) -> Result<Page<EventRecord>, StoreError> {
    let mut query = Conditions::new("e.id", page);
    query.is_id("e.account_id", filter.account_id.as_ref());
    query.equals("e.kind", filter.kind.map(|kind| kind.as_str().to_owned()));
    query.is_id("e.comment_id", filter.comment_id.as_ref());
    let mid = filter.mid.as_ref().map(|id| digest::short(id.as_str()));
    query.within("e.mid_digest = ?", mid);
    let mut packs = Unpacker::new(connection);
    let read = |row: &Row<'_>| event_of(row, &mut packs);
    let mut listed = query.found(connection, EVENTS, "e.id", read)?;
    let account: Option<Value> = filter.account_id.as_ref().map(|id| id.column().into());
    let is_it = |row: &PackedRow| {
        account
            .as_ref()
            .is_none_or(|id| row.holds("account_id", id))
            && filter
                .kind
                .is_none_or(|kind| row.text("kind").as_deref() == Some(kind.as_str()))
            && filter
                .comment_id
                .as_ref()
                .is_none_or(|id| row.holds("comment_id", &id.column().into()))
            && mid.is_none_or(|mid| row.holds("mid_digest", &mid.into()))
    };
    let mut wanted = wanted(Table::Events, page, &listed, |record| record.id.0);
    wanted.account = filter.account_id.as_ref();
    wanted.marks.extend(filter.kind.map(Mark::of_kind));
    let about = about(
        &mut packs,
        wanted.account,
        filter.comment_id.as_ref(),
        filter.mid.as_ref(),
    )?;
    let found = match about {
        Some(about) => about
            .into_iter()
            .filter(|(_, row)| wanted.has(row) && is_it(row))
            .collect(),
        None => packs.list(&wanted, is_it)?,
    };
    for (_, row) in found {
        listed.push(packed_event(&row, &mut packs)?);
    }
    Ok(paged(listed, page, |record| record.id.0))
}

/// The events that left their table about a comment or a message, if one of these is asked for.
fn about(
    packs: &mut Unpacker<'_>,
    account: Option<&AccountId>,
    comment: Option<&CommentId>,
    message: Option<&MessageId>,
) -> Result<Option<Vec<(i64, PackedRow)>>, StoreError> {
    Ok(match (comment, message) {
        (Some(comment), _) => Some(packs.events_of_comment(account, comment)?),
        (None, Some(message)) => Some(packs.events_of_message(account, message)?),
        (None, None) => None,
    })
}

fn sends(
    connection: &Connection,
    filter: &SendFilter,
    page: PageRequest,
    now: Timestamp,
) -> Result<Page<SendRecord>, StoreError> {
    let mut query = Conditions::new("s.id", page);
    query.is_id("s.account_id", filter.account_id.as_ref());
    query.is_id("s.contact_id", filter.contact_id.as_ref());
    query.equals("a.name", filter.automation.clone());
    query.equals("shown_state", filter.state.clone());
    query.within(
        "s.event_id IN (SELECT id FROM events WHERE comment_id = ?)",
        filter.comment_id.as_ref().map(CommentId::column),
    );
    let mut packs = Unpacker::new(connection);
    let read = |row: &Row<'_>| send_of(connection, row, &mut packs);
    let mut listed = query.found(connection, &sends_sql(now), "s.id", read)?;
    let Some(asked) = asked(connection, filter)? else {
        return Ok(paged(listed, page, |record| record.id.0));
    };
    let mut wanted = wanted(Table::Sends, page, &listed, |record| record.id.0);
    wanted.account = filter.account_id.as_ref();
    wanted
        .marks
        .extend(filter.contact_id.as_ref().map(Mark::of_contact));
    wanted
        .marks
        .extend(filter.state.as_deref().map(Mark::of_state));
    wanted
        .marks
        .extend(asked.automation.map(Mark::of_automation));
    let found = match &filter.comment_id {
        Some(comment) => {
            let mut found = Vec::new();
            for (pack, event) in packs.events_of_comment(wanted.account, comment)? {
                let sends = packs.rows_of(pack, Table::Sends, event.id())?.into_iter();
                let sends = sends.filter(|row| wanted.has(row) && asked.is(row));
                found.extend(sends.map(|row| (pack, row)));
            }
            found
        }
        None => packs.list(&wanted, |row| asked.is(row))?,
    };
    for (pack, row) in found {
        listed.extend(packed_send(connection, pack, row, &mut packs)?);
    }
    Ok(paged(listed, page, |record| record.id.0))
}

/// What is asked of a send, as columns hold it.
struct Asked<'a> {
    columns: Vec<(&'static str, Value)>,
    automation: Option<i64>,
    state: Option<&'a str>,
}

impl Asked<'_> {
    fn is(&self, row: &PackedRow) -> bool {
        self.columns
            .iter()
            .all(|(column, value)| row.holds(column, value))
            && self
                .automation
                .is_none_or(|id| row.number("automation_id") == id)
            && self
                .state
                .is_none_or(|state| row.text("state").as_deref() == Some(state))
    }
}

/// None when there is no such automation.
fn asked<'a>(
    connection: &Connection,
    filter: &'a SendFilter,
) -> Result<Option<Asked<'a>>, StoreError> {
    let mut asked = Asked {
        columns: Vec::new(),
        automation: None,
        state: filter.state.as_deref(),
    };
    if let Some(account) = &filter.account_id {
        asked.columns.push(("account_id", account.column().into()));
    }
    if let Some(contact) = &filter.contact_id {
        asked.columns.push(("contact_id", contact.column().into()));
    }
    if let Some(name) = &filter.automation {
        let sql = "SELECT id FROM automations WHERE name = ?1";
        let id = |row: &Row<'_>| row.get(0).map_err(StoreError::database("read a list"));
        asked.automation = rows(connection, sql, [name], id)?.pop();
        if asked.automation.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(asked))
}

/// What a page wants of the rows that left a table, beside what it has from there.
fn wanted<'a, T>(table: Table, page: PageRequest, listed: &[T], id: fn(&T) -> i64) -> Wanted<'a> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    // Older ones are on no page that is full already.
    let after = listed.get(limit).map_or(i64::MIN, id);
    Wanted {
        table,
        account: None,
        marks: Vec::new(),
        ids: (after, page.before.unwrap_or(i64::MAX)),
        limit: limit.saturating_add(1),
    }
}

/// The page of what was found, in tables and packs.
pub(crate) fn paged<T>(mut items: Vec<T>, page: PageRequest, id: fn(&T) -> i64) -> Page<T> {
    items.sort_by_key(|item| std::cmp::Reverse(id(item)));
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next_before = if has_more { items.last().map(id) } else { None };
    Page { items, next_before }
}

/// The conditions of a list, joined with AND; values are always bound, never written in.
pub(crate) struct Conditions {
    clauses: Vec<String>,
    values: Vec<Value>,
    limit: u32,
}

impl Conditions {
    pub(crate) fn new(id_column: &str, page: PageRequest) -> Self {
        let mut conditions = Self {
            clauses: Vec::new(),
            values: Vec::new(),
            limit: page.limit,
        };
        if let Some(before) = page.before {
            conditions.clauses.push(format!("{id_column} < ?"));
            conditions.values.push(Value::Integer(before));
        }
        conditions
    }

    pub(crate) fn equals(&mut self, column: &str, value: Option<String>) {
        self.within(&format!("{column} = ?"), value);
    }

    /// That a column of ids holds this one.
    pub(crate) fn is_id<T: MetaId>(&mut self, column: &str, id: Option<&T>) {
        self.within(&format!("{column} = ?"), id.map(T::column));
    }

    /// A condition without a value.
    pub(crate) fn holds(&mut self, clause: &str) {
        self.clauses.push(clause.to_owned());
    }

    fn within(&mut self, clause: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.clauses.push(clause.to_owned());
            self.values.push(value.into());
        }
    }

    pub(crate) fn run<T>(
        self,
        connection: &Connection,
        select: &str,
        id_column: &str,
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
        id: fn(&T) -> i64,
    ) -> Result<Page<T>, StoreError> {
        let page = PageRequest {
            before: None,
            limit: self.limit,
        };
        let found = self.found(connection, select, id_column, read)?;
        Ok(paged(found, page, id))
    }

    /// The rows of the page, and one more if there are more.
    fn found<T>(
        self,
        connection: &Connection,
        select: &str,
        id_column: &str,
        read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let condition = match self.clauses.as_slice() {
            [] => String::new(),
            clauses => format!("WHERE {}", clauses.join(" AND ")),
        };
        let sql = format!(
            "{select} {condition} ORDER BY {id_column} DESC LIMIT {}",
            u64::from(self.limit) + 1
        );
        rows(connection, &sql, params_from_iter(self.values), read)
    }
}
