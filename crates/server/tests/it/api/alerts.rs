use hookline_model::alert::{AlertCode, RaiseAlert};
use hookline_model::clock::Timestamp;
use hookline_model::ids::AccountId;
use serde_json::json;

use super::{Api, NOW, schema};

#[tokio::test]
async fn alerts_are_listed_by_state_account_and_code_and_by_page() {
    let api = Api::new();
    let draft = json!({"username": "acme", "access_token": "t", "login": "instagram"});
    api.put("/accounts/1784", &draft).await.ok(201);
    let now = Timestamp::from_millis(NOW);
    let account = Some(AccountId::new("1784"));
    for (code, account) in [
        (AlertCode::AppIncident, None),
        (AlertCode::TokenDead, account.clone()),
        (AlertCode::AccountSilent, account),
    ] {
        let detail = "as seen".to_owned();
        let step = None;
        let alert = RaiseAlert {
            code,
            account,
            detail,
            step,
        };
        api.store.raise_alert(alert, now).await.unwrap();
    }
    let resolved = api.store.resolve_alert(AlertCode::AppIncident, None, now);
    assert!(resolved.await.unwrap());
    let codes = async |query: &str| {
        let answer = api.get(&format!("/alerts{query}")).await;
        let items = answer.body["items"].as_array().unwrap().clone();
        for item in &items {
            schema::check("Alert", item);
        }
        let code = |item: &serde_json::Value| item["code"].as_str().unwrap().to_owned();
        items.iter().map(code).collect::<Vec<_>>()
    };
    assert_eq!(codes("").await, ["account_silent", "token_dead"]);
    assert_eq!(codes("?state=open&code=token_dead").await, ["token_dead"]);
    assert_eq!(codes("?state=all&account_id=1784").await.len(), 2);
    assert_eq!(
        codes("?state=all&code=app_incident").await,
        ["app_incident"]
    );
    assert!(codes("?account_id=1").await.is_empty());
    let page = api.get("/alerts?state=all&limit=2").await.body;
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = format!("?state=all&limit=2&cursor={cursor}");
    assert_eq!(codes(&next).await, ["app_incident"]);
    for wrong in ["state=closed", "code=nothing", "cursor=x"] {
        assert_eq!(
            api.get(&format!("/alerts?{wrong}")).await.status,
            400,
            "{wrong}"
        );
    }
}

#[test]
fn the_document_knows_every_code() {
    for code in AlertCode::ALL {
        schema::check("AlertCode", &json!(code.as_str()));
    }
}
