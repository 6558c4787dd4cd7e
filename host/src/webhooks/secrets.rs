//! Secrets and signatures of Standard Webhooks: HMAC-SHA-256 over `id.timestamp.body`, once for each secret.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chancery_keys::{Entropy, EntropyError, MacKey};
use zeroize::Zeroizing;

const PREFIX: &str = "whsec_";
/// Bytes of a secret, by the specification.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
const MADE: usize = 32;
/// The one in use, the one that comes, and room for more receivers behind one address.
const MAX_SECRETS: usize = 4;
const MAX_FILE: usize = 4 * 1024;

/// Why secrets cannot be used. Holds nothing of them.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read {0}: {1}")]
    Unreadable(String, std::io::Error),
    #[error("{0} is larger than {MAX_FILE} bytes")]
    TooLarge(String),
    #[error("line {1} of {0} is no secret: expected {PREFIX} and {least} to {most} bytes in base64, as `chancery webhook keygen` makes it", least = LENGTHS.start(), most = LENGTHS.end())]
    Malformed(String, usize),
    #[error("{0} holds {1} secrets; 1 to {MAX_SECRETS} are used")]
    Number(String, usize),
}

/// The keys of one webhook.
#[derive(Debug)]
pub(super) struct Secrets(Vec<MacKey>);

impl Secrets {
    /// One secret a line; empty lines do not count.
    pub(super) fn read(path: &Path) -> Result<Self, SecretError> {
        use std::io::Read as _;
        let shown = || path.display().to_string();
        let unreadable = |error| SecretError::Unreadable(shown(), error);
        let file = std::fs::File::open(path).map_err(unreadable)?;
        // Reserved beforehand: a buffer that grows leaves copies behind that nobody wipes.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE + 1));
        file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > MAX_FILE {
            return Err(SecretError::TooLarge(shown()));
        }
        let mut keys = Vec::new();
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if !line.is_empty() {
                keys.push(key(line).ok_or_else(|| SecretError::Malformed(shown(), number + 1))?);
            }
        }
        if !(1..=MAX_SECRETS).contains(&keys.len()) {
            return Err(SecretError::Number(shown(), keys.len()));
        }
        Ok(Self(keys))
    }

    /// The header `webhook-signature`.
    pub(super) fn sign(&self, id: &str, unix_seconds: i64, body: &str) -> String {
        let signed = format!("{id}.{unix_seconds}.{body}");
        let signatures = self.0.iter().map(|key| format!("v1,{}", STANDARD.encode(key.mac(signed.as_bytes()))));
        signatures.collect::<Vec<_>>().join(" ")
    }
}

/// A new secret, as it stands in the file and as the receiver needs it.
pub fn generate(entropy: &dyn Entropy) -> Result<Zeroizing<String>, EntropyError> {
    let mut bytes = Zeroizing::new([0; MADE]);
    entropy.fill(bytes.as_mut())?;
    let encoded = Zeroizing::new(STANDARD.encode(bytes.as_ref()));
    Ok(Zeroizing::new(format!("{PREFIX}{}", encoded.as_str())))
}

fn key(line: &[u8]) -> Option<MacKey> {
    let encoded = line.strip_prefix(PREFIX.as_bytes())?;
    let secret = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    if !LENGTHS.contains(&secret.len()) {
        return None;
    }
    MacKey::from_bytes(&secret).ok()
}

#[cfg(test)]
mod tests {
    use chancery_keys::SeededEntropy;
    use tempfile::TempDir;

    use super::*;

    fn read(text: &str) -> Result<Secrets, String> {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("hook.key");
        std::fs::write(&path, text).unwrap();
        Secrets::read(&path).map_err(|e| e.to_string())
    }

    /// The example of the specification's own libraries.
    #[test]
    fn a_message_is_signed_as_the_specification_has_it() {
        let secrets = read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let signature = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_file_may_hold_several_secrets_and_each_signs() {
        let (one, two) = (generate(&SeededEntropy::new(1)).unwrap(), generate(&SeededEntropy::new(2)).unwrap());
        let alone = |secret: &str| read(secret).unwrap().sign("i", 1, "b");
        let both = read(&format!("\n{}\r\n{}\n\n", one.as_str(), two.as_str())).unwrap().sign("i", 1, "b");
        assert_eq!(both, format!("{} {}", alone(&one), alone(&two)));
        assert_ne!(alone(&one), alone(&two));
    }

    #[test]
    fn what_is_no_secret_is_refused_without_repeating_it() {
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        let good = format!("whsec_{}\n", STANDARD.encode([7; 24]));
        for (text, hint) in [
            ("", "holds 0 secrets"),
            ("\n \n", "holds 0 secrets"),
            (&good.repeat(5), "holds 5 secrets"),
            (&format!("{good}MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "line 2"),
            ("whsec_****", "line 1"),
            (&short, "line 1"),
            (&long, "line 1"),
            (&"x".repeat(MAX_FILE + 1), "larger"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(hint) && !error.contains("MfKQ") && !error.contains("BwcH"), "{error}");
        }
        read(&good.repeat(4)).unwrap();
        assert!(Secrets::read(Path::new("/nowhere/hook.key")).unwrap_err().to_string().contains("/nowhere/hook.key"));
        assert_eq!(format!("{:?}", read(&good).unwrap()), "Secrets([MacKey(redacted)])");
    }
}
