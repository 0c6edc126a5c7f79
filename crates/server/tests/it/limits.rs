//! Slow, idle, greedy and many clients; and the end of the server.

use std::time::{Duration, Instant};

use crate::site::{Settings, TestServer, get_of, post_with, signed_post};

const BODY: &[u8] = br#"{"object":"instagram","entry":[]}"#;

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(5);

fn elapsed_since(start: Instant) -> Duration {
    start.elapsed()
}

#[expect(
    clippy::disallowed_methods,
    reason = "these tests are about how long real sockets stay open"
)]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn a_slow_header_is_cut_off_while_others_are_served() {
    let mut settings = Settings::default();
    settings.listener.header_timeout = SHORT;
    let server = TestServer::start_with(settings).await;
    let mut slow = server.connect().await;
    let start = now();
    slow.send(b"POST /webhooks/instagram HTTP/1.1\r\nHost:")
        .await;
    assert_eq!(server.ask(&signed_post(BODY)).await.status, 200);
    assert!(slow.is_closed_within(LONG).await);
    assert!((SHORT..LONG).contains(&elapsed_since(start)));
}

#[tokio::test]
async fn a_header_that_trickles_is_cut_off_too() {
    let mut settings = Settings::default();
    settings.listener.header_timeout = SHORT;
    let server = TestServer::start_with(settings).await;
    let mut slow = server.connect().await;
    slow.send(b"GET /quick HTTP/1.1\r\n").await;
    let start = now();
    while slow.try_send(b"X-A: b\r\n").await {
        assert!(elapsed_since(start) < LONG, "still open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_connection_without_a_byte_is_cut_off_after_the_header_limit() {
    let mut settings = Settings::default();
    settings.listener.header_timeout = SHORT;
    let server = TestServer::start_with(settings).await;
    assert!(server.connect().await.is_closed_within(LONG).await);
    server.wait_for_metric("hookline_connections 0").await;
}

#[tokio::test]
async fn a_pause_between_requests_has_a_limit_of_its_own() {
    let mut settings = Settings::default();
    settings.listener.header_timeout = SHORT / 2;
    settings.listener.idle_timeout = SHORT * 4;
    let server = TestServer::start_with(settings).await;
    let mut client = server.connect().await;
    client.send(&get_of("/quick")).await;
    assert_eq!(client.answer().await.status, 200);
    assert!(!client.is_closed_within(SHORT * 2).await);
    client.send(&get_of("/quick")).await;
    assert_eq!(client.answer().await.status, 200);
    let start = now();
    assert!(client.is_closed_within(LONG).await);
    assert!(elapsed_since(start) >= SHORT * 4);
}

#[tokio::test]
async fn a_slow_body_is_answered_408_and_cut_off_while_others_are_served() {
    let mut settings = Settings::default();
    settings.webhook.body_timeout = SHORT;
    let server = TestServer::start_with(settings).await;
    let mut slow = server.connect().await;
    let request = signed_post(BODY);
    slow.send(&request[..request.len() - 1]).await;
    assert_eq!(server.ask(&signed_post(BODY)).await.status, 200);
    let answer = slow.answer().await;
    assert_eq!(answer.status, 408);
    assert!(answer.has_header("connection: close"), "{}", answer.head);
    assert!(slow.is_closed_within(LONG).await);
    assert_eq!(server.recorded().await, 1);
}

#[tokio::test]
async fn a_slow_body_for_the_router_is_cut_off_too() {
    let mut settings = Settings::default();
    settings.listener.body_timeout = SHORT;
    let server = TestServer::start_with(settings).await;
    let request = b"POST /length HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\n";
    let mut slow = server.connect().await;
    slow.send(request).await;
    slow.send(b"ab").await;
    assert_eq!(slow.answer().await.status, 400);
    let whole = [&request[..], b"abc"].concat();
    assert_eq!(server.ask(&whole).await.body, "3");
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_unread() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client
        .send(
            b"POST /webhooks/instagram HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\
              Content-Length: 262145\r\n\r\n",
        )
        .await;
    // Nothing of the body was sent, and no 100 asked for it.
    assert_eq!(client.answer().await.status, 413);
    server
        .wait_for_metric("hookline_deliveries_total{verdict=\"too_large\"} 1")
        .await;
}

#[tokio::test]
async fn a_body_is_taken_up_to_the_limit_and_no_further() {
    let server = TestServer::start().await;
    let body = vec![b'x'; 256 * 1024];
    assert_eq!(server.ask(&signed_post(&body)).await.status, 200);
    let body = vec![b'x'; 256 * 1024 + 1];
    let answer = server.ask(&signed_post(&body)).await;
    assert_eq!(answer.status, 413);
    assert!(answer.has_header("connection: close"), "{}", answer.head);
    assert_eq!(server.recorded().await, 1);
}

#[tokio::test]
async fn an_endless_body_is_refused_at_the_limit() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client
        .send(
            b"POST /webhooks/instagram HTTP/1.1\r\nHost: test\r\n\
              Transfer-Encoding: chunked\r\n\r\n",
        )
        .await;
    let chunk = [&b"8000\r\n"[..], &vec![b'x'; 0x8000], b"\r\n"].concat();
    for _ in 0..16 {
        client.try_send(&chunk).await;
    }
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_a_delivery() {
    let server = TestServer::start().await;
    let request = signed_post(BODY);
    let mut client = server.connect().await;
    client.send(&request[..request.len() - 1]).await;
    drop(client);
    server.wait_for_metric("hookline_connections 0").await;
    assert_eq!(server.recorded().await, 0);
}

#[tokio::test]
async fn a_header_larger_than_any_is_answered_431() {
    let server = TestServer::start().await;
    let mut request = b"GET /quick HTTP/1.1\r\nX-Long: ".to_vec();
    request.resize(40 * 1024, b'x');
    assert_eq!(server.ask(&request).await.status, 431);
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let server = TestServer::start().await;
    assert_eq!(
        server.ask(b"\x16\x03\x01\x02\x00\r\n\r\n").await.status,
        400
    );
    assert_eq!(server.ask(&get_of("/quick")).await.status, 200);
}

#[tokio::test]
async fn requests_may_follow_each_other_and_even_overtake_their_answers() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send(&signed_post(BODY)).await;
        assert_eq!(client.answer().await.status, 200);
    }
    let pipelined = [
        signed_post(BODY),
        post_with(&[], BODY),
        get_of("/quick"),
        signed_post(BODY),
    ];
    client.send(&pipelined.concat()).await;
    for status in [200, 401, 200, 200] {
        assert_eq!(client.answer().await.status, status);
    }
    assert_eq!(server.recorded().await, 5);
}

#[tokio::test]
async fn idle_connections_make_room_for_new_ones() {
    let mut settings = Settings::default();
    settings.listener.max_connections = 4;
    let server = TestServer::start_with(settings).await;
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut client = server.connect().await;
        client.send(&get_of("/quick")).await;
        assert_eq!(client.answer().await.status, 200);
        idle.push(client);
    }
    let start = now();
    assert_eq!(server.ask(&signed_post(BODY)).await.status, 200);
    assert!(elapsed_since(start) < LONG / 2, "waited for a time limit");
    assert!(
        idle[0].is_closed_within(LONG).await,
        "the oldest makes room"
    );
    server
        .wait_for_metric("hookline_connections_shed_total 1")
        .await;
}

#[tokio::test]
async fn half_headers_do_not_keep_others_out() {
    let mut settings = Settings::default();
    settings.listener.max_connections = 4;
    settings.listener.header_timeout = SHORT * 2;
    let server = TestServer::start_with(settings).await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut client = server.connect().await;
        client.send(b"GET /quick HTT").await;
        slow.push(client);
    }
    assert_eq!(server.ask(&signed_post(BODY)).await.status, 200);
}

#[tokio::test]
async fn with_every_connection_at_work_the_next_waits_its_turn() {
    let mut settings = Settings::default();
    settings.listener.max_connections = 2;
    let server = TestServer::start_with(settings).await;
    let mut busy = [server.connect().await, server.connect().await];
    for client in &mut busy {
        client.send(&get_of("/slow")).await;
    }
    assert_eq!(server.ask(&get_of("/quick")).await.status, 200);
    for client in &mut busy {
        assert_eq!(client.answer().await.body, "slow");
    }
}

#[tokio::test]
async fn connections_are_counted_down_again() {
    let server = TestServer::start().await;
    for _ in 0..200 {
        assert_eq!(server.ask(&get_of("/quick")).await.status, 200);
    }
    server.wait_for_metric("hookline_connections 0").await;
}

#[tokio::test]
async fn an_answer_larger_than_every_buffer_arrives_whole() {
    let server = TestServer::start().await;
    let answer = server.ask(&get_of("/large")).await;
    assert_eq!(answer.body.len(), 3 * 1024 * 1024);
}

#[tokio::test]
async fn a_panic_is_a_500_and_nothing_more() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client.send(&get_of("/panics")).await;
    assert_eq!(client.answer().await.status, 500);
    client.send(&get_of("/quick")).await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn at_the_end_requests_under_way_are_finished_and_nothing_else() {
    let server = TestServer::start().await;
    let mut idle = server.connect().await;
    idle.send(&get_of("/quick")).await;
    assert_eq!(idle.answer().await.status, 200);
    let mut fresh = server.connect().await;
    let mut busy = server.connect().await;
    busy.send(&get_of("/slow")).await;
    server.wait_for_metric("hookline_connections 3").await;
    // Nothing tells from outside that the handler has begun; it has six times this long to go.
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown.cancel();
    assert!(idle.is_closed_within(LONG).await);
    assert!(fresh.is_closed_within(LONG).await);
    let answer = busy.answer().await;
    assert_eq!(answer.body, "slow");
    assert!(answer.has_header("connection: close"), "{}", answer.head);
    assert!(busy.is_closed_within(LONG).await);
    tokio::time::timeout(LONG, server.serving)
        .await
        .unwrap()
        .unwrap();
    assert!(
        tokio::net::TcpStream::connect(server.address)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn at_the_end_what_does_not_finish_is_dropped() {
    let mut settings = Settings::default();
    settings.listener.shutdown_timeout = SHORT;
    let server = TestServer::start_with(settings).await;
    let mut stuck = server.connect().await;
    stuck.send(&get_of("/never")).await;
    let mut half = server.connect().await;
    half.send(b"GET /quick HTT").await;
    server.wait_for_metric("hookline_connections 2").await;
    let start = now();
    server.shutdown.cancel();
    tokio::time::timeout(LONG, server.serving)
        .await
        .unwrap()
        .unwrap();
    assert!(elapsed_since(start) < LONG);
    assert!(stuck.is_closed_within(LONG).await);
    assert!(half.is_closed_within(LONG).await);
}
