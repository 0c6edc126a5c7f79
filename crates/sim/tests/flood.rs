//! A viral post: many comments at once, each with one delivery and one private reply.

use bytes::Bytes;
use hookline_sim::world::Limits;
use hookline_sim::world::accounts::NewAccount;
use hookline_sim::world::comments::CommentDraft;
use hookline_sim::{Answered, SimRequest, World, WorldConfig};
use serde_json::json;

const NOW: i64 = 1_790_000_000_000;
const COMMENTS: usize = 20_000;

#[test]
fn a_flood_is_delivered_and_answered_once_each() {
    let limits = Limits {
        private_replies_per_hour: COMMENTS,
        ..Limits::default()
    };
    let mut world = World::new(WorldConfig {
        limits,
        ..WorldConfig::default()
    });
    let account = world
        .create_account(NOW, NewAccount::named("acme_store"))
        .unwrap();
    let mut comments = Vec::new();
    for number in 0..COMMENTS {
        let draft = CommentDraft::new(&account.ig_id, format!("person{number}"), "LINK");
        comments.push(world.comment(NOW, draft).unwrap());
    }
    for comment in comments {
        let body = json!({"recipient": {"comment_id": comment}, "message": {"text": "here"}});
        let request = SimRequest {
            method: "POST".to_owned(),
            path: "/me/messages".to_owned(),
            headers: vec![(
                "authorization".to_owned(),
                format!("Bearer {}", account.token),
            )],
            body: Bytes::from(body.to_string()),
            ..SimRequest::default()
        };
        assert_eq!(world.request(NOW, &request).status, 200);
    }
    let mut delivered = 0;
    loop {
        let due = world.deliveries_due_up_to(NOW, 64);
        if due.is_empty() {
            break;
        }
        for delivery in due {
            delivered += 1;
            world.delivery_answered(NOW, delivery.id, Answered::Status(200));
        }
    }
    assert!(world.is_settled());
    assert_eq!(delivered, 2 * COMMENTS, "each comment and each echo");
    let sent = world.sent();
    assert_eq!(sent.len(), COMMENTS);
    assert!(sent.iter().all(|sent| sent.calls == 1));
}
