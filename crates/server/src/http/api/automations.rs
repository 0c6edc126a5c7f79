//! Automations: documents that are published, each time with a new version.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hookline_model::automation::{Automation, Problem};
use hookline_store::PublishedAutomation;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ApiState;
use super::page::{self, Items};
use super::problem::{ApiError, CommonProblems, DocumentProblems, NotFoundProblem};
use super::request::{Document, Name, Parameters};
use super::schema;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AutomationsParameters {
    /// Items at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The automations in use, by name.
#[utoipa::path(
    get, path = "/automations", tag = "automations", params(AutomationsParameters),
    responses(
        (status = 200, description = "A page", body = Items<schema::PublishedAutomation>),
        CommonProblems
    )
)]
pub(super) async fn list_automations(
    State(state): State<ApiState>,
    Parameters(asked): Parameters<AutomationsParameters>,
) -> Result<Json<Items<Value>>, ApiError> {
    const LIST: &str = "automations";
    let limit = page::limit(asked.limit.as_deref())?;
    let after = page::place(LIST, asked.cursor.as_deref())?;
    let rows = state
        .store
        .list_automations(after, limit.saturating_add(1))
        .await?;
    let name = |automation: &PublishedAutomation| automation.name.clone();
    Ok(Json(Items::by_name(LIST, limit, rows, name, shown)))
}

/// The current version of an automation.
#[utoipa::path(
    get, path = "/automations/{name}", tag = "automations",
    params(("name" = String, Path, description = "The automation's name")),
    responses(
        (status = 200, description = "The version", body = schema::PublishedAutomation),
        NotFoundProblem, CommonProblems
    )
)]
pub(super) async fn get_automation(
    State(state): State<ApiState>,
    Name(name): Name,
) -> Result<Json<Value>, ApiError> {
    match state.store.find_automation(name.clone()).await? {
        Some(automation) => Ok(Json(shown(automation))),
        None => Err(unknown(&name)),
    }
}

/// Publishes an automation: a new version, unless the document is equal to the current one.
///
/// `name` may be left out of the document; if it is there it must be the one of the path.
#[utoipa::path(
    put, path = "/automations/{name}", tag = "automations",
    params(("name" = String, Path, description = "The automation's name")),
    request_body = schema::AutomationDocument,
    responses(
        (
            status = 200, description = "The version that is current now; `created` says whether \
            this request made it", body = schema::AutomationPublication
        ),
        CommonProblems, DocumentProblems
    )
)]
pub(super) async fn put_automation(
    State(state): State<ApiState>,
    Name(name): Name,
    Document(document): Document,
) -> Result<Json<Value>, ApiError> {
    let automation = read(&name, document).map_err(ApiError::Invalid)?;
    let document = serde_json::to_value(&automation)
        .map_err(|_| ApiError::Internal("the automation could not be written as JSON"))?;
    let publication = state
        .store
        .publish_automation(name.clone(), document, state.clock.now())
        .await?;
    if publication.is_new {
        state.wake.notify_one();
    }
    let current = state
        .store
        .find_automation(name.clone())
        .await?
        .ok_or_else(|| unknown(&name))?;
    let mut answer = shown(current);
    if let Value::Object(fields) = &mut answer {
        fields.insert("created".to_owned(), Value::Bool(publication.is_new));
    }
    Ok(Json(answer))
}

/// Takes an automation out of use: it is considered no more, what it planned still goes out.
#[utoipa::path(
    delete, path = "/automations/{name}", tag = "automations",
    params(("name" = String, Path, description = "The automation's name")),
    responses((status = 204, description = "Out of use"), NotFoundProblem, CommonProblems)
)]
pub(super) async fn delete_automation(
    State(state): State<ApiState>,
    Name(name): Name,
) -> Result<StatusCode, ApiError> {
    if state
        .store
        .remove_automation(name.clone(), state.clock.now())
        .await?
    {
        state.wake.notify_one();
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(unknown(&name))
    }
}

/// Reads a document that is to be published as `name`.
fn read(name: &str, mut document: Value) -> Result<Automation, Vec<Problem>> {
    if let Value::Object(fields) = &mut document {
        let given = fields.entry("name").or_insert_with(|| name.into());
        if given.is_string() && given != name {
            return Err(vec![Problem {
                path: "name".to_owned(),
                message: format!("must be {name:?} as in the path, or be left out"),
            }]);
        }
    }
    Automation::from_json(&document)
}

/// An automation as people see it: its version, then its document.
pub fn shown(automation: PublishedAutomation) -> Value {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), json!(automation.name));
    fields.insert("version".to_owned(), json!(automation.version));
    fields.insert("published_at".to_owned(), json!(automation.published_at));
    fields.insert(
        "first_published_at".to_owned(),
        json!(automation.first_published_at),
    );
    if let Value::Object(document) = automation.document {
        for (key, value) in document {
            fields.entry(key).or_insert(value);
        }
    }
    Value::Object(fields)
}

fn unknown(name: &str) -> ApiError {
    ApiError::NotFound(format!("no automation in use is named {name:?}"))
}
