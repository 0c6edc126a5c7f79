//! Deliveries read straight off the socket, and their neighbours that are not.

use std::time::Duration;

use crate::site::{Client, SECRETS, TestServer, get_of, post_with, sign, signed_post};

const BODY: &[u8] = br#"{"object":"instagram","entry":[]}"#;

const SOON: Duration = Duration::from_secs(5);

/// A delivery without a length, which is not read directly.
fn in_chunks() -> Vec<u8> {
    let signature = sign(SECRETS[0], BODY);
    let mut request = format!(
        "POST /webhooks/instagram HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\
         X-Hub-Signature-256: {signature}\r\n\r\n{:x}\r\n",
        BODY.len()
    )
    .into_bytes();
    request.extend_from_slice(BODY);
    request.extend_from_slice(b"\r\n0\r\n\r\n");
    request
}

fn without_date(head: &str) -> Vec<&str> {
    head.lines().filter(|l| !l.starts_with("date: ")).collect()
}

#[tokio::test]
async fn a_delivery_may_come_in_any_two_pieces() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    let request = signed_post(BODY);
    for cut in 1..request.len() {
        client.send(&request[..cut]).await;
        tokio::task::yield_now().await;
        client.send(&request[cut..]).await;
        assert_eq!(client.answer().await.status, 200, "cut at {cut}");
    }
    let all = i64::try_from(request.len() - 1).unwrap();
    assert_eq!(server.recorded().await, all);
}

#[tokio::test]
async fn a_head_in_crumbs_is_read_all_the_same() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    for byte in signed_post(BODY) {
        client.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(server.recorded().await, 1);
}

#[tokio::test]
async fn other_requests_may_stand_between_deliveries() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    let mut all = signed_post(BODY);
    all.extend_from_slice(&signed_post(b"two"));
    all.extend_from_slice(&get_of("/quick"));
    all.extend_from_slice(&signed_post(b"three"));
    all.extend_from_slice(&in_chunks());
    client.send(&all).await;
    for expected in ["EVENT_RECEIVED", "EVENT_RECEIVED", "quick"] {
        assert_eq!(client.answer().await.body, expected);
    }
    for _ in 0..2 {
        assert_eq!(client.answer().await.status, 200);
    }
    assert_eq!(server.recorded().await, 4);
}

#[tokio::test]
async fn the_answer_does_not_tell_how_a_delivery_was_read() {
    let server = TestServer::start().await;
    for (direct, other) in [
        (signed_post(BODY), in_chunks()),
        (
            post_with(&[], BODY),
            [&b"POST /webhooks/instagram HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"[..]].concat(),
        ),
    ] {
        let (direct, other) = (server.ask(&direct).await, server.ask(&other).await);
        assert_eq!((direct.status, &direct.body), (other.status, &other.body));
        assert!(direct.head.contains("date: "), "{}", direct.head);
        assert_eq!(without_date(&direct.head), without_date(&other.head));
    }
}

#[tokio::test]
async fn a_forged_delivery_does_not_end_the_connection() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client.send(&post_with(&[&sign("wrong", BODY)], BODY)).await;
    assert_eq!(client.answer().await.status, 401);
    client.send(&signed_post(BODY)).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(server.recorded().await, 1);
}

#[tokio::test]
async fn at_the_end_a_delivery_that_has_begun_is_still_taken_in() {
    let server = TestServer::start().await;
    let mut unused = server.connect().await;
    let mut between = server.connect().await;
    between.send(&signed_post(BODY)).await;
    assert_eq!(between.answer().await.status, 200);
    let request = signed_post(b"the last");
    let (begun, rest) = request.split_at(request.len() - 3);
    let mut client: Client = server.connect().await;
    client.send(begun).await;
    server.wait_for_metric("hookline_connections 3").await;
    server.shutdown.cancel();
    assert!(unused.is_closed_within(SOON).await);
    assert!(between.is_closed_within(SOON).await);
    client.send(rest).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200);
    assert!(answer.has_header("connection: close"), "{}", answer.head);
    assert!(client.is_closed_within(SOON).await);
    assert_eq!(server.recorded().await, 2);
}
