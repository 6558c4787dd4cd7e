//! Encryption at rest.
//!
//! A sealed value is `version ‖ kek id ‖ nonce ‖ ciphertext ‖ tag` under AES-256-GCM. Its key comes
//! from the key-encryption key by HKDF-SHA256 over issuer, table, column and row id, and the same four
//! (with version and kek id) are the associated data: a value copied into another row, column, table
//! or issuer does not open.

use std::fmt;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use crate::{Entropy, EntropyError, MacKey};

/// Largest plaintext that is sealed; a credential with a portrait stays far below.
pub const MAX_PLAINTEXT_LEN: usize = 16 * 1024 * 1024;

const VERSION: u8 = 1;
const KEK_LEN: usize = 32;
const KEK_ID_LEN: usize = 8;
const TAG_LEN: usize = 16;
const HEADER_LEN: usize = 1 + KEK_ID_LEN;
/// Bytes that sealing adds.
pub const OVERHEAD: usize = HEADER_LEN + NONCE_LEN + TAG_LEN;

/// Longest key file text that is decoded.
const MAX_KEK_TEXT_LEN: usize = 256;

/// The place a sealed value belongs to. Opening needs the very same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealContext<'a> {
    pub issuer: &'a str,
    pub table: &'a str,
    pub column: &'a str,
    pub row: &'a str,
}

/// Names a key-encryption key in what it sealed. Derived from the key, so it needs no bookkeeping.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KekId([u8; KEK_ID_LEN]);

/// Sealing, opening or loading a key failed. The texts name no contents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the key-encryption key is not the base64 text of exactly 32 bytes")]
    BadKeyText,
    #[error("the sealed value is cut short or of an unknown version")]
    Malformed,
    #[error("the value was sealed under key-encryption key {0}, which is not in the keyring")]
    UnknownKek(KekId),
    #[error("the sealed value was changed, or it belongs to another place")]
    NotAuthentic,
    #[error("the value is longer than {MAX_PLAINTEXT_LEN} bytes")]
    TooLong,
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error("the cryptographic library refused a key of fixed length")]
    Internal,
}

/// The secret under which everything else is sealed. Kept outside the database.
#[derive(Clone)]
pub struct KeyEncryptionKey {
    id: KekId,
    secret: Zeroizing<[u8; KEK_LEN]>,
}

impl KeyEncryptionKey {
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, SealError> {
        let mut secret = Zeroizing::new([0; KEK_LEN]);
        entropy.fill(secret.as_mut())?;
        Self::new(secret)
    }

    /// Reads the text of a key file: base64 with or without padding, white space around it ignored.
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let text = text.trim();
        if text.len() > MAX_KEK_TEXT_LEN {
            return Err(SealError::BadKeyText);
        }
        let bytes = Zeroizing::new(KEY_TEXT.decode(text).map_err(|_| SealError::BadKeyText)?);
        let bytes: &[u8; KEK_LEN] = bytes.as_slice().try_into().map_err(|_| SealError::BadKeyText)?;
        Self::new(Zeroizing::new(*bytes))
    }

    /// The text for a key file.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.secret.as_ref()))
    }

    pub const fn id(&self) -> KekId {
        self.id
    }

    fn new(secret: Zeroizing<[u8; KEK_LEN]>) -> Result<Self, SealError> {
        let mut key = Self { id: KekId([0; KEK_ID_LEN]), secret };
        let mut id = [0; KEK_ID_LEN];
        key.fill_derived(&[b"kek id"], &mut id)?;
        key.id = KekId(id);
        Ok(key)
    }

    fn seal(&self, context: &SealContext<'_>, plaintext: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, SealError> {
        if plaintext.len() > MAX_PLAINTEXT_LEN {
            return Err(SealError::TooLong);
        }
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce)?;
        let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id.0);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let (_, body) = sealed.split_at_mut(HEADER_LEN + NONCE_LEN);
        let tag = self
            .row_key(context)?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(self.associated_data(context)),
                body,
            )
            .map_err(|_| SealError::Internal)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    fn open(
        &self,
        context: &SealContext<'_>,
        nonce: [u8; NONCE_LEN],
        body: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let mut buffer = Zeroizing::new(body.to_vec());
        let length = self
            .row_key(context)?
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(self.associated_data(context)), &mut buffer)
            .map_err(|_| SealError::NotAuthentic)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    fn row_key(&self, context: &SealContext<'_>) -> Result<LessSafeKey, SealError> {
        let SealContext { issuer, table, column, row } = context;
        let info = length_prefixed(&[b"seal", issuer.as_bytes(), table.as_bytes(), column.as_bytes(), row.as_bytes()]);
        self.extract()
            .expand(&[&info], &AES_256_GCM)
            .map(|okm| LessSafeKey::new(UnboundKey::from(okm)))
            .map_err(|_| SealError::Internal)
    }

    fn associated_data(&self, context: &SealContext<'_>) -> Vec<u8> {
        length_prefixed(&[
            &[VERSION],
            &self.id.0,
            context.issuer.as_bytes(),
            context.table.as_bytes(),
            context.column.as_bytes(),
            context.row.as_bytes(),
        ])
    }

    fn fill_derived(&self, parts: &[&[u8]], out: &mut [u8]) -> Result<(), SealError> {
        let info = length_prefixed(parts);
        let prk = self.extract();
        prk.expand(&[&info], OutputLen(out.len())).and_then(|okm| okm.fill(out)).map_err(|_| SealError::Internal)
    }

    /// Extracted anew for each use: ring does not wipe a `Prk`, so none is kept.
    fn extract(&self) -> hkdf::Prk {
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"chancery sealing v1").extract(self.secret.as_ref())
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyEncryptionKey({}, redacted)", self.id)
    }
}

/// The key-encryption key in use, and older ones that only open.
#[derive(Clone, Debug)]
pub struct Keyring {
    current: KeyEncryptionKey,
    older: Vec<KeyEncryptionKey>,
}

impl Keyring {
    pub fn new(current: KeyEncryptionKey, older: Vec<KeyEncryptionKey>) -> Self {
        Self { current, older }
    }

    /// Seals under the current key, with a fresh random nonce.
    pub fn seal(
        &self,
        context: &SealContext<'_>,
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        self.current.seal(context, plaintext, entropy)
    }

    /// Opens what any key of the ring sealed, if it stands where it was sealed for.
    pub fn open(&self, context: &SealContext<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if sealed.len() < OVERHEAD || sealed.len() > MAX_PLAINTEXT_LEN + OVERHEAD {
            return Err(SealError::Malformed);
        }
        let id = sealed_under(sealed).ok_or(SealError::Malformed)?;
        let key = self.keys().find(|key| key.id == id).ok_or(SealError::UnknownKek(id))?;
        let (nonce, body) = sealed[HEADER_LEN..].split_first_chunk().ok_or(SealError::Malformed)?;
        key.open(context, *nonce, body)
    }

    /// Whether a re-wrap should seal this value again, because an older key sealed it.
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        sealed_under(sealed) != Some(self.current.id)
    }

    /// A MAC key of one issuer for one purpose. It comes from the current key: what was tagged before
    /// a change of the key-encryption key no longer verifies.
    pub fn derive(&self, issuer: &str, purpose: &str) -> Result<MacKey, SealError> {
        let info = length_prefixed(&[b"mac", issuer.as_bytes(), purpose.as_bytes()]);
        let prk = self.current.extract();
        prk.expand(&[&info], hmac::HMAC_SHA256).map(MacKey::new).map_err(|_| SealError::Internal)
    }

    /// 32 secret bytes of one issuer for one purpose, for code that keys its own primitive. Never the
    /// bytes of a [`Keyring::derive`] key.
    pub fn derive_bytes(&self, issuer: &str, purpose: &str) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let mut bytes = Zeroizing::new([0; 32]);
        let parts: [&[u8]; 3] = [b"bytes", issuer.as_bytes(), purpose.as_bytes()];
        self.current.fill_derived(&parts, bytes.as_mut())?;
        Ok(bytes)
    }

    fn keys(&self) -> impl Iterator<Item = &KeyEncryptionKey> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

impl fmt::Display for KekId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KekId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KekId({self})")
    }
}

/// Key files come from `openssl rand -base64 32` and from secret stores that drop the padding.
const KEY_TEXT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

struct OutputLen(usize);

impl hkdf::KeyType for OutputLen {
    fn len(&self) -> usize {
        self.0
    }
}

fn sealed_under(sealed: &[u8]) -> Option<KekId> {
    let (version, rest) = sealed.split_first()?;
    (*version == VERSION).then(|| rest.first_chunk().copied().map(KekId)).flatten()
}

/// Each part behind its length, so that `("ab", "c")` and `("a", "bc")` differ.
fn length_prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| 8 + part.len()).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
