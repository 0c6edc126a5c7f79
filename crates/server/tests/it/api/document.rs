use axum::body::Body;
use axum::http::Method;
use hookline_server::http::api::openapi;
use serde_json::Value;

use super::Api;

#[tokio::test]
async fn the_document_is_open_and_the_one_in_the_tree_is_current() {
    let answer = Api::with_token(None)
        .ask_as(None, Method::GET, "/openapi.json", Body::empty())
        .await;
    assert_eq!(answer.ok(200)["openapi"], "3.1.0");
    assert_eq!(answer.header("content-type"), "application/json");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let in_tree = std::fs::read_to_string(path).unwrap();
    assert!(
        in_tree == openapi(),
        "docs/openapi.json is out of date: run cargo xtask generate"
    );
}

/// Routes and document come from one list; this proves that list is served, and guarded.
#[tokio::test]
async fn every_documented_operation_is_served_and_guarded() {
    let api = Api::new();
    let document: Value = serde_json::from_str(&openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut operations = 0;
    for (path, item) in paths {
        let path = path
            .strip_prefix("/api/v1")
            .unwrap()
            .replace(['{', '}'], "");
        for (method, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = api.ask_as(None, method.clone(), &path, Body::empty()).await;
            let is_open = operation.get("security").is_none();
            assert_eq!(
                answer.status.as_u16(),
                if is_open { 200 } else { 401 },
                "{method} {path}"
            );
            operations += 1;
        }
    }
    assert_eq!(operations, 19);
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                let reference = fields.get("$ref").and_then(Value::as_str);
                found.extend(reference.map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document: Value = serde_json::from_str(&openapi()).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
}
