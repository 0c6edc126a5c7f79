//! Rows that left their tables.

use rusqlite::types::{Value, ValueRef};

const SENDS: &[&str] = &[
    "id",
    "event_id",
    "automation_id",
    "version",
    "step",
    "kind",
    "lane_id",
    "account_id",
    "contact_id",
    "comment_id",
    "state",
    "reason",
    "planned_at",
    "due_at",
    "deadline_at",
    "finished_at",
    "text",
    "is_rendered",
    "keyword",
    "context",
    "attempts",
    "reads",
    "had_unknown",
    "message_id",
    "message_digest",
    "recipient_id",
    "echoed_at",
    "lease_until",
    "proven",
];

/// A table whose rows may leave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Deliveries,
    Events,
    Runs,
    Sends,
    Attempts,
}

impl Table {
    /// Each behind what it belongs to.
    pub(super) const ALL: [Self; 5] = [
        Self::Deliveries,
        Self::Events,
        Self::Runs,
        Self::Sends,
        Self::Attempts,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deliveries => "deliveries",
            Self::Events => "events",
            Self::Runs => "runs",
            Self::Sends => "sends",
            Self::Attempts => "attempts",
        }
    }

    /// The columns a pack has of it, in this order: those that tell a row from its neighbours, and
    /// then each behind what it is guessed by (`guesses`). Never changed: a later list is a later
    /// form of packs.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Deliveries => &[
                "id",
                "received_at",
                "secret_index",
                "api_version",
                "source",
                "body",
            ],
            Self::Events => &[
                "id",
                "delivery_id",
                "body",
                "account_id",
                "comment_id",
                "contact_id",
                "mid_digest",
                "kind",
                "key",
                "received_at",
                "sent_at",
                "occurred_at",
                "container",
                "ignored",
            ],
            Self::Runs => &[
                "event_id",
                "automation_id",
                "version",
                "verdict",
                "once_key",
                "because",
            ],
            Self::Sends => SENDS,
            Self::Attempts => &[
                "send_id",
                "number",
                "lane_id",
                "seq",
                "started_at",
                "finished_at",
                "outcome",
                "reason",
                "answer",
            ],
        }
    }

    /// The columns by which its table tells a row from all others.
    pub(super) fn key(self) -> [&'static str; 2] {
        match self {
            Self::Deliveries | Self::Events | Self::Sends => ["id", "id"],
            Self::Runs => ["event_id", "automation_id"],
            Self::Attempts => ["lane_id", "seq"],
        }
    }

    /// The column that says what a row belongs to.
    pub(super) fn above(self) -> &'static str {
        match self {
            Self::Deliveries => "id",
            Self::Events => "delivery_id",
            Self::Runs | Self::Sends => "event_id",
            Self::Attempts => "send_id",
        }
    }

    pub(super) fn place(self, column: &str) -> Option<usize> {
        self.columns().iter().position(|name| *name == column)
    }
}

/// A row that left its table, with all its columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PackedRow {
    pub(super) table: Table,
    pub(super) values: Vec<Value>,
    /// What a statement would have found beside it.
    beside: Vec<(&'static str, Value)>,
}

impl PackedRow {
    pub(super) fn new(table: Table, values: Vec<Value>) -> Self {
        Self {
            table,
            values,
            beside: Vec::new(),
        }
    }

    /// The row with a column of another table.
    pub(crate) fn with(mut self, column: &'static str, value: Value) -> Self {
        self.beside.push((column, value));
        self
    }

    pub(crate) fn table(&self) -> Table {
        self.table
    }

    /// What a column holds; none if there is no such column.
    pub(crate) fn value(&self, column: &str) -> Option<ValueRef<'_>> {
        if let Some(place) = self.table.place(column) {
            return self.values.get(place).map(ValueRef::from);
        }
        let beside = self.beside.iter().find(|(name, _)| *name == column);
        match beside {
            Some((_, value)) => Some(value.into()),
            // It is whole: nothing of it is elsewhere.
            None => (column == "pack_id").then_some(ValueRef::Null),
        }
    }

    /// The number in a column; 0 if it has none.
    pub(crate) fn number(&self, column: &str) -> i64 {
        match self.value(column) {
            Some(ValueRef::Integer(number)) => number,
            Some(ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_))
            | None => 0,
        }
    }

    /// The text in a column, if it has one.
    pub(crate) fn text(&self, column: &str) -> Option<String> {
        let text = self.value(column).and_then(|value| value.as_str().ok());
        text.map(str::to_owned)
    }

    /// Whether a column holds this.
    pub(crate) fn holds(&self, column: &str, value: &Value) -> bool {
        self.value(column) == Some(value.into())
    }

    /// The number it is known by.
    pub(crate) fn id(&self) -> i64 {
        self.number("id")
    }

    /// The column that may quote the body of the delivery.
    pub(super) fn quoting(&mut self) -> Option<&mut Value> {
        let column = match self.table {
            Table::Events => "body",
            Table::Runs => "because",
            Table::Deliveries | Table::Sends | Table::Attempts => return None,
        };
        self.values.get_mut(self.table.place(column)?)
    }

    /// The bytes of its texts.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
            Value::Null | Value::Integer(_) | Value::Real(_) => 0,
        };
        self.values.iter().map(bytes).sum()
    }
}

/// The rows of a pack, table by table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rows {
    tables: [Vec<PackedRow>; Table::ALL.len()],
}

impl Rows {
    fn place(table: Table) -> usize {
        Table::ALL
            .iter()
            .position(|other| *other == table)
            .unwrap_or_default()
    }

    pub(super) fn of(&self, table: Table) -> &[PackedRow] {
        self.tables
            .get(Self::place(table))
            .map_or(&[], Vec::as_slice)
    }

    pub(super) fn push(&mut self, row: PackedRow) {
        if let Some(rows) = self.tables.get_mut(Self::place(row.table)) {
            rows.push(row);
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        for row in other.tables.into_iter().flatten() {
            self.push(row);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &PackedRow> {
        self.tables.iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.tables.iter().map(Vec::len).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.all().map(PackedRow::bytes).sum()
    }

    /// The first and the last id of a table.
    pub(super) fn span(&self, table: Table) -> Option<(i64, i64)> {
        let ids = || self.of(table).iter().map(PackedRow::id);
        Some((ids().min()?, ids().max()?))
    }
}
