//! The OpenAPI document of the API.

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};

use super::{BASE, guarded, open};

/// What the document says beside its paths and schemas.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hookline",
        description = "What a Hookline installation received from Instagram, what it owes and \
        sent, and the accounts and automations it works for. Lists are pages: send `next_cursor` \
        back as `cursor`. Errors are `application/problem+json`. Times are RFC 3339 in UTC.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(super::problem::Problem, super::schema::FieldError)),
    tags(
        (name = "accounts", description = "Connected Instagram professional accounts"),
        (name = "automations", description = "What is to happen: trigger, conditions, steps"),
        (name = "deliveries", description = "What Meta sent, byte for byte"),
        (name = "events", description = "What happened, each thing once"),
        (name = "sends", description = "What is owed and was sent, with every try"),
        (name = "queue", description = "What waits in each lane, and when it goes out"),
        (name = "alerts", description = "What is wrong, since when, and what to do about it"),
        (name = "explain", description = "Why something was sent, or was not"),
        (name = "document", description = "This document")
    )
)]
struct About;

const SCHEME: &str = "bearer";

/// The OpenAPI document of the API, as JSON for people, newline at the end.
pub fn openapi() -> String {
    let mut guarded = guarded().into_openapi();
    for item in guarded.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            let needed = SecurityRequirement::new::<_, _, &str>(SCHEME, []);
            operation.security = Some(vec![needed]);
        }
    }
    let mut document = About::openapi()
        .nest(BASE, guarded)
        .nest(BASE, open().into_openapi());
    let components = document.components.get_or_insert_default();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme(SCHEME, scheme);
    document
        .to_pretty_json()
        .map(|json| json + "\n")
        .unwrap_or_default()
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "document",
    responses((status = 200, description = "The document", content_type = "application/json"))
)]
pub(super) async fn get_openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi())
}
