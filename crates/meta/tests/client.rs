//! The client against a server on this machine that behaves badly on purpose.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use hookline_meta::graph::{
    Answer, AppCredentials, AppWish, CallFailure, ErrorClass, GraphClient, GraphConfig, LoginKind,
    OAuthHosts, Sender, Sent, Usage,
};
use hookline_model::account::Login;
use hookline_model::ids::{AccountId, CommentId, ContactId};
use hookline_model::limits::GRAPH_ANSWER_BYTES_MAX;
use hookline_model::secret::Secret;

const SENT: &str = r#"{"recipient_id":"61","message_id":"aWdf"}"#;

/// Takes one connection after another and answers each request as told; gives the requests back.
fn serve(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        answers
            .into_iter()
            .map(|answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let request = read_request(&mut stream);
                // A client that hung up is what some tests are about.
                let _ = stream.write_all(answer.as_bytes());
                request
            })
            .collect()
    });
    (url, server)
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut request = String::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        request.push_str(std::str::from_utf8(buffer.get(..count).unwrap()).unwrap());
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            assert!(count > 0, "the request was cut: {request}");
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        if body.len() >= length {
            return request;
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    )
}

/// Sends one DM to the server at `url`.
async fn send(url: &str) -> Result<Answer<Sent>, CallFailure> {
    let config = GraphConfig {
        graph_url: "http://127.0.0.1:1".to_owned(),
        instagram_graph_url: url.to_owned(),
        api_version: "v26.0".to_owned(),
    };
    let client = GraphClient::with_call_limit(config, Duration::from_millis(500)).unwrap();
    let sender = Sender {
        account: &AccountId::new("17841400000000001"),
        login: &Login::Instagram,
        token: &Secret::new("token-1"),
    };
    client
        .send_message(&sender, &ContactId::new("61"), "hello there")
        .await
}

#[tokio::test]
async fn the_token_travels_in_the_header_only() {
    let (url, server) = serve(vec![answer("200 OK", "", SENT)]);
    assert_eq!(send(&url).await.unwrap().value.message_id.as_str(), "aWdf");
    let requests = server.join().unwrap();
    let (head, body) = requests.first().unwrap().split_once("\r\n\r\n").unwrap();
    let (line, headers) = head.split_once("\r\n").unwrap();
    assert_eq!(line, "POST /v26.0/17841400000000001/messages HTTP/1.1");
    let headers = headers.to_ascii_lowercase();
    for header in [
        "authorization: bearer token-1",
        "content-type: application/json",
        concat!("user-agent: hookline/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(
            headers.lines().any(|line| line == header),
            "{header} in {headers}"
        );
    }
    assert!(!line.contains("token-1") && !body.contains("token-1"));
}

#[tokio::test]
async fn usage_is_read_beside_success_and_error() {
    let usage = "X-App-Usage: {\"call_count\":28}\r\nX-Business-Use-Case-Usage: {\"17841400000000001\":[{\"type\":\"instagram\",\"call_count\":100,\"estimated_time_to_regain_access\":19}]}\r\n";
    let limited = r#"{"error":{"message":"x","code":80002}}"#;
    let (url, server) = serve(vec![
        answer("200 OK", usage, SENT),
        answer("400 Bad Request", usage, limited),
    ]);
    let expected = Usage {
        percent: Some(100),
        regain_minutes: Some(19),
    };
    assert_eq!(send(&url).await.unwrap().usage, expected);
    let failure = send(&url).await.unwrap_err();
    assert_eq!(
        (failure.class(), failure.usage()),
        (Some(ErrorClass::Throttle), expected)
    );
    server.join().unwrap();
}

#[tokio::test]
async fn only_a_connection_that_never_came_about_is_not_sent() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = send(&format!("http://{closed}")).await.unwrap_err();
    assert!(
        matches!(refused, CallFailure::NotSent { .. }),
        "{refused:?}"
    );
    assert_eq!(refused.reason(), "no_connection");
    assert!(!refused.to_string().contains("v26.0"), "{refused}");
}

#[tokio::test]
async fn a_failed_tls_handshake_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    let failure = send(&url).await.unwrap_err();
    assert!(
        matches!(failure, CallFailure::NotSent { .. }),
        "{failure:?}"
    );
    server.join().unwrap();
}

#[tokio::test]
async fn everything_after_the_connection_is_unknown() {
    let too_long = "x".repeat(GRAPH_ANSWER_BYTES_MAX + 1);
    let cases = [
        (String::new(), "connection_lost"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"message".to_owned(),
            "answer_cut",
        ),
        ("nonsense\r\n\r\n".to_owned(), "connection_lost"),
        (
            answer("200 OK", "", "{\"message_id\":"),
            "answer_unreadable",
        ),
        (answer("200 OK", "", &too_long), "answer_too_long"),
    ];
    for (answer, reason) in cases {
        let (url, server) = serve(vec![answer]);
        let failure = send(&url).await.unwrap_err();
        assert!(
            matches!(failure, CallFailure::Unknown { .. }),
            "{reason}: {failure:?}"
        );
        assert_eq!(failure.reason(), reason);
        server.join().unwrap();
    }
}

#[tokio::test]
async fn silence_is_unknown_after_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let failure = send(&url).await.unwrap_err();
    assert!(
        matches!(failure, CallFailure::Unknown { .. }),
        "{failure:?}"
    );
    assert_eq!(failure.reason(), "timeout");
    drop(listener);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let location = format!("location: http://{}/\r\n", elsewhere.local_addr().unwrap());
    let (url, server) = serve(vec![answer("307 Temporary Redirect", &location, "")]);
    let failure = send(&url).await.unwrap_err();
    assert_eq!(failure.reason(), "redirected");
    server.join().unwrap();
    assert!(
        elsewhere.accept().is_err(),
        "the token was carried elsewhere"
    );
}

#[tokio::test]
async fn a_conversation_is_read_with_two_calls() {
    let conversation = r#"{"data":[{"id":"conv-1"}]}"#;
    let messages = r#"{"messages":{"data":[{"id":"m","created_time":"2026-11-24T00:00:00+0000","message":"hi"}]}}"#;
    let busy = "X-App-Usage: {\"call_count\":70}\r\n";
    let (url, server) = serve(vec![
        answer("200 OK", busy, conversation),
        answer("200 OK", "", messages),
        answer("200 OK", "", r#"{"data":[]}"#),
    ]);
    let config = GraphConfig {
        graph_url: url,
        instagram_graph_url: "http://127.0.0.1:1".to_owned(),
        api_version: "v26.0".to_owned(),
    };
    let client = GraphClient::new(config).unwrap();
    let login = Login::Facebook {
        page_id: hookline_model::ids::PageId::new("1000"),
    };
    let sender = Sender {
        account: &AccountId::new("17841400000000001"),
        login: &login,
        token: &Secret::new("token-1"),
    };
    let contact = ContactId::new("61");
    let read = client.read_conversation(&sender, &contact).await.unwrap();
    assert_eq!((read.value.len(), read.usage.percent), (1, Some(70)));
    assert!(
        client
            .read_conversation(&sender, &contact)
            .await
            .unwrap()
            .value
            .is_empty()
    );
    let requests = server.join().unwrap();
    let starts = [
        "GET /v26.0/1000/conversations?",
        "GET /v26.0/conv-1?fields=messages.",
    ];
    for (request, start) in requests.iter().zip(starts) {
        assert!(request.starts_with(start), "{request}");
    }
}

#[tokio::test]
async fn an_id_that_cannot_be_called_opens_no_connection() {
    let client = GraphClient::new(GraphConfig {
        graph_url: "http://127.0.0.1:1".to_owned(),
        instagram_graph_url: "http://127.0.0.1:1".to_owned(),
        api_version: "v26.0".to_owned(),
    })
    .unwrap();
    let account = AccountId::new("1");
    let sender = |token| Sender {
        account: &account,
        login: &Login::Instagram,
        token,
    };
    let token = Secret::new("token-1");
    let failure = client
        .read_comment(&sender(&token), &CommentId::new("../me"))
        .await
        .unwrap_err();
    assert_eq!(failure.reason(), "invalid_id");
    let token = Secret::new("to\nken");
    let failure = client
        .read_comment(&sender(&token), &CommentId::new("1"))
        .await
        .unwrap_err();
    assert_eq!(failure.reason(), "invalid_token");
    assert!(!failure.to_string().contains("ken\""), "{failure}");
}

/// A client all of whose hosts are `url`, and the hosts of the logins.
fn everywhere(url: &str) -> (GraphClient, OAuthHosts) {
    let config = GraphConfig {
        graph_url: url.to_owned(),
        instagram_graph_url: url.to_owned(),
        api_version: "v26.0".to_owned(),
    };
    let hosts = OAuthHosts {
        facebook_oauth_url: url.to_owned(),
        instagram_oauth_url: url.to_owned(),
        instagram_token_url: url.to_owned(),
    };
    let client = GraphClient::with_call_limit(config, Duration::from_millis(500)).unwrap();
    (client, hosts)
}

fn app() -> AppCredentials {
    AppCredentials {
        id: "42".to_owned(),
        secret: Secret::new("app-secret-1"),
    }
}

#[tokio::test]
async fn a_code_travels_in_a_form_and_without_a_token() {
    let grant = r#"{"data":[{"access_token":"t","user_id":"1","permissions":"a"}]}"#;
    let (url, server) = serve(vec![answer("200 OK", "", grant)]);
    let (client, hosts) = everywhere(&url);
    let code = Secret::new("code+1");
    let redirect = "https://h.example/oauth";
    client
        .exchange_code(&hosts, LoginKind::Instagram, &app(), redirect, &code)
        .await
        .unwrap();
    let requests = server.join().unwrap();
    let (head, body) = requests.first().unwrap().split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("POST /oauth/access_token HTTP/1.1\r\n"),
        "{head}"
    );
    let head = head.to_ascii_lowercase();
    assert!(head.contains("content-type: application/x-www-form-urlencoded"));
    assert!(!head.contains("authorization"), "{head}");
    assert_eq!(
        body,
        "client_id=42&grant_type=authorization_code&redirect_uri=https%3A%2F%2Fh.example%2Foauth\
         &client_secret=app-secret-1&code=code%2B1"
    );
}

#[tokio::test]
async fn secret_parameters_join_the_query_and_the_apps_token_the_header() {
    let grant = r#"{"access_token":"t","expires_in":5183944}"#;
    let success = r#"{"success":"true"}"#;
    let (url, server) = serve(vec![
        answer("200 OK", "", grant),
        answer("200 OK", "", success),
        answer("200 OK", "", success),
    ]);
    let (client, _) = everywhere(&url);
    client.refresh_token(&Secret::new("token-1")).await.unwrap();
    let wish = AppWish {
        callback_url: "https://h.example/w",
        fields: &["comments"],
        verify_token: &Secret::new("verify-1"),
    };
    client.subscribe_app(&app(), &wish).await.unwrap();
    client.unsubscribe_app(&app()).await.unwrap();
    let requests = server.join().unwrap();
    let [refresh, subscribe, unsubscribe] = requests.as_slice() else {
        unreachable!("three were made: {requests:?}")
    };
    let line =
        "GET /refresh_access_token?grant_type=ig_refresh_token&access_token=token-1 HTTP/1.1";
    assert!(refresh.starts_with(line), "{refresh}");
    assert!(
        subscribe.starts_with("POST /v26.0/42/subscriptions HTTP/1.1"),
        "{subscribe}"
    );
    assert!(subscribe.ends_with("&include_values=true&verify_token=verify-1"));
    assert!(unsubscribe.starts_with("DELETE /v26.0/42/subscriptions?object=instagram HTTP/1.1"));
    for request in [subscribe, unsubscribe] {
        let has_token = request
            .lines()
            .any(|line| line.eq_ignore_ascii_case("authorization: Bearer 42|app-secret-1"));
        assert!(has_token, "{request}");
    }
}

#[tokio::test]
async fn no_failure_prints_a_secret() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = closed.local_addr().unwrap();
    let (cut, server) = serve(vec![String::new(), String::new()]);
    for url in [format!("http://{closed}"), cut, "http://[::1".to_owned()] {
        let (client, hosts) = everywhere(&url);
        let token = Secret::new("token-1");
        let failures = [
            client.refresh_token(&token).await.unwrap_err(),
            client
                .exchange_code(&hosts, LoginKind::Facebook, &app(), "https://h", &token)
                .await
                .unwrap_err(),
        ];
        for failure in failures {
            let printed = format!("{failure} {failure:?} {:?}", failure.meta_answer());
            for secret in ["token-1", "app-secret-1", "oauth", "refresh_access"] {
                assert!(!printed.contains(secret), "{printed}");
            }
        }
    }
    server.join().unwrap();
}

#[tokio::test]
async fn all_pages_of_a_person_are_read() {
    let first = r#"{"data":[{"id":"1"}],"paging":{"cursors":{"after":"c1"},"next":"https://x"}}"#;
    let (url, server) = serve(vec![
        answer("200 OK", "", first),
        answer("200 OK", "", r#"{"data":[{"id":"2"}]}"#),
    ]);
    let (client, _) = everywhere(&url);
    let pages = client.list_pages(&Secret::new("token-1")).await.unwrap();
    let ids: Vec<&str> = pages
        .value
        .iter()
        .map(|page| page.page.id.as_str())
        .collect();
    assert_eq!(ids, ["1", "2"]);
    let requests = server.join().unwrap();
    assert!(requests.last().unwrap().contains("&after=c1 HTTP"));
}

/// Serves one connection after another, each with the answers told for it, and closes each without
/// a word, which it tells.
fn serve_lines(lines: Vec<Vec<String>>) -> (String, JoinHandle<()>, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (closed, closings) = std::sync::mpsc::sync_channel(lines.len());
    let server = std::thread::spawn(move || {
        for answers in lines {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                read_request(&mut stream);
                stream.write_all(answer.as_bytes()).unwrap();
            }
            drop(stream);
            closed.send(()).unwrap();
        }
    });
    (url, server, closings)
}

fn kept_open(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn a_connection_is_used_again_until_the_other_side_closes_it() {
    let sent = || kept_open(SENT);
    let lines = vec![vec![sent(), sent(), sent()], vec![sent()]];
    let (url, server, closings) = serve_lines(lines);
    let (client, _) = everywhere(&url);
    let sender = Sender {
        account: &AccountId::new("1"),
        login: &Login::Instagram,
        token: &Secret::new("token-1"),
    };
    let contact = ContactId::new("61");
    for place in 0..4 {
        if place == 3 {
            closings.recv().unwrap();
            // Lets the runtime hear of it, as it does between any two calls.
            tokio::task::yield_now().await;
        }
        let sent = client.send_message(&sender, &contact, "hello").await;
        assert_eq!(sent.unwrap().value.message_id.as_str(), "aWdf", "{place}");
    }
    drop(client);
    server.join().unwrap();
}

#[tokio::test]
async fn an_answer_in_pieces_is_read_whole() {
    let (first, rest) = SENT.split_at(9);
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let answer = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}{}{}0\r\n\r\n",
        chunk(first),
        chunk(rest.split_at(4).0),
        chunk(rest.split_at(4).1),
    );
    let (url, server) = serve(vec![answer]);
    assert_eq!(send(&url).await.unwrap().value.message_id.as_str(), "aWdf");
    server.join().unwrap();
}
