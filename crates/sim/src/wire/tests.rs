//! The builder writes captured payloads byte for byte, and their signatures come out.

mod attachments;

use super::*;
use crate::ids;

const ACCOUNT: &str = "17841400000000001";
const ADA: &str = "6100000000000001";
const OWN: &str = "9100000000000001";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn digest(list: &'static str, name: &str) -> &'static str {
    let file = format!("{name}.json");
    let line = list
        .lines()
        .find(|line| line.ends_with(&format!("  {file}")))
        .unwrap();
    line.split_whitespace().next().unwrap()
}

/// Asserts bytes and both digests against the fixture.
fn assert_written(name: &str, body: &[u8]) {
    let expected = fixture(name);
    assert_eq!(
        String::from_utf8_lossy(body),
        String::from_utf8_lossy(&expected),
        "{name}"
    );
    let sha256 = digest(include_str!("../../tests/fixtures/sha256.txt"), name);
    let sha1 = digest(include_str!("../../tests/fixtures/sha1.txt"), name);
    assert_eq!(sha256_hex(SECRET, body), sha256, "{name}");
    assert_eq!(sha1_hex(SECRET, body), sha1, "{name}");
}

/// Writes one event the way the world would and compares.
fn assert_event(name: &str, event: Event) {
    let sent_at_ms = match event.container() {
        Container::Changes | Container::MentionChanges | Container::TestChanges => {
            1_790_000_000_000
        }
        Container::Messaging | Container::Standby => 1_790_000_000_523,
    };
    let entry = Entry {
        id: ACCOUNT.to_owned(),
        container: event.container(),
        events: vec![event],
    };
    assert_written(name, &body(&[entry], sent_at_ms, false, Escaping::Captured));
}

fn mid_of(account: &str, thread_end: u8, number: u8) -> String {
    let thread = format!("34028236684171030124420000000000000000{thread_end}");
    ids::mid(account, &thread, &format!("324{number:032}"))
}

fn mid(number: u8) -> String {
    ids::mid(
        ACCOUNT,
        "340282366841710301244200000000000000001",
        &format!("324{number:032}"),
    )
}

fn cdn(asset: u8) -> String {
    format!(
        "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=180000000000000{asset}&signature=AYexampleSIGNATURE-only_for_tests"
    )
}

fn media_id(end: u8) -> String {
    format!("180000000000000{end}")
}

fn from_ada(timestamp_ms: i64) -> Envelope {
    Envelope {
        parties: Some((ADA.to_owned(), ACCOUNT.to_owned())),
        timestamp_ms,
    }
}

fn to(recipient: &str) -> Envelope {
    let parties = Some((ACCOUNT.to_owned(), recipient.to_owned()));
    Envelope {
        parties,
        timestamp_ms: 1_790_000_000_123,
    }
}

fn message(envelope: Envelope, message: MessageBody) -> Event {
    Event::Message {
        envelope,
        message: Box::new(message),
    }
}

fn inbound(number: u8, text: Option<&str>) -> MessageBody {
    MessageBody {
        mid: mid(number),
        text: text.map(str::to_owned),
        ..MessageBody::default()
    }
}

fn attachment(kind: AttachmentKind, url: Option<u8>) -> Attachment {
    Attachment {
        kind,
        url: url.map(cdn),
        media_id: None,
        title: None,
    }
}

fn comment(number: u8, text: Option<&str>) -> CommentEvent {
    CommentEvent {
        from_id: ADA.to_owned(),
        username: "ada.bakes".to_owned(),
        self_ig_scoped_id: None,
        media: MediaRef {
            id: media_id(21),
            product_type: ProductType::Feed,
            ad: None,
        },
        id: format!("179000000000000{number}"),
        parent_id: None,
        text: text.map(str::to_owned),
    }
}

fn on(product_type: ProductType, media: u8, ad: Option<Ad>) -> MediaRef {
    MediaRef {
        id: media_id(media),
        product_type,
        ad,
    }
}

fn ad(original_media_id: Option<String>) -> Ad {
    let (ad_id, ad_title) = ("120000000000000001".to_owned(), "Autumn sale v1".to_owned());
    Ad {
        ad_id,
        ad_title,
        original_media_id,
    }
}

#[test]
fn comments_are_written_as_captured() {
    let top = CommentEvent {
        media: on(ProductType::Reels, 21, None),
        ..comment(11, Some("LINK"))
    };
    assert_event("comments_top_level", Event::Comment(top));
    let parent_id = Some("17900000000000011".to_owned());
    let reply = CommentEvent {
        parent_id: parent_id.clone(),
        ..comment(12, Some("and the price?"))
    };
    assert_event("comments_reply", Event::Comment(reply));
    assert_event("comments_no_text", Event::Comment(comment(13, None)));
    let text = "Prix s'il vous plaît 🙏 https://example.com/a?b=1 @acme_store äöå";
    let unicode = CommentEvent {
        from_id: "6100000000000002".to_owned(),
        username: "zoë.café".to_owned(),
        ..comment(14, Some(text))
    };
    assert_event("comments_unicode", Event::Comment(unicode));
    let on_ad = CommentEvent {
        media: on(ProductType::Ad, 31, Some(ad(None))),
        ..comment(15, Some("info"))
    };
    assert_event("comments_ad", Event::Comment(on_ad));
    let boosted = CommentEvent {
        media: on(ProductType::Ad, 32, Some(ad(Some(media_id(21))))),
        ..comment(16, Some("info"))
    };
    assert_event("comments_ad_original_media", Event::Comment(boosted));
    let own = CommentEvent {
        from_id: ACCOUNT.to_owned(),
        username: "acme_store".to_owned(),
        self_ig_scoped_id: Some(OWN.to_owned()),
        parent_id,
        ..comment(17, Some("Check your messages"))
    };
    assert_event("comments_self", Event::Comment(own));
    let live = CommentEvent {
        media: on(ProductType::Live, 41, None),
        ..comment(20, Some("hello from live"))
    };
    assert_event("live_comments", Event::LiveComment(live));
}

#[test]
fn mentions_and_insights_are_written_as_captured() {
    let mention = |comment_id| Event::Mention {
        media_id: media_id(51),
        comment_id,
    };
    assert_event("mentions_media", mention(None));
    assert_event(
        "mentions_comment",
        mention(Some("17900000000000021".to_owned())),
    );
    let counts = StoryCounts {
        impressions: 444,
        reach: 44,
        taps_forward: 4,
        taps_back: -1,
        exits: 31,
        replies: -1,
    };
    assert_event(
        "story_insights",
        Event::StoryInsights {
            media_id: media_id(61),
            counts,
        },
    );
}

#[test]
fn messages_are_written_as_captured() {
    let envelope = || from_ada(1_790_000_000_123);
    let check = |name: &str, body: MessageBody| assert_event(name, message(envelope(), body));
    check("message_text", inbound(1, Some("Hello")));
    check(
        "message_text_unicode",
        inbound(2, Some("Привет 👋 café 1/2")),
    );
    let quick_reply = Some("FLOW:42:YES".to_owned());
    check(
        "message_quick_reply",
        MessageBody {
            quick_reply,
            ..inbound(3, Some("Yes please"))
        },
    );
    let reply_to = Some(ReplyTo::Mid(mid(1)));
    check(
        "message_reply_to_message",
        MessageBody {
            reply_to,
            ..inbound(4, Some("this one"))
        },
    );
    let story = |link: Option<&str>, is_self_reply| {
        Some(ReplyTo::Story {
            url: cdn(71),
            id: media_id(71),
            link_sticker_url: link.map(str::to_owned),
            is_self_reply,
        })
    };
    check(
        "message_reply_to_story",
        MessageBody {
            reply_to: story(None, None),
            ..inbound(5, Some("want it"))
        },
    );
    let full = story(Some("https://example.com/drop"), Some(false));
    check(
        "message_reply_to_story_full",
        MessageBody {
            reply_to: full,
            ..inbound(6, Some("LINK"))
        },
    );
}

#[test]
fn flags_and_referrals_are_written_as_captured() {
    let envelope = || from_ada(1_790_000_000_123);
    let check = |name: &str, body: MessageBody| assert_event(name, message(envelope(), body));
    check(
        "message_deleted",
        MessageBody {
            is_deleted: true,
            ..inbound(1, None)
        },
    );
    check(
        "message_unsupported",
        MessageBody {
            is_unsupported: true,
            ..inbound(21, None)
        },
    );
    let folder = Some("requests".to_owned());
    check(
        "message_with_folder",
        MessageBody {
            folder,
            ..inbound(22, Some("hi"))
        },
    );
    let referral = Some(Referral::Ad {
        r#ref: "campaign-7".to_owned(),
        ad_id: "120000000000000001".to_owned(),
        ad_title: "Autumn sale v1".to_owned(),
        photo_url: cdn(93),
        video_url: cdn(94),
    });
    check(
        "message_referral_ad",
        MessageBody {
            referral,
            ..inbound(23, Some("I saw the ad"))
        },
    );
    let referral = Some(Referral::Product {
        id: "5400000000000001".to_owned(),
    });
    check(
        "message_referral_product",
        MessageBody {
            referral,
            ..inbound(24, Some("Is it in stock?"))
        },
    );
}

#[test]
fn echoes_are_written_as_captured() {
    let echo = |number, text: Option<&str>| MessageBody {
        is_echo: true,
        ..inbound(number, text)
    };
    let link = Some("Here is the link");
    assert_event("message_echo_text", message(to(ADA), echo(25, link)));
    let by_app = MessageBody {
        app_id: Some("900000000000001".to_owned()),
        metadata: Some("run:01J000".to_owned()),
        ..echo(26, link)
    };
    assert_event("message_echo_app_id", message(to(ADA), by_app));
    let reel = Attachment {
        kind: AttachmentKind::IgReel,
        url: Some(cdn(95)),
        media_id: Some(media_id(95)),
        title: Some("Crown 👑".to_owned()),
    };
    let shared = MessageBody {
        attachments: vec![reel],
        ..echo(27, None)
    };
    assert_event("message_echo_attachment", message(to(ADA), shared));
    let reply_to = Some(ReplyTo::Story {
        url: cdn(96),
        id: media_id(96),
        link_sticker_url: None,
        is_self_reply: None,
    });
    let answer = MessageBody {
        reply_to,
        ..echo(28, Some("thank you"))
    };
    assert_event("message_echo_story_reply", message(to(ADA), answer));
    let preview = MessageBody {
        is_self: true,
        ..echo(29, Some("preview"))
    };
    assert_event("message_self", message(to(OWN), preview));
}

#[test]
fn edits_reactions_and_reads_are_written_as_captured() {
    let envelope = || from_ada(1_790_000_000_123);
    let nobody = || Envelope {
        parties: None,
        ..envelope()
    };
    let edit = |envelope, number, text: Option<&str>, num_edit| Event::Edit {
        envelope,
        mid: mid(number),
        text: text.map(str::to_owned),
        num_edit,
    };
    assert_event("message_edit", edit(envelope(), 1, Some("Hello again"), 1));
    assert_event("message_edit_no_sender", edit(nobody(), 1, Some("Ок"), 1));
    assert_event("message_edit_zero", edit(nobody(), 30, None, 0));
    let react = |reaction| Event::Reaction {
        envelope: envelope(),
        mid: mid(25),
        reaction,
    };
    let love = Reaction {
        name: "love".to_owned(),
        emoji: "❤️".to_owned(),
    };
    assert_event("message_reaction_react", react(Some(love)));
    assert_event("message_reaction_unreact", react(None));
    assert_event(
        "messaging_seen",
        Event::Seen {
            envelope: envelope(),
            mid: mid(25),
        },
    );
}

#[test]
fn postbacks_and_referrals_are_written_as_captured() {
    let postback = |envelope, number: Option<u8>, title: &str, payload: &str| PostbackEvent {
        envelope,
        postback: PostbackBody {
            mid: number.map(mid),
            title: title.to_owned(),
            payload: payload.to_owned(),
            referral: None,
            is_self: false,
        },
    };
    let envelope = || from_ada(1_790_000_000_123);
    let ice = postback(envelope(), None, "Where is my order?", "FAQ:ORDER");
    assert_event("messaging_postback_icebreaker", ice.event());
    let button = postback(envelope(), Some(31), "Start", "FLOW:42:START");
    assert_event("messaging_postback_button", button.event());
    let mut referred = postback(envelope(), Some(32), "Start", "FLOW:42:START");
    let (reference, source) = ("campaign-7".to_owned(), "IGME".to_owned());
    referred.postback.referral = Some(Referral::Link {
        r#ref: reference,
        source,
    });
    assert_event("messaging_postback_referral", referred.event());
    let mut own = postback(to(OWN), Some(33), "Start Chatting", "FLOW:42:START");
    own.postback.is_self = true;
    assert_event("messaging_postback_self", own.event());
    let referral = Referral::Link {
        r#ref: "bio-link".to_owned(),
        source: "https://ig.me/m/acme_store".to_owned(),
    };
    assert_event(
        "messaging_referral",
        Event::Referral {
            envelope: envelope(),
            referral,
        },
    );
}

struct PostbackEvent {
    envelope: Envelope,
    postback: PostbackBody,
}

impl PostbackEvent {
    fn event(self) -> Event {
        Event::Postback {
            envelope: self.envelope,
            postback: self.postback,
        }
    }
}

#[test]
fn handovers_are_written_as_documented() {
    let first = || "900000000000001".to_owned();
    let second = || "900000000000002".to_owned();
    let check = |name: &str, control| {
        let envelope = from_ada(1_790_000_000_123);
        assert_event(name, Event::Handover { envelope, control });
    };
    let metadata = "note".to_owned();
    let pass = ThreadControl::Pass {
        previous_owner_app_id: Some(second()),
        new_owner_app_id: first(),
        metadata: metadata.clone(),
    };
    check("messaging_handover_pass", pass);
    let take = ThreadControl::Take {
        previous_owner_app_id: Some(first()),
        new_owner_app_id: second(),
        metadata,
    };
    check("messaging_handover_take", take);
    let request = ThreadControl::Request {
        requested_owner_app_id: second(),
        metadata: "please".to_owned(),
    };
    check("messaging_handover_request", request);
}

#[test]
fn batches_arrays_and_standby_are_written_as_captured() {
    let envelope = || from_ada(1_790_000_000_123);
    let wrapped = Entry {
        id: ACCOUNT.to_owned(),
        container: Container::Messaging,
        events: vec![message(envelope(), inbound(38, Some("wrapped")))],
    };
    let written = body(&[wrapped], 1_790_000_000_523, true, Escaping::Captured);
    assert_written("array_wrapped", &written);
    let standby = Entry {
        id: ACCOUNT.to_owned(),
        container: Container::Standby,
        events: vec![message(envelope(), inbound(34, Some("Hello")))],
    };
    let written = body(&[standby], 1_790_000_000_523, false, Escaping::Captured);
    assert_written("standby_message", &written);
}

#[test]
fn one_post_holds_entries_of_several_accounts_and_dialects() {
    let second = "17841400000000002";
    let bob = "6100000000000002";
    let first_entry = Entry {
        id: ACCOUNT.to_owned(),
        container: Container::Messaging,
        events: vec![
            message(from_ada(1_790_000_000_123), inbound(35, Some("one"))),
            message(from_ada(1_789_999_995_123), inbound(36, Some("two"))),
            Event::Seen {
                envelope: from_ada(1_790_000_000_123),
                mid: mid(25),
            },
        ],
    };
    let other = Envelope {
        parties: Some((bob.to_owned(), second.to_owned())),
        timestamp_ms: 1_790_000_000_123,
    };
    let other_body = MessageBody {
        mid: mid_of(second, 1, 37),
        ..inbound(37, Some("other account"))
    };
    let second_entry = Entry {
        id: second.to_owned(),
        container: Container::Messaging,
        events: vec![message(other, other_body)],
    };
    let nice = CommentEvent {
        from_id: bob.to_owned(),
        username: "bob".to_owned(),
        ..comment(23, Some("nice"))
    };
    let comments = Entry {
        id: ACCOUNT.to_owned(),
        container: Container::Changes,
        events: vec![
            Event::Comment(comment(22, Some("LINK"))),
            Event::Comment(nice),
        ],
    };
    let times = [1_790_000_000_523, 1_790_000_000_524, 1_790_000_000_000];
    let entries = [first_entry, second_entry, comments];
    let written = body_with_times(&entries, &times, false, Escaping::Captured);
    assert_written("batch_multi_entry", &written);
}

#[test]
fn headers_are_those_captured_and_every_way_of_signing_differs() {
    let body = fixture("comments_unicode");
    let header = |signing, name: &str| {
        headers(&body, b"decoded", SECRET, "v26.0", signing)
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    };
    let good = header(Signing::Good, "X-Hub-Signature-256").unwrap();
    let expected = digest(
        include_str!("../../tests/fixtures/sha256.txt"),
        "comments_unicode",
    );
    assert_eq!(good, format!("sha256={expected}"));
    for signing in [Signing::Bad, Signing::OtherSecret, Signing::OverDecoded] {
        let wrong = header(signing, "X-Hub-Signature-256").unwrap();
        assert_eq!(wrong.len(), good.len());
        assert_ne!(wrong, good, "{signing:?}");
    }
    assert_eq!(header(Signing::Sha1Only, "X-Hub-Signature-256"), None);
    assert!(header(Signing::Sha1Only, "X-Hub-Signature").is_some());
    assert_eq!(header(Signing::Missing, "X-Hub-Signature"), None);
    assert_eq!(
        header(Signing::Good, "User-Agent").as_deref(),
        Some("facebookexternalua")
    );
    assert_eq!(
        header(Signing::Good, "Facebook-API-Version").as_deref(),
        Some("v26.0")
    );
}

#[test]
fn the_dashboards_tests_are_written_as_captured() {
    let test = |field| dashboard_test(field, 1_790_000_000_000).unwrap();
    assert_written("dashboard_test_comments", &test("comments"));
    assert_written("dashboard_test_live_comments_v26", &test("live_comments"));
    assert_written("dashboard_test_messages", &test("messages"));
    assert_eq!(dashboard_test("nonsense", 0), None);
}
