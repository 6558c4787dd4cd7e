//! From the bits of a list to what is published of it: each document by itself, and all that one publication makes.

use std::{io::Write as _, time::Duration};

use chancery_credential::{
    data_integrity::{Cryptosuite, ProofOptions},
    jsonld::Contexts,
    status::{
        Purpose, StatusBits,
        bitstring::{ListCredential, Spelling, encoded_list},
        token::{self, StatusListToken},
    },
};
use chancery_keys::{Algorithm, Signer as _, SoftwareKey, jose::sign_compact};
use chrono::{DateTime, TimeDelta, Utc};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

use super::{bits::filled, host::PURPOSES, median};
use crate::{
    Result,
    example::{ISSUER, ISSUER_DID},
    measure::Effort,
    report::{Making, Report},
    wallet::{new_key, now, object},
};

/// The smallest list that is published, and the usual one.
const ENTRIES: [u32; 2] = [1 << 17, 1 << 20];
/// Of the entries of each purpose.
const PERCENT_SET: [u32; 2] = [0, 2];
const TTL: Duration = Duration::from_mins(5);
const VALIDITY: TimeDelta = TimeDelta::days(1);

/// What is made of the bits: a document with its signature, unless it says otherwise.
const PRODUCTS: [(&str, &str, Product); 6] = [
    ("bitstring", "Bitstring, Data Integrity, one purpose", |maker, bits| {
        Made::document(maker.data_integrity(bits, Purpose::Revocation, Spelling::Bitstring)?)
    }),
    ("bitstring-jwt", "Bitstring, JWT, one purpose", |maker, bits| {
        Made::document(maker.jwt(bits, Purpose::Revocation)?)
    }),
    ("status-list-2021", "StatusList2021, Data Integrity, one purpose", |maker, bits| {
        Made::document(maker.data_integrity(bits, Purpose::Revocation, Spelling::StatusList2021)?)
    }),
    ("token", "Token Status List, both purposes", |maker, bits| Made::document(maker.token(bits)?)),
    ("snapshot", "snapshot for the database, unsigned", |_, bits| {
        Ok(Made { bytes: bits.to_snapshot()?.len(), gzip: 0 })
    }),
    ("publication", "all of one publication: seven documents and the snapshot", Maker::publication),
];

type Product = fn(&Maker, &StatusBits) -> Result<Made>;

/// How much was made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Made {
    pub(super) bytes: usize,
    /// Under gzip, beside it.
    pub(super) gzip: usize,
}

/// Keys and times of what is made.
pub(super) struct Maker {
    ed25519: SoftwareKey,
    es256: SoftwareKey,
    valid_from: DateTime<Utc>,
    contexts: Contexts,
    /// The software signers never wait: one thread is enough.
    runtime: Runtime,
}

pub(super) fn measure(report: &mut Report, effort: &Effort) -> Result<()> {
    let maker = Maker::new()?;
    for entries in ENTRIES {
        for percent_set in PERCENT_SET {
            let bits = filled(entries, percent_set, 0)?;
            for (id, what, product) in PRODUCTS {
                let mut made = Made::default();
                let time = median(effort.start_ups, || {
                    made = product(&maker, &bits)?;
                    Ok(())
                })?;
                report.making(Making::new(id, what, entries, percent_set, time, made.bytes, made.gzip));
            }
        }
    }
    Ok(())
}

impl Made {
    /// As the host keeps it in memory: as it is, and under gzip.
    fn document(text: String) -> Result<Self> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes())?;
        Ok(Self { bytes: text.len(), gzip: gzip.finish()?.len() })
    }
}

impl Maker {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            ed25519: new_key(Algorithm::EdDsa)?,
            es256: new_key(Algorithm::Es256)?,
            valid_from: DateTime::<Utc>::from_timestamp(now(), 0).unwrap_or_default(),
            contexts: Contexts::bundled(),
            runtime: Builder::new_current_thread().build()?,
        })
    }

    /// What a host makes of a list that has changed.
    pub(super) fn publication(&self, bits: &StatusBits) -> Result<Made> {
        let mut all = Made { bytes: bits.to_snapshot()?.len(), gzip: 0 };
        let mut add = |text| -> Result<()> {
            let made = Made::document(text)?;
            all = Made { bytes: all.bytes + made.bytes, gzip: all.gzip + made.gzip };
            Ok(())
        };
        for purpose in PURPOSES {
            let list = encoded(bits, purpose)?;
            add(self.prove(purpose, Spelling::Bitstring, &list)?)?;
            add(self.prove(purpose, Spelling::StatusList2021, &list)?)?;
            add(self.sign_list(purpose, &list)?)?;
        }
        add(self.token(bits)?)?;
        Ok(all)
    }

    fn data_integrity(&self, bits: &StatusBits, purpose: Purpose, spelling: Spelling) -> Result<String> {
        self.prove(purpose, spelling, &encoded(bits, purpose)?)
    }

    fn jwt(&self, bits: &StatusBits, purpose: Purpose) -> Result<String> {
        self.sign_list(purpose, &encoded(bits, purpose)?)
    }

    fn token(&self, bits: &StatusBits) -> Result<String> {
        let token = StatusListToken {
            url: &url(Purpose::Revocation),
            issuer: ISSUER,
            issued_at: self.valid_from,
            expires_at: self.valid_from + VALIDITY,
            ttl: TTL,
        };
        self.sign(json!({"typ": token::TYP}), &token.claims(bits)?)
    }

    fn prove(&self, purpose: Purpose, spelling: Spelling, encoded: &str) -> Result<String> {
        let options = ProofOptions {
            cryptosuite: Cryptosuite::EddsaRdfc2022,
            created: self.valid_from,
            verification_method: &format!("{ISSUER_DID}#{}-multikey", self.ed25519.key_id()),
        };
        let prepared = self.credential(purpose, &url(purpose)).prepare(spelling, encoded, &options, &self.contexts)?;
        let signature = self.runtime.block_on(self.ed25519.sign(prepared.signing_input()))?;
        Ok(prepared.finish(&signature).to_string())
    }

    fn sign_list(&self, purpose: Purpose, encoded: &str) -> Result<String> {
        let claims = self.credential(purpose, &url(purpose)).credential(Spelling::Bitstring, encoded);
        self.sign(json!({"typ": "vc+jwt", "cty": "vc"}), &claims)
    }

    fn sign(&self, header: Value, claims: &Map<String, Value>) -> Result<String> {
        let mut header = object(header);
        header.insert("kid".to_owned(), json!(self.es256.key_id()));
        Ok(self.runtime.block_on(sign_compact(&self.es256, header, claims))?)
    }

    fn credential<'a>(&self, purpose: Purpose, url: &'a str) -> ListCredential<'a> {
        ListCredential {
            url,
            issuer: ISSUER_DID,
            purpose,
            valid_from: self.valid_from,
            valid_until: self.valid_from + VALIDITY,
            ttl: TTL,
        }
    }
}

fn encoded(bits: &StatusBits, purpose: Purpose) -> Result<String> {
    Ok(encoded_list(bits.plane(purpose).ok_or("the list lacks a purpose")?)?)
}

fn url(purpose: Purpose) -> String {
    format!("{ISSUER}/credentials/status-list/{}", purpose.as_str())
}
