//! Deliveries as varied as those of many accounts: comments of every length, messages,
//! attachments, echoes and receipts, each in words drawn anew.
//!
//! The words are drawn at random from a few hundred, the first ones most often. That repeats no
//! sentence, which makes it harder to compress than what people write, and has few different words,
//! which makes it easier: how it compares with real deliveries was not measured.

use std::fmt::Write as _;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The most common words come first, as in any text.
const WORDS: &str = "the to and a of in it is you that for on my this with so was we have but are be \
at i me not your just all one can love if like what from they or will as when there do how out up \
had time would get really more good them really some great very about make made by know now \
please thank thanks much too our where who has here back day been see then want well could \
first over only think work also look than way after got because new best need did still looks \
even any going other little amazing beautiful recipe link price size color colour shipping \
available order shop store delivery question answer send message video reel story post photo \
bread flour oven butter sugar salt water minutes hours dough crust kitchen home family kids \
mother father sister brother friend friends morning evening week month year summer winter \
london paris berlin madrid roma lisbon mumbai delhi sydney toronto \u{00e7}ok te\u{015f}ekk\u{00fc}rler \
hola gracias precio por favor env\u{00ed}o cu\u{00e1}nto cuesta d\u{00f3}nde tienda m\u{00e1}s informaci\u{00f3}n \
bonjour merci prix s'il vous pla\u{00ee}t tr\u{00e8}s joli combien livraison boutique \
hallo danke preis gr\u{00f6}\u{00df}e wundersch\u{00f6}n wo kann ich das kaufen lieferung \
ol\u{00e1} obrigada pre\u{00e7}o quanto custa por favor lindo quero comprar onde fica \
\u{0938}\u{0941}\u{0902}\u{0926}\u{0930} \u{0915}\u{0940}\u{092e}\u{0924} \u{0915}\u{094d}\u{092f}\u{093e} \u{0939}\u{0948} \
try tried trying bought buy buying wear wearing cook cooking bake baking paint painting \
learn learned teach teacher student class course free guide list tools material wool cotton \
linen leather silver gold wood glass paper light dark blue green red yellow black white pink \
small large medium tall short long wide narrow heavy soft hard warm cold fresh sweet sour \
quick easy simple difficult hour later today tomorrow yesterday weekend birthday wedding gift \
present surprise party dinner lunch breakfast coffee tea milk cake cookies chocolate vanilla \
garden flowers roses tomatoes basil balcony window door table chair wall floor ceiling corner \
walk walking run running train trip travel mountain river beach island forest city village \
music song dance dancing guitar piano voice film book books page chapter author writer \
dog cat puppy kitten horse bird feed rescue shelter adopt walkies treats collar leash vet \
wonder wonderful perfect gorgeous stunning cute cool nice awesome incredible lovely pretty \
sure maybe always never often sometimes usually almost already soon again together alone \
happy sad tired excited proud lucky sorry afraid ready busy open closed sold empty full";

/// What people add.
const SIGNS: [&str; 12] = [
    "!",
    "!!",
    "?",
    "...",
    "\u{1f64f}",
    "\u{1f60d}",
    "\u{2764}\u{fe0f}",
    "\u{1f525}",
    "\u{1f602}",
    "\u{1f44f}\u{1f44f}",
    "@friend",
    ",",
];

/// What a mix is made of.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// Accounts the deliveries are spread over.
    pub accounts: u64,
    /// Comments among a hundred deliveries; the rest is messages, echoes and receipts.
    pub comments_percent: u32,
    /// Comments among a hundred that ask for the link.
    pub asking_percent: u32,
    /// Bytes of a comment's text, on average.
    pub text_bytes: usize,
}

/// Makes deliveries, always the same for the same seed.
#[derive(Debug)]
pub struct Deliveries {
    mix: Mix,
    random: StdRng,
    words: Vec<&'static str>,
    number: u64,
}

impl Deliveries {
    /// Deliveries of this mix.
    pub fn new(mix: Mix, seed: u64) -> Self {
        Self {
            mix,
            random: StdRng::seed_from_u64(seed),
            words: WORDS.split_whitespace().collect(),
            number: 0,
        }
    }

    /// The accounts they are for.
    pub fn accounts(&self) -> impl Iterator<Item = String> {
        (0..self.mix.accounts).map(account)
    }

    fn text(&mut self) -> String {
        let wanted = self.random.random_range(0..self.mix.text_bytes * 2);
        let mut text = String::new();
        if self.random.random_range(0..100) < self.mix.asking_percent {
            text.push_str("LINK ");
        }
        while text.len() < wanted {
            // The chance of a word falls with its rank.
            let share: f64 = self.random.random_range(0.0..1.0);
            let rank = whole(share * share * share * float(self.words.len()));
            text.push_str(self.words.get(rank).copied().unwrap_or("the"));
            if self.random.random_range(0..9_u32) == 0 {
                let sign = self.random.random_range(0..SIGNS.len());
                text.push_str(SIGNS.get(sign).copied().unwrap_or("!"));
            }
            text.push(' ');
        }
        text.trim_end().to_owned()
    }

    fn person(&mut self) -> u64 {
        // Who comes once mostly comes again.
        let people = (self.number / 3).max(1);
        6_100_000_000_000_000 + self.random.random_range(0..people) * 7919
    }

    fn mid(&mut self) -> String {
        let mut mid = String::from("aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQx");
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        for _ in 0..100 {
            let place = self.random.random_range(0..letters.len());
            mid.push(char::from(letters.get(place).copied().unwrap_or(b'A')));
        }
        mid.push_str("QZDZD");
        mid
    }

    fn comment(&mut self) -> String {
        let (text, person) = (self.text(), self.person());
        let time = 1_790_000_000 + self.number / 100;
        let account = account(self.random.random_range(0..self.mix.accounts));
        let media = 18_000_000_000_000_000 + self.random.random_range(0..200_u64) * 1_000_003;
        let comment = 17_900_000_000_000_000 + self.number * 977;
        format!(
            concat!(
                r#"{{"entry":[{{"id":"{}","time":{},"changes":[{{"value":{{"from":{{"id":"{}","#,
                r#""username":"{}"}},"media":{{"id":"{}","media_product_type":"{}"}},"#,
                r#""id":"{}","text":"{}"}},"field":"comments"}}]}}],"object":"instagram"}}"#
            ),
            account,
            time,
            person,
            self.username(person),
            media,
            if self.random.random_range(0..3_u32) == 0 {
                "FEED"
            } else {
                "REELS"
            },
            comment,
            escaped(&text),
        )
    }

    fn username(&self, person: u64) -> String {
        let place = usize::try_from(person % 331).unwrap_or(0);
        let word = self.words.get(place).copied().unwrap_or("ada");
        let word: String = word.chars().filter(char::is_ascii_alphabetic).collect();
        format!("{word}.{}", person % 10_007)
    }

    fn message(&mut self) -> String {
        let account = account(self.random.random_range(0..self.mix.accounts));
        let (person, mid, text) = (self.person(), self.mid(), self.text());
        let time = 1_790_000_000_000 + self.number * 10;
        let (from, to, rest) = match self.random.random_range(0..8) {
            0 | 1 => (
                account.clone(),
                person.to_string(),
                format!(
                    r#""message":{{"mid":"{mid}","text":"{}","is_echo":true}}"#,
                    escaped(&text)
                ),
            ),
            2 => (
                person.to_string(),
                account.clone(),
                format!(r#""read":{{"mid":"{mid}"}}"#),
            ),
            3 => {
                let signature = self.mid();
                let url = format!(
                    r"https:\/\/lookaside.fbsbx.com\/ig_messaging_cdn\/?asset_id={}&signature={signature}",
                    18_000_000_000_000_000 + self.number
                );
                (
                    person.to_string(),
                    account.clone(),
                    format!(
                        r#""message":{{"mid":"{mid}","attachments":[{{"type":"image","payload":{{"url":"{url}"}}}}]}}"#
                    ),
                )
            }
            _ => (
                person.to_string(),
                account.clone(),
                format!(r#""message":{{"mid":"{mid}","text":"{}"}}"#, escaped(&text)),
            ),
        };
        format!(
            concat!(
                r#"{{"object":"instagram","entry":[{{"time":{},"id":"{}","messaging":[{{"#,
                r#""sender":{{"id":"{}"}},"recipient":{{"id":"{}"}},"timestamp":{},{}}}]}}]}}"#
            ),
            time + 500,
            account,
            from,
            to,
            time,
            rest
        )
    }
}

impl Iterator for Deliveries {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.number += 1;
        let is_comment = self.random.random_range(0..100) < self.mix.comments_percent;
        let body = if is_comment {
            self.comment()
        } else {
            self.message()
        };
        Some(body.into())
    }
}

fn account(number: u64) -> String {
    (17_841_400_000_000_001 + number * 3001).to_string()
}

/// A text as Meta writes it: what is not ASCII is escaped (contract 2.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() && byte != b'"' && byte != b'\\' => {
                escaped.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            _ => {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a few hundred words"
)]
fn float(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between nothing and a few hundred words"
)]
fn whole(value: f64) -> usize {
    value as usize
}
