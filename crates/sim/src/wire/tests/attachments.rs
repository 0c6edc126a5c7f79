//! What messages carry besides their text.

use super::*;

fn check_attachments(name: &str, number: u8, attachments: Vec<Attachment>) {
    let body = MessageBody {
        attachments,
        ..inbound(number, None)
    };
    assert_event(name, message(from_ada(1_790_000_000_123), body));
}

fn shared(kind: AttachmentKind, end: u8, title: &str) -> Attachment {
    Attachment {
        kind,
        url: Some(cdn(end)),
        media_id: Some(media_id(end)),
        title: Some(title.to_owned()),
    }
}

#[test]
fn attachments_are_written_as_captured() {
    let image = |end| attachment(AttachmentKind::Image, Some(end));
    check_attachments("message_attachment_image", 7, vec![image(81)]);
    check_attachments(
        "message_attachment_images_multiple",
        8,
        vec![image(82), image(83)],
    );
    check_attachments(
        "message_attachment_video",
        9,
        vec![attachment(AttachmentKind::Video, Some(84))],
    );
    check_attachments(
        "message_attachment_audio",
        10,
        vec![attachment(AttachmentKind::Audio, Some(85))],
    );
    check_attachments(
        "message_attachment_file",
        11,
        vec![attachment(AttachmentKind::File, Some(86))],
    );
    check_attachments(
        "message_attachment_share",
        12,
        vec![attachment(AttachmentKind::Share, Some(87))],
    );
}

#[test]
fn shared_posts_are_written_as_captured() {
    let post = |kind| shared(kind, 88, "Caption of the shared post");
    check_attachments(
        "message_attachment_ig_post",
        13,
        vec![post(AttachmentKind::IgPost)],
    );
    check_attachments(
        "message_attachment_share_and_ig_post",
        14,
        vec![post(AttachmentKind::Share), post(AttachmentKind::IgPost)],
    );
    let reel = |kind, end| shared(kind, end, "Caption of the reel");
    check_attachments(
        "message_attachment_ig_reel",
        15,
        vec![reel(AttachmentKind::IgReel, 89)],
    );
    check_attachments(
        "message_attachment_reel",
        16,
        vec![reel(AttachmentKind::Reel, 90)],
    );
    let story_mention = attachment(AttachmentKind::StoryMention, Some(91));
    check_attachments("message_attachment_story_mention", 17, vec![story_mention]);
    let story = Attachment {
        title: None,
        ..shared(AttachmentKind::IgStory, 92, "")
    };
    check_attachments("message_attachment_ig_story", 18, vec![story]);
    check_attachments(
        "message_attachment_ephemeral",
        19,
        vec![attachment(AttachmentKind::Ephemeral, None)],
    );
    check_attachments(
        "message_attachment_template_empty",
        20,
        vec![attachment(AttachmentKind::Template, None)],
    );
}
