//! Requests byte for byte, and literal answers read.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod backfill;
mod login;
mod simulated;
mod subscriptions;

use bytes::Bytes;
use hookline_meta::graph::{
    Body, Call, CallFailure, ErrorClass, GraphConfig, Reply, RequestProblem, Sender, Usage,
    find_conversation, list_media, list_messages, read_comment, read_media, read_replies,
    send_message, send_private_reply, send_public_reply,
};
use hookline_model::account::Login;
use hookline_model::clock::Timestamp;
use hookline_model::ids::{AccountId, CommentId, ContactId, MediaId, PageId};
use hookline_model::secret::Secret;

fn config() -> GraphConfig {
    GraphConfig {
        graph_url: "https://graph.facebook.com/".to_owned(),
        instagram_graph_url: "https://graph.instagram.com".to_owned(),
        api_version: "v26.0".to_owned(),
    }
}

/// Calls `with` as each kind of sender.
fn as_each<T>(with: impl Fn(&Sender<'_>) -> T) -> [T; 2] {
    let account = AccountId::new("17841400000000001");
    let token = Secret::new("token-1");
    let logins = [
        Login::Instagram,
        Login::Facebook {
            page_id: PageId::new("1000"),
        },
    ];
    logins.map(|login| {
        with(&Sender {
            account: &account,
            login: &login,
            token: &token,
        })
    })
}

fn as_instagram<T>(with: impl Fn(&Sender<'_>) -> T) -> T {
    let [instagram, _] = as_each(with);
    instagram
}

fn line<T>(call: &Call<T>) -> String {
    let request = call.request();
    format!(
        "{} {} {}",
        request.method.as_str(),
        request.url,
        request.json().unwrap_or("-")
    )
}

fn json_of(line: &str) -> serde_json::Value {
    serde_json::from_str(line.splitn(3, ' ').nth(2).unwrap()).unwrap()
}

fn address_of(line: &str) -> &str {
    line.rsplit_once(" {").map_or(line, |(address, _)| address)
}

fn reply(http_status: u16, body: &str) -> Reply {
    Reply {
        http_status,
        body: Bytes::copy_from_slice(body.as_bytes()),
        usage: Usage::default(),
    }
}

/// Method, address, form and the names of the secrets; and that no secret can be printed.
fn open_line<T: std::fmt::Debug>(call: &Call<T>, secrets: &[&str]) -> String {
    let request = call.request();
    let form = match &request.body {
        Body::Empty => "-".to_owned(),
        Body::Json(json) => json.clone(),
        Body::Form(form) => {
            let pairs: Vec<String> = form.iter().map(|(k, v)| format!("{k}={v}")).collect();
            pairs.join(" ")
        }
    };
    let names: Vec<&str> = request.secrets.iter().map(|(name, _)| *name).collect();
    let line = format!(
        "{} {} {form} [{}]",
        request.method.as_str(),
        request.url,
        names.join(" ")
    );
    let printed = format!("{line} {call:?} {request:?}");
    for secret in secrets {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    line
}

/// Every answer that is none, whatever was asked.
fn is_unreadable<T: std::fmt::Debug>(call: &Call<T>, bodies: &[&str]) {
    for body in ["", "<html>Sorry</html>", "[]", "null", "7", "\u{0}"]
        .iter()
        .chain(bodies)
    {
        let failure = call.read(&reply(200, body)).unwrap_err();
        assert_eq!(failure.reason(), "answer_unreadable", "{body}");
    }
    let html = call.read(&reply(502, "<html>")).unwrap_err();
    assert_eq!(html.class(), Some(ErrorClass::Ambiguous));
    let dead = r#"{"error":{"message":"x","code":190,"error_subcode":463}}"#;
    let dead = call.read(&reply(400, dead)).unwrap_err();
    assert_eq!(dead.reason(), "token_expired");
}

#[test]
fn messages_go_to_the_account_or_to_the_page() {
    let text = "Hi \"Ada\" 👋\nhttps://example.com/?a=1&b=2";
    let comment = CommentId::new("17900000000000011");
    let lines =
        as_each(|sender| line(&send_private_reply(&config(), sender, &comment, text).unwrap()));
    let addresses = lines
        .each_ref()
        .map(|line| line.split(" {").next().unwrap());
    assert_eq!(
        addresses,
        [
            "POST https://graph.instagram.com/v26.0/17841400000000001/messages",
            "POST https://graph.facebook.com/v26.0/1000/messages",
        ]
    );
    for line in &lines {
        let expected = serde_json::json!({
            "recipient": { "comment_id": "17900000000000011" }, "message": { "text": text }
        });
        assert_eq!(json_of(line), expected);
    }

    let contact = ContactId::new("6100000000000001");
    for line in as_each(|sender| line(&send_message(&config(), sender, &contact, text).unwrap())) {
        let expected = serde_json::json!({
            "recipient": { "id": "6100000000000001" }, "message": { "text": text }
        });
        assert_eq!(json_of(&line), expected);
    }
}

#[test]
fn a_public_reply_asks_for_no_fields() {
    let comment = CommentId::new("17900000000000011");
    let lines = as_each(|sender| {
        line(&send_public_reply(&config(), sender, &comment, "Sent you a DM!").unwrap())
    });
    assert_eq!(
        lines,
        [
            r#"POST https://graph.instagram.com/v26.0/17900000000000011/replies {"message":"Sent you a DM!"}"#,
            r#"POST https://graph.facebook.com/v26.0/17900000000000011/replies {"message":"Sent you a DM!"}"#,
        ]
    );
}

#[test]
fn reads_ask_for_exactly_what_is_needed() {
    const HOST: &str = "GET https://graph.instagram.com/v26.0/";
    let comment = CommentId::new("11");
    let media = MediaId::new("21");
    let contact = ContactId::new("6&1=ä");
    let lines = as_instagram(|sender| {
        [
            line(&read_comment(&config(), sender, &comment).unwrap()),
            line(&read_replies(&config(), sender, &comment, None).unwrap()),
            line(&read_media(&config(), sender, &media).unwrap()),
            line(&list_media(&config(), sender).unwrap()),
            line(&find_conversation(&config(), sender, &contact).unwrap()),
        ]
    });
    let lines = lines.each_ref().map(|line| address_of(line));
    let expected = [
        "11?fields=id%2Ctext%2Ctimestamp%2Cfrom%2Cusername%2Cmedia%7Bid%2Cmedia_product_type%7D%2Cparent_id -",
        "11/replies?fields=id%2Ctext%2Ctimestamp%2Cfrom%2Cusername&limit=50 -",
        "21?fields=id%2Ccaption%2Cpermalink%2Ctimestamp%2Cmedia_product_type -",
        "17841400000000001/media?fields=id%2Ctimestamp&limit=50 -",
        "17841400000000001/conversations?platform=instagram&user_id=6%261%3D%C3%A4&fields=id -",
    ];
    for (line, expected) in lines.iter().zip(expected) {
        assert_eq!(*line, format!("{HOST}{expected}"));
    }
    let [_, page] = as_each(|sender| {
        line(&find_conversation(&config(), sender, &ContactId::new("61")).unwrap())
    });
    assert!(page.starts_with(
        "GET https://graph.facebook.com/v26.0/1000/conversations?platform=instagram&user_id=61&"
    ));
    let [_, media] = as_each(|sender| line(&list_media(&config(), sender).unwrap()));
    assert!(media.starts_with("GET https://graph.facebook.com/v26.0/17841400000000001/media?"));
}

#[test]
fn the_token_is_in_no_request() {
    let lines = as_each(|sender| {
        let call = send_private_reply(&config(), sender, &CommentId::new("1"), "hi").unwrap();
        format!("{} {:?} {sender:?}", line(&call), call)
    });
    for line in lines {
        assert!(!line.contains("token-1"), "{line}");
    }
}

#[test]
fn ids_that_would_change_the_path_are_not_called() {
    for id in [
        "", "../me", "1/2", "1?x", "1#x", "1%2f", " 1", "1\n", "ä", ".", "..",
    ] {
        let problem = as_instagram(|sender| {
            read_comment(&config(), sender, &CommentId::new(id))
                .map(|_| ())
                .unwrap_err()
        });
        assert_eq!(problem, RequestProblem::UnusableId("comment"), "{id:?}");
    }
    let mut nowhere = config();
    for url in [
        "",
        "graph.instagram.com",
        "mailto:a@b",
        "ftp://h",
        "file:///etc",
    ] {
        url.clone_into(&mut nowhere.instagram_graph_url);
        url.clone_into(&mut nowhere.graph_url);
        let problem = as_instagram(|sender| list_media(&nowhere, sender).map(|_| ()).unwrap_err());
        assert_eq!(problem, RequestProblem::UnusableUrl, "{url}");
    }
    nowhere = config();
    nowhere.instagram_graph_url = "http://127.0.0.1:9/ig/".to_owned();
    nowhere.api_version = String::new();
    let line =
        as_instagram(|sender| line(&read_media(&nowhere, sender, &MediaId::new("5")).unwrap()));
    assert!(line.starts_with("GET http://127.0.0.1:9/ig/5?"), "{line}");
}

#[test]
fn a_send_succeeded_only_if_the_answer_names_the_message() {
    let call = as_instagram(|sender| {
        send_message(&config(), sender, &ContactId::new("61"), "hi").unwrap()
    });
    let good = call
        .read(&reply(200, r#"{"recipient_id":"61","message_id":"aWdf"}"#))
        .unwrap();
    assert_eq!(good.value.message_id.as_str(), "aWdf");
    assert_eq!(good.value.recipient_id, Some(ContactId::new("61")));
    let other = call
        .read(&reply(200, r#"{"id":"aWdf","more":[1]}"#))
        .unwrap();
    assert_eq!(other.value.message_id.as_str(), "aWdf");
    for body in [
        "",
        "{}",
        "[]",
        "<html>",
        r#"{"recipient_id":"61"}"#,
        r#"{"message_id":""}"#,
        r#"{"message_id":"a"#,
    ] {
        let failure = call.read(&reply(200, body)).unwrap_err();
        assert_eq!(failure.reason(), "answer_unreadable", "{body}");
        assert!(
            matches!(
                failure,
                CallFailure::Unknown {
                    http_status: Some(200),
                    ..
                }
            ),
            "{body}"
        );
    }
    let error = r#"{"error":{"message":"x","code":-1,"error_subcode":2534023}}"#;
    for http_status in [200, 500] {
        let failure = call.read(&reply(http_status, error)).unwrap_err();
        assert_eq!(failure.class(), Some(ErrorClass::Done));
        assert_eq!(failure.meta_answer().code, Some(-1));
    }
}

#[test]
fn a_public_reply_succeeded_only_if_the_answer_names_the_comment() {
    let call = as_instagram(|sender| {
        send_public_reply(&config(), sender, &CommentId::new("11"), "hi").unwrap()
    });
    let good = call
        .read(&reply(200, r#"{"id":17900000000000099}"#))
        .unwrap();
    assert_eq!(good.value.id, CommentId::new("17900000000000099"));
    let failure = call.read(&reply(200, r#"{"success":true}"#)).unwrap_err();
    assert_eq!(failure.reason(), "answer_unreadable");
}

#[test]
fn comments_are_read_and_never_without_their_time() {
    let call =
        as_instagram(|sender| read_comment(&config(), sender, &CommentId::new("11")).unwrap());
    let full = r#"{"id":"11","text":"LINK","timestamp":"2017-05-19T23:27:28+0000","from":{"id":"61","username":"ada"},"username":"ada","media":{"id":"21","media_product_type":"REELS"},"parent_id":"10"}"#;
    let comment = call.read(&reply(200, full)).unwrap().value;
    assert_eq!(
        comment.created_at,
        Timestamp::from_millis(1_495_236_448_000)
    );
    assert_eq!(comment.text.as_deref(), Some("LINK"));
    assert_eq!(comment.from.unwrap().id, ContactId::new("61"));
    assert_eq!(comment.username.as_deref(), Some("ada"));
    assert_eq!(comment.parent_id, Some(CommentId::new("10")));
    assert_eq!(comment.media_id, Some(MediaId::new("21")));
    assert_eq!(comment.media_product_type.as_deref(), Some("REELS"));

    let bare = r#"{"id":"11","timestamp":"2017-05-19T23:27:28+0000","media":null}"#;
    let comment = call.read(&reply(200, bare)).unwrap().value;
    assert_eq!(
        (comment.text, comment.from, comment.media_id),
        (None, None, None)
    );

    for body in [
        r#"{"id":"11"}"#,
        r#"{"id":"11","timestamp":"soon"}"#,
        r#"{"timestamp":"2017-05-19T23:27:28+0000"}"#,
    ] {
        assert_eq!(
            call.read(&reply(200, body)).unwrap_err().reason(),
            "answer_unreadable"
        );
    }
}

#[test]
fn media_and_replies_are_read() {
    let call = as_instagram(|sender| read_media(&config(), sender, &MediaId::new("21")).unwrap());
    let body = r#"{"id":"21","caption":"Sale","permalink":"https:\/\/www.instagram.com\/p\/x\/","timestamp":"2026-11-24T00:00:00+0000","media_product_type":"FEED"}"#;
    let media = call.read(&reply(200, body)).unwrap().value;
    assert_eq!(media.caption.as_deref(), Some("Sale"));
    assert_eq!(
        media.permalink.as_deref(),
        Some("https://www.instagram.com/p/x/")
    );
    assert_eq!(media.product_type.as_deref(), Some("FEED"));

    let call = as_instagram(|sender| list_media(&config(), sender).unwrap());
    let body =
        r#"{"data":[{"id":"22","timestamp":"2026-11-24T00:00:00+0000"},{"id":"21"}],"paging":{}}"#;
    let items = call.read(&reply(200, body)).unwrap().value;
    assert_eq!(items.len(), 1);
    assert_eq!(
        call.read(&reply(200, "{}")).unwrap_err().reason(),
        "answer_unreadable"
    );

    let call = as_instagram(|sender| {
        read_replies(&config(), sender, &CommentId::new("11"), None).unwrap()
    });
    let body = r#"{"data":[{"id":"12","text":"Sent","timestamp":"2026-11-24T00:00:00+0000","from":{"id":"17841400000000001","username":"acme"}}]}"#;
    let replies = call.read(&reply(200, body)).unwrap().value;
    assert_eq!(
        replies.replies.first().unwrap().text.as_deref(),
        Some("Sent")
    );
    assert!(
        call.read(&reply(200, r#"{"data":[]}"#))
            .unwrap()
            .value
            .replies
            .is_empty()
    );
}

#[test]
fn a_conversation_is_found_and_read_back() {
    let contact = ContactId::new("61");
    let found = as_instagram(|sender| {
        let call = find_conversation(&config(), sender, &contact).unwrap();
        assert_eq!(
            call.read(&reply(200, r#"{"data":[]}"#)).unwrap().value,
            None
        );
        let body = r#"{"data":[{"id":"aWdfZAG06","updated_time":"2026-11-24T00:00:00+0000"}],"paging":{}}"#;
        call.read(&reply(200, body)).unwrap().value.unwrap()
    });
    let call = as_instagram(|sender| list_messages(&config(), sender, &found).unwrap());
    assert_eq!(
        line(&call),
        "GET https://graph.instagram.com/v26.0/aWdfZAG06?fields=messages.limit%2820%29%7Bid%2Ccreated_time%2Cfrom%2Cto%2Cmessage%7D -"
    );
    let body = r#"{"messages":{"data":[{"id":"m2","created_time":"2026-07-28T22:44:49+0000","from":{"username":"acme","id":"17841400000000001"},"to":{"data":[{"username":"ada","id":"61"}]},"message":"hi"},{"id":"m1","created_time":"2026-07-28T22:44:40+0000","from":{"id":"61"},"message":""}]},"id":"aWdfZAG06"}"#;
    let messages = call.read(&reply(200, body)).unwrap().value;
    let [newest, oldest] = messages.as_slice() else {
        unreachable!("two messages were given: {messages:?}")
    };
    assert_eq!(newest.text.as_deref(), Some("hi"));
    assert_eq!(newest.from_id.as_deref(), Some("17841400000000001"));
    assert_eq!(newest.from_username.as_deref(), Some("acme"));
    assert_eq!(newest.to_id.as_deref(), Some("61"));
    assert_eq!((&oldest.from_username, &oldest.to_id), (&None, &None));
    assert!(newest.created_at > oldest.created_at);
    assert_eq!(oldest.text, None);
    assert!(
        call.read(&reply(200, r#"{"id":"aWdfZAG06"}"#))
            .unwrap()
            .value
            .is_empty()
    );
    let untimed = r#"{"messages":{"data":[{"id":"m2"}]}}"#;
    assert_eq!(
        call.read(&reply(200, untimed)).unwrap_err().reason(),
        "answer_unreadable"
    );
}
