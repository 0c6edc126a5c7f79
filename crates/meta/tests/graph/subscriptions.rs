//! Both levels of subscription: requests byte for byte, and answers in every documented shape.

use hookline_meta::graph::RequestProblem;
use hookline_meta::graph::{
    AppCredentials, AppWish, GraphError, read_app_subscription, read_subscribed_apps,
    refused_field, subscribe_account, subscribe_app, unsubscribe_account, unsubscribe_app,
};
use hookline_model::secret::Secret;

use super::{as_each, as_instagram, config, is_unreadable, open_line, reply};

fn app() -> AppCredentials {
    AppCredentials {
        id: "900000000000001".to_owned(),
        secret: Secret::new("app-secret-1"),
    }
}

#[test]
fn the_app_level_calls_go_to_the_app_and_hide_its_verify_token() {
    let secrets = ["app-secret-1", "verify-1"];
    assert_eq!(app().token().expose(), "900000000000001|app-secret-1");
    assert_eq!(format!("{:?}", app()), "AppCredentials(900000000000001)");
    let read = read_app_subscription(&config(), &app()).unwrap();
    assert_eq!(
        open_line(&read, &secrets),
        "GET https://graph.facebook.com/v26.0/900000000000001/subscriptions - []"
    );
    let wish = AppWish {
        callback_url: "https://hooks.example.com/webhooks/instagram",
        fields: &["comments", "messages"],
        verify_token: &Secret::new("verify-1"),
    };
    let subscribe = subscribe_app(&config(), &app(), &wish).unwrap();
    assert_eq!(
        open_line(&subscribe, &secrets),
        "POST https://graph.facebook.com/v26.0/900000000000001/subscriptions \
         object=instagram callback_url=https://hooks.example.com/webhooks/instagram \
         fields=comments,messages include_values=true [verify_token]"
    );
    let (kind, body) = subscribe.request().full_body().unwrap();
    assert_eq!(kind, "application/x-www-form-urlencoded");
    assert_eq!(
        body,
        "object=instagram&callback_url=https%3A%2F%2Fhooks.example.com%2Fwebhooks%2Finstagram\
         &fields=comments%2Cmessages&include_values=true&verify_token=verify-1"
    );
    let delete = unsubscribe_app(&config(), &app()).unwrap();
    assert_eq!(
        open_line(&delete, &secrets),
        "DELETE https://graph.facebook.com/v26.0/900000000000001/subscriptions?object=instagram - []"
    );
    let mut odd = app();
    "../me".clone_into(&mut odd.id);
    let problem = read_app_subscription(&config(), &odd).map(|_| ());
    assert_eq!(problem.unwrap_err(), RequestProblem::UnusableId("app"));
}

#[test]
fn of_the_apps_subscriptions_the_one_of_instagram_counts() {
    let call = read_app_subscription(&config(), &app()).unwrap();
    let body = r#"{"data":[{"object":"page","callback_url":"https://x","active":true,"fields":[]},{"object":7},{"object":"instagram","callback_url":"https:\/\/hooks.example.com\/w","active":true,"fields":[{"name":"comments","version":"v26.0"},"messages"]}]}"#;
    let found = call.read(&reply(200, body)).unwrap().value.unwrap();
    assert_eq!(
        found.callback_url.as_deref(),
        Some("https://hooks.example.com/w")
    );
    assert!(found.is_active);
    let fields: Vec<_> = found
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.version.as_deref()))
        .collect();
    assert_eq!(fields, [("comments", Some("v26.0")), ("messages", None)]);

    let off = r#"{"data":[{"object":"instagram","active":false}]}"#;
    let off = call.read(&reply(200, off)).unwrap().value.unwrap();
    assert_eq!((off.is_active, off.callback_url), (false, None));
    let silent = r#"{"data":[{"object":"instagram","fields":"comments"}]}"#;
    let silent = call.read(&reply(200, silent)).unwrap().value.unwrap();
    assert!(silent.is_active && silent.fields.is_empty());
    for none in [r#"{"data":[]}"#, r#"{"data":[{"object":"page"}]}"#] {
        assert_eq!(call.read(&reply(200, none)).unwrap().value, None);
    }
    is_unreadable(&call, &["{}", r#"{"data":{}}"#, r#"{"data":null}"#]);
}

#[test]
fn success_is_true_or_the_word() {
    let call = unsubscribe_app(&config(), &app()).unwrap();
    for body in [r#"{"success":true}"#, r#"{"success":"true"}"#] {
        call.read(&reply(200, body)).unwrap();
    }
    is_unreadable(&call, &["{}", r#"{"success":false}"#, r#"{"success":[]}"#]);
}

#[test]
fn an_account_is_subscribed_at_its_own_node_and_a_page_at_the_page() {
    let lines = as_each(|sender| {
        [
            open_line(
                &read_subscribed_apps(&config(), sender).unwrap(),
                &["token-1"],
            ),
            open_line(
                &subscribe_account(&config(), sender, &["comments", "messages"]).unwrap(),
                &["token-1"],
            ),
            open_line(
                &unsubscribe_account(&config(), sender).unwrap(),
                &["token-1"],
            ),
        ]
    });
    let nodes = [
        "https://graph.instagram.com/v26.0/17841400000000001/subscribed_apps",
        "https://graph.facebook.com/v26.0/1000/subscribed_apps",
    ];
    for (lines, node) in lines.iter().zip(nodes) {
        let expected = [
            format!("GET {node} - []"),
            format!("POST {node} subscribed_fields=comments,messages []"),
            format!("DELETE {node} - []"),
        ];
        assert_eq!(*lines, expected);
    }
}

#[test]
fn our_app_is_found_among_several() {
    let call = as_instagram(|sender| read_subscribed_apps(&config(), sender).unwrap());
    let body = r#"{"data":[{"category":"Business","link":"https://x","name":"Other","id":"77","subscribed_fields":["messages"]},{"name":null,"id":900000000000001,"subscribed_fields":["comments","messages"]},{"id":"5"}]}"#;
    let apps = call.read(&reply(200, body)).unwrap().value;
    let ours = apps.find("900000000000001").unwrap();
    assert_eq!(ours.fields, ["comments", "messages"]);
    assert_eq!(ours.name, None);
    let others: Vec<&str> = apps
        .others("900000000000001")
        .map(|app| app.id.as_str())
        .collect();
    assert_eq!(others, ["77", "5"]);
    assert!(apps.find("1").is_none());
    let none = call.read(&reply(200, r#"{"data":[]}"#)).unwrap().value;
    assert!(none.0.is_empty());
    is_unreadable(&call, &["{}", r#"{"data":[{}]}"#, r#"{"data":7}"#]);
}

#[test]
fn a_refused_field_is_named_whatever_the_language() {
    let sent = ["comments", "messages", "messaging_seen"];
    let refused = |code: i64, message: &str| {
        let body = serde_json::json!({ "error": { "message": message, "code": code } });
        let error = GraphError::of_reply(400, body.to_string().as_bytes()).unwrap();
        refused_field(&error, &sent)
    };
    for message in [
        "(#100) Param subscribed_fields[2] must be one of {feed, mention} - got \"messaging_seen\".",
        "(#100) Param fields[2] must be one of {comments}",
        "(#100) O par\u{e2}metro subscribed_fields[2] deve ser um de {feed}",
    ] {
        assert_eq!(refused(100, message), Some("messaging_seen"), "{message}");
    }
    for message in [
        "(#100) Param subscribed_fields[3] must be one of {feed}",
        "(#100) Param subscribed_fields[-1] must be one of {feed}",
        "(#100) Param subscribed_fields must be an array",
        "(#100) Param fields[99999999999999999999] must be one of {feed}",
        "fields[2",
        "",
    ] {
        assert_eq!(refused(100, message), None, "{message}");
    }
    let other = "(#200) Param subscribed_fields[2] must be one of {feed}";
    assert_eq!(refused(200, other), None);
}
