use hookline_model::event::EventBody;
use proptest::prelude::*;

use super::{Kept, Quoter, WINDOW, resolve};

const DELIVERY: &str = r#"{"entry":[{"id":"17841400000141048","time":1790000002,"changes":[{"value":{"from":{"id":"6100000000380112","username":"ana.lima"},"media":{"id":"18000000123000369","media_product_type":"FEED"},"id":"17900000000288215","text":"LINK por favor \ud83d\ude0d n\u00e3o vi ainda, manda no direct"},"field":"comments"}]}],"object":"instagram"}"#;

const EVENT: &str = r#"{"kind":"comment_received","id":"17900000000288215","text":"LINK por favor 😍 não vi ainda, manda no direct","from":{"id":"6100000000380112","username":"ana.lima"},"media":{"id":"18000000123000369","product_type":"FEED"},"is_own":false,"is_test":false}"#;

fn quotation(delivery: &str, about: Option<&str>, text: &str) -> Vec<u8> {
    match Quoter::new(delivery.as_bytes(), about).keep(text.to_owned()) {
        Kept::Quotation(bytes) => bytes,
        Kept::Whole(text) => panic!("kept whole: {text}"),
    }
}

#[test]
fn an_event_costs_a_fifth_of_what_it_repeats() {
    assert!(serde_json::from_str::<EventBody>(EVENT).is_ok());
    let bytes = quotation(DELIVERY, None, EVENT);
    assert!(bytes.len() * 5 < EVENT.len(), "{} bytes", bytes.len());
    assert_eq!(resolve(&bytes, DELIVERY.as_bytes()).unwrap(), EVENT);
}

#[test]
fn what_was_quoted_by_the_first_version_reads_the_same_for_ever() {
    // Changed shapes, or another way to resolve escapes, need another form.
    let bytes = FIRST.as_bytes().as_chunks::<2>().0.iter().map(|digits| {
        let digits = std::str::from_utf8(digits).unwrap();
        u8::from_str_radix(digits, 16).unwrap()
    });
    let bytes: Vec<u8> = bytes.collect();
    assert_eq!(resolve(&bytes, DELIVERY.as_bytes()).unwrap(), EVENT);
}

/// What the first version made of [`EVENT`].
const FIRST: &str = "0100ff01462ae42e0f15020e0f9d003b1f2c6801470f6201050f4202046066616c73657d";

#[test]
fn an_event_at_the_end_of_a_long_delivery_is_quoted_from_where_it_is() {
    let long = format!("{}{DELIVERY}", "x".repeat(5 * WINDOW));
    let bytes = quotation(&long, Some("17900000000288215"), EVENT);
    assert!(bytes.len() * 4 < EVENT.len(), "{} bytes", bytes.len());
    assert_eq!(resolve(&bytes, long.as_bytes()).unwrap(), EVENT);
}

#[test]
fn with_another_delivery_it_is_an_error_and_not_another_text() {
    let bytes = quotation(DELIVERY, None, EVENT);
    let others = [
        String::new(),
        DELIVERY.replace("ana.lima", "bob.lima"),
        DELIVERY.replace("ana.lima", ""),
        DELIVERY.replace(r"\ud83d\ude0d", r"\ud83d\ude0e"),
    ];
    for other in others {
        assert!(resolve(&bytes, other.as_bytes()).is_err(), "{other}");
    }
}

#[test]
fn broken_bytes_are_an_error_or_the_same_text() {
    let bytes = quotation(DELIVERY, None, EVENT);
    for place in 0..bytes.len() {
        assert!(resolve(&bytes[..place], DELIVERY.as_bytes()).is_err());
        let mut broken = bytes.clone();
        broken[place] ^= 0x40;
        if let Ok(text) = resolve(&broken, DELIVERY.as_bytes()) {
            assert_eq!(text, EVENT, "byte {place}");
        }
    }
    assert!(resolve(&[1, 0xff, 0xff, 0xff, 0xff, 0xff], b"").is_err());
}

#[test]
fn what_is_in_no_delivery_is_kept_whole_when_that_is_shorter() {
    let kept = Quoter::new(b"", None).keep("né".to_owned());
    assert_eq!(kept, Kept::Whole("né".to_owned()));
}

proptest! {
    #[test]
    fn every_text_reads_back(delivery in prop::collection::vec(any::<u8>(), 0..200),
                             text in "[a-z\"\\\\{}:é😍]{0,200}") {
        match Quoter::new(&delivery, Some("a")).keep(text.clone()) {
            Kept::Whole(kept) => prop_assert_eq!(kept, text),
            Kept::Quotation(bytes) => prop_assert_eq!(resolve(&bytes, &delivery).unwrap(), text),
        }
    }
}
