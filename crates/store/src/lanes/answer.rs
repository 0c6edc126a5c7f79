//! What Meta answered, as a column holds it: JSON, or the status alone where nothing else is known,
//! as of nearly every attempt.

use hookline_model::attempt::MetaAnswer;
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

/// The answer of a row.
pub(crate) struct Answer(pub(crate) MetaAnswer);

impl Answer {
    /// An answer of which only the status is known.
    pub(crate) fn of_status(http_status: u16) -> Self {
        Self(MetaAnswer {
            http_status: Some(http_status),
            ..MetaAnswer::default()
        })
    }

    /// Any other.
    pub(crate) fn of_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }
}

impl ToSql for Answer {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self.0.http_status {
            Some(status) if self.0 == Self::of_status(status).0 => Ok(ToSqlOutput::from(status)),
            _ => serde_json::to_string(&self.0)
                .map(ToSqlOutput::from)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into())),
        }
    }
}

impl FromSql for Answer {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(_) => u16::column_result(value).map(Self::of_status),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => {
                Self::of_text(value.as_str()?).map_err(|error| FromSqlError::Other(error.into()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::types::{FromSql as _, ToSqlOutput, Type, Value, ValueRef};

    use super::{Answer, MetaAnswer, ToSql};

    fn of_status(http_status: u16) -> MetaAnswer {
        Answer::of_status(http_status).0
    }

    fn kept(answer: &MetaAnswer) -> Value {
        let answer = Answer(answer.clone());
        let ToSqlOutput::Owned(value) = answer.to_sql().unwrap() else {
            unreachable!("it is made for the statement");
        };
        value
    }

    #[test]
    fn a_status_alone_is_a_number_and_every_answer_reads_back() {
        let code = MetaAnswer {
            code: Some(190),
            ..of_status(400)
        };
        let message = MetaAnswer {
            message: Some("200".to_owned()),
            ..MetaAnswer::default()
        };
        for (answer, kind) in [
            (of_status(200), Type::Integer),
            (of_status(503), Type::Integer),
            (code, Type::Text),
            (message, Type::Text),
            (MetaAnswer::default(), Type::Text),
        ] {
            let value = kept(&answer);
            assert_eq!(value.data_type(), kind, "{answer:?}");
            let read = Answer::column_result(ValueRef::from(&value)).unwrap();
            assert_eq!(read.0, answer);
        }
    }

    #[test]
    fn what_the_version_before_kept_is_read() {
        let read = Answer::column_result(ValueRef::Text(br#"{"http_status":200}"#)).unwrap();
        assert_eq!(read.0, of_status(200));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for value in [
            ValueRef::Integer(-1),
            ValueRef::Integer(70_000),
            ValueRef::Text(b"200"),
            ValueRef::Null,
        ] {
            assert!(Answer::column_result(value).is_err(), "{value:?}");
        }
    }
}
