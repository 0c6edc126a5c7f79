//! What is read after a gap: requests byte for byte, and answers with holes in them.

use hookline_meta::graph::{MoreReplies, list_comments, list_conversations, list_media_page};
use hookline_model::clock::Timestamp;
use hookline_model::ids::{CommentId, MediaId};

use super::{as_each, as_instagram, config, is_unreadable, open_line, reply};

#[test]
fn lists_are_asked_for_page_by_page() {
    let media = MediaId::new("21");
    let lines = as_each(|sender| {
        [
            open_line(&list_media_page(&config(), sender, None).unwrap(), &[]),
            open_line(
                &list_media_page(&config(), sender, Some("c=1")).unwrap(),
                &[],
            ),
            open_line(
                &list_comments(&config(), sender, &media, Some("c2")).unwrap(),
                &[],
            ),
            open_line(
                &list_conversations(&config(), sender, Some("c3")).unwrap(),
                &[],
            ),
        ]
    });
    let hosts = [
        ("https://graph.instagram.com/v26.0", "17841400000000001"),
        ("https://graph.facebook.com/v26.0", "1000"),
    ];
    for (lines, (host, node)) in lines.iter().zip(hosts) {
        let media = format!(
            "GET {host}/17841400000000001/media?fields=id%2Ctimestamp%2Ccomments_count%2Cmedia_product_type&limit=50"
        );
        let expected = [
            format!("{media} - []"),
            format!("{media}&after=c%3D1 - []"),
            format!(
                "GET {host}/21/comments?fields=id%2Ctext%2Ctimestamp%2Cfrom%2Cusername%2Cparent_id\
                 %2Cmedia%7Bid%2Cmedia_product_type%7D%2Creplies.limit%2850%29%7Bid%2Ctext\
                 %2Ctimestamp%2Cfrom%2Cusername%2Cparent_id%7D&limit=50&after=c2 - []"
            ),
            format!(
                "GET {host}/{node}/conversations?platform=instagram&fields=id%2Cupdated_time&after=c3 - []"
            ),
        ];
        assert_eq!(*lines, expected);
    }
}

#[test]
fn media_are_listed_with_what_is_known_of_them() {
    let call = as_instagram(|sender| list_media_page(&config(), sender, None).unwrap());
    let body = r#"{"data":[{"id":"22","timestamp":"2017-05-19T23:27:28+0000","comments_count":41,"media_product_type":"REELS"},{"id":21,"comments_count":-1},{"timestamp":"2017-05-19T23:27:28+0000"}],"paging":{"cursors":{"after":"c1"},"next":"https://x"}}"#;
    let page = call.read(&reply(200, body)).unwrap().value;
    assert_eq!((page.items.len(), page.unread), (2, 1));
    assert_eq!(page.after.as_deref(), Some("c1"));
    let first = page.items.first().unwrap();
    assert_eq!(first.comments_count, Some(41));
    assert_eq!(
        first.created_at,
        Some(Timestamp::from_millis(1_495_236_448_000))
    );
    let second = page.items.last().unwrap();
    assert_eq!((second.id.as_str(), second.comments_count), ("21", None));
    let last = r#"{"data":[],"paging":{"cursors":{"after":"c9"}}}"#;
    let page = call.read(&reply(200, last)).unwrap().value;
    assert_eq!((page.items.len(), page.after), (0, None));
    is_unreadable(&call, &["{}", r#"{"data":{}}"#, r#"{"data":null}"#]);
}

#[test]
fn comments_come_with_their_replies_and_say_when_there_are_more() {
    let call =
        as_instagram(|sender| list_comments(&config(), sender, &MediaId::new("21"), None).unwrap());
    let reply_12 = r#"{"id":"12","text":"and the price?","timestamp":"2017-05-19T23:27:28+0000","from":{"id":"61","username":"ada"}}"#;
    let thread = |replies: &str| {
        format!(
            r#"{{"id":"11","text":"LINK","timestamp":"2017-05-19T23:27:28+0000","from":{{"id":"61"}},"media":{{"id":"21","media_product_type":"REELS"}}{replies}}}"#
        )
    };
    let read = |replies: &str| {
        let body = format!(r#"{{"data":[{}]}}"#, thread(replies));
        let page = call.read(&reply(200, &body)).unwrap().value;
        page.items.into_iter().next().unwrap()
    };
    let whole = read(&format!(r#","replies":{{"data":[{reply_12}]}}"#));
    assert_eq!((&whole.more, whole.unread), (&MoreReplies::None, 0));
    let answer = whole.replies.first().unwrap();
    assert_eq!(answer.parent_id, Some(CommentId::new("11")));
    assert_eq!(answer.media_id, Some(MediaId::new("21")));
    assert_eq!(answer.media_product_type.as_deref(), Some("REELS"));

    let more = read(&format!(
        r#","replies":{{"data":[{reply_12},{{"id":"13"}}],"paging":{{"cursors":{{"after":"r1"}},"next":"https://x"}}}}"#
    ));
    assert_eq!((more.replies.len(), more.unread), (1, 1));
    assert_eq!(more.more, MoreReplies::After("r1".to_owned()));
    let unplaced = read(&format!(
        r#","replies":{{"data":[{reply_12}],"paging":{{"next":"https://x"}}}}"#
    ));
    assert_eq!(unplaced.more, MoreReplies::Unplaced);
    for none in [
        "",
        r#","replies":null"#,
        r#","replies":7"#,
        r#","replies":{"data":[]}"#,
    ] {
        let bare = read(none);
        assert_eq!(
            (bare.replies.len(), bare.more),
            (0, MoreReplies::None),
            "{none}"
        );
    }
    is_unreadable(&call, &["{}", r#"{"data":{}}"#]);
}

#[test]
fn what_cannot_be_read_is_counted_and_hides_nothing_else() {
    let call =
        as_instagram(|sender| list_comments(&config(), sender, &MediaId::new("21"), None).unwrap());
    let body = r#"{"data":[{"id":"11"},7,null,{"id":"12","timestamp":"2017-05-19T23:27:28+0000","id":"13"},{"id":"14","timestamp":"2017-05-19T23:27:28+0000"}]}"#;
    let page = call.read(&reply(200, body)).unwrap().value;
    assert_eq!((page.items.len(), page.unread), (1, 4));
    let deep = r#"{"replies":{"data":["#.repeat(20_000);
    let body = format!(
        r#"{{"data":[{{"id":"11","timestamp":"2017-05-19T23:27:28+0000","replies":{{"data":[{deep}{}]}}}}]}}"#,
        "]}}".repeat(20_000)
    );
    let page = call.read(&reply(200, &body)).unwrap().value;
    assert_eq!(page.items.first().unwrap().unread, 1);
}

#[test]
fn conversations_are_listed() {
    let call = as_instagram(|sender| list_conversations(&config(), sender, None).unwrap());
    let body = r#"{"data":[{"id":"aWdfZAG06","updated_time":"2017-05-19T23:27:28+0000"},{"id":"aWdfZAG07"},{}],"paging":{"cursors":{"after":"c1"},"next":"https://x"}}"#;
    let page = call.read(&reply(200, body)).unwrap().value;
    assert_eq!((page.items.len(), page.unread), (2, 1));
    assert_eq!(page.after.as_deref(), Some("c1"));
    let first = page.items.first().unwrap();
    assert_eq!(
        first.updated_at,
        Some(Timestamp::from_millis(1_495_236_448_000))
    );
    is_unreadable(&call, &["{}"]);
}
