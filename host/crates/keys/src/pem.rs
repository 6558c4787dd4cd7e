//! PEM (RFC 7468), strictly: one block, one label, nothing around it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Longest PEM text that is read. Keys of the supported types take about 250 bytes.
pub(crate) const MAX_PEM_LEN: usize = 4096;

/// The bytes of the only block, which must carry this label. Wiped when dropped: they may be a private key.
pub(crate) fn decode(text: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() > MAX_PEM_LEN {
        return None;
    }
    let body = text.trim().strip_prefix(&format!("-----BEGIN {label}-----"))?;
    let body = body.strip_suffix(&format!("-----END {label}-----"))?;
    // Reserved beforehand: a string that grows leaves copies behind that nobody wipes.
    let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
    base64.extend(body.chars().filter(|c| !matches!(c, '\n' | '\r')));
    let mut bytes = Zeroizing::new(vec![0; base64.len()]);
    let length = STANDARD.decode_slice(base64.as_bytes(), &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "-----BEGIN PRIVATE KEY-----\nAQID\nBA==\n-----END PRIVATE KEY-----\n";

    #[test]
    fn one_block_with_the_right_label_is_read() {
        for text in [BLOCK, &BLOCK.replace('\n', "\r\n"), &format!("\n{BLOCK}\n")] {
            assert_eq!(**decode(text, "PRIVATE KEY").unwrap(), [1, 2, 3, 4]);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "AQIDBA==",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----AQ-----END PUBLIC KEY-----",
            &BLOCK.replace("PRIVATE KEY", "EC PRIVATE KEY"),
            &BLOCK.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
            &BLOCK.replace("BA==", "BA"),
            &BLOCK.replace("BA==", "BB=="),
            &BLOCK.replace("AQID", "A QID"),
            &format!("{BLOCK}{BLOCK}"),
            &format!("# a comment\n{BLOCK}"),
            &format!("-----BEGIN PRIVATE KEY-----{}-----END PRIVATE KEY-----", "A".repeat(MAX_PEM_LEN)),
        ] {
            assert!(decode(text, "PRIVATE KEY").is_none(), "{text}");
        }
    }
}
