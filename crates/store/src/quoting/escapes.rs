//! Escapes of JSON, resolved without reading it.

/// Appends `json` with the characters that Meta writes as escapes, and we do not, as themselves:
/// `\u` and its digits outside the control characters, and `\/`. What we would escape too, and
/// whatever is not an escape after all, stays as it is.
pub(super) fn resolve(json: &[u8], out: &mut Vec<u8>) {
    let mut rest = json;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = if let Some((ch, rest)) = escape(from) {
            out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes());
            rest
        } else {
            // The sign with what it escapes, so that that is not taken for the sign of another.
            let (kept, rest) = from.split_at(from.len().min(2));
            out.extend_from_slice(kept);
            rest
        };
    }
    out.extend_from_slice(rest);
}

/// The character that `bytes` begin with as an escape, and what follows it.
fn escape(bytes: &[u8]) -> Option<(char, &[u8])> {
    if let Some(rest) = bytes.strip_prefix(br"\/") {
        return Some(('/', rest));
    }
    let (unit, rest) = unit(bytes)?;
    let (ch, rest) = match unit {
        0xd800..=0xdbff => {
            let (low, rest) = self::unit(rest)?;
            let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            (
                char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + low)?,
                rest,
            )
        }
        _ => (char::from_u32(unit)?, rest),
    };
    let is_ours = ch < ' ' || ch == '"' || ch == '\\';
    (!is_ours).then_some((ch, rest))
}

fn unit(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let digits = bytes.strip_prefix(br"\u")?;
    let (digits, rest) = digits.split_at_checked(4)?;
    let unit = digits.iter().try_fold(0, |unit, digit| {
        Some(unit * 16 + char::from(*digit).to_digit(16)?)
    })?;
    Some((unit, rest))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    fn resolved(json: &str) -> String {
        let mut out = Vec::new();
        resolve(json.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_meta_escapes_reads_as_we_write_it() {
        assert_eq!(resolved(r"caf\u00e9 \ud83d\udd25 a\/b"), "café 🔥 a/b");
    }

    #[test]
    fn what_we_escape_too_stays() {
        for json in [r#"\"a\""#, r"\n\u000a", r"\u0022", r"\\u00e9", r"\u005c"] {
            assert_eq!(resolved(json), json);
        }
    }

    #[test]
    fn what_is_cut_off_or_alone_stays() {
        for json in [
            r"\ud83d",
            r"\ud83d\n",
            r"\udd25",
            r"\u00e",
            r"\u+123",
            r"a\",
        ] {
            assert_eq!(resolved(json), json);
        }
    }
}
