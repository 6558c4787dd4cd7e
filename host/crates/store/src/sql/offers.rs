use async_trait::async_trait;

use super::{Driver, Operation, Row, SqlStore, Statement, Verdict, Write};
use crate::contract::{Offers, StoreError};
use crate::records::{AuditEvent, OfferRecord, RedeemOffer, Redemption, Timestamp};

/// What is read of an offer. Named one by one, because `*` changes its meaning under prepared statements when a
/// newer release adds a column.
macro_rules! columns {
    () => {
        "issuer_id, offer_id, configuration_ids, sealed_subject, code_hash, sealed_code, tx_code_mac, tx_code_hint, \
         tx_attempts_left, created_at, expires_at, redeemed_at"
    };
}

const INSERT: &str = "INSERT INTO offers (issuer_id, offer_id, configuration_ids, sealed_subject, code_hash, \
    sealed_code, tx_code_mac, tx_code_hint, tx_attempts_left, created_at, expires_at, redeemed_at, kept_until) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $11)";
const FIND: &str = concat!("SELECT ", columns!(), " FROM offers WHERE issuer_id = $1 AND offer_id = $2");
const FIND_BY_CODE: &str = concat!("SELECT ", columns!(), " FROM offers WHERE issuer_id = $1 AND code_hash = $2");
// Everything that makes a redemption right stands in the condition, so that racing callers are judged by the
// database. Comparing MACs in SQL tells an attacker nothing by its time: they are keyed.
const REDEEM: &str = concat!(
    "UPDATE offers SET redeemed_at = $3, kept_until = CASE WHEN kept_until < $4 THEN $4 ELSE kept_until END \
     WHERE issuer_id = $1 AND code_hash = $2 AND redeemed_at IS NULL AND expires_at > $3 \
     AND tx_code_mac IS NOT DISTINCT FROM $5 AND (tx_code_mac IS NULL OR tx_attempts_left > 0) RETURNING ",
    columns!()
);
const SPEND_ATTEMPT: &str = concat!(
    "UPDATE offers SET tx_attempts_left = tx_attempts_left - 1 \
     WHERE issuer_id = $1 AND code_hash = $2 AND redeemed_at IS NULL AND expires_at > $3 \
     AND tx_code_mac <> $4 AND tx_attempts_left > 0 RETURNING ",
    columns!()
);

#[async_trait]
impl<DB: Driver> Offers for SqlStore<DB> {
    async fn create_offer(&self, offer: &OfferRecord, event: &AuditEvent) -> Result<(), StoreError> {
        self.write(CreateOffer { offer: offer.clone(), event: event.clone() }).await
    }

    async fn find_offer(&self, issuer_id: &str, offer_id: &str) -> Result<Option<OfferRecord>, StoreError> {
        let row = self.read_first(Statement::new(FIND).text(issuer_id).text(offer_id)).await?;
        row.as_ref().map(offer).transpose()
    }

    async fn redeem_offer(
        &self,
        redeem: &RedeemOffer,
        success: &AuditEvent,
        refusal: &AuditEvent,
    ) -> Result<Redemption, StoreError> {
        self.write(Redeem { attempt: redeem.clone(), success: success.clone(), refusal: refusal.clone() }).await
    }
}

struct CreateOffer {
    offer: OfferRecord,
    event: AuditEvent,
}

impl Operation for CreateOffer {
    type Answer = ();

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<()>, StoreError> {
        write.execute(insert(&self.offer)).await?;
        write.append_events(&[&self.event]).await?;
        Ok(Verdict::Commit(()))
    }
}

struct Redeem {
    attempt: RedeemOffer,
    success: AuditEvent,
    refusal: AuditEvent,
}

impl Operation for Redeem {
    type Answer = Redemption;

    async fn run<DB: Driver>(&self, write: &mut Write<'_, DB>) -> Result<Verdict<Redemption>, StoreError> {
        let (offer_id, redemption) = match write.redeem(&self.attempt).await? {
            Some(offer) if !self.attempt.wants_some_of(&offer.configuration_ids) => {
                return Ok(Verdict::RollBack(Redemption::NothingWanted));
            }
            Some(offer) => (Some(offer.offer_id.clone()), Redemption::Redeemed(Box::new(offer))),
            None => write.refuse(&self.attempt).await?,
        };
        if redemption == Redemption::UnknownCode {
            return Ok(Verdict::RollBack(redemption));
        }
        let reason = redemption.refusal_reason();
        let mut event = if reason.is_some() { &self.refusal } else { &self.success }.clone();
        event.reason = reason.map(str::to_owned);
        if let Some(offer_id) = offer_id {
            event.object = offer_id;
        }
        write.append_events(&[&event]).await?;
        Ok(Verdict::Commit(redemption))
    }
}

impl<DB: Driver> Write<'_, DB> {
    async fn redeem(&mut self, redeem: &RedeemOffer) -> Result<Option<OfferRecord>, StoreError> {
        let update = Statement::new(REDEEM)
            .text(&redeem.issuer_id)
            .text(&redeem.code_hash)
            .time(redeem.now)
            .time(redeem.access_until)
            .optional_text(redeem.tx_code_mac.as_deref());
        self.fetch_first(update).await?.as_ref().map(offer).transpose()
    }

    /// Says why the code was not redeemed, after taking the attempt that a wrong transaction code costs.
    async fn refuse(&mut self, redeem: &RedeemOffer) -> Result<(Option<String>, Redemption), StoreError> {
        let (issuer_id, code_hash) = (&redeem.issuer_id, &redeem.code_hash);
        if let Some(mac) = &redeem.tx_code_mac {
            let spend = Statement::new(SPEND_ATTEMPT).text(issuer_id).text(code_hash).time(redeem.now).text(mac);
            if let Some(row) = self.fetch_first(spend).await? {
                let offer = offer(&row)?;
                let attempts_left = offer.tx_attempts_left;
                return Ok((Some(offer.offer_id), Redemption::TxCodeWrong { attempts_left }));
            }
        }
        match self.fetch_first(Statement::new(FIND_BY_CODE).text(issuer_id).text(code_hash)).await? {
            None => Ok((None, Redemption::UnknownCode)),
            Some(row) => {
                let offer = offer(&row)?;
                let refusal = refusal(&offer, redeem.tx_code_mac.is_some(), redeem.now);
                Ok((Some(offer.offer_id), refusal))
            }
        }
    }
}

/// Of an offer that was neither redeemed nor lost an attempt. A dead code says so before anything that could
/// make a wallet try again.
fn refusal(offer: &OfferRecord, tx_code_given: bool, now: Timestamp) -> Redemption {
    if offer.redeemed_at.is_some() {
        Redemption::AlreadyUsed
    } else if offer.expires_at <= now {
        Redemption::Expired
    } else if offer.tx_code_mac.is_none() {
        Redemption::TxCodeUnexpected
    } else if offer.tx_attempts_left == 0 {
        Redemption::TxCodeAttemptsUsedUp
    } else if tx_code_given {
        // A wrong code with attempts left was answered before: only here if the last one was spent since.
        Redemption::TxCodeWrong { attempts_left: offer.tx_attempts_left }
    } else {
        Redemption::TxCodeMissing
    }
}

fn insert(offer: &OfferRecord) -> Statement<'_> {
    let insert = Statement::new(INSERT)
        .text(&offer.issuer_id)
        .text(&offer.offer_id)
        .texts(&offer.configuration_ids)
        .bytes(&offer.sealed_subject)
        .text(&offer.code_hash)
        .bytes(&offer.sealed_code)
        .optional_text(offer.tx_code_mac.as_deref());
    let insert = match &offer.tx_code_hint {
        Some(hint) => insert.json(hint),
        None => insert.optional_text(None),
    };
    insert
        .integer(offer.tx_attempts_left)
        .time(offer.created_at)
        .time(offer.expires_at)
        .optional_time(offer.redeemed_at)
        .creates("offer")
}

fn offer<DB: Driver>(row: &Row<DB>) -> Result<OfferRecord, StoreError> {
    Ok(OfferRecord {
        issuer_id: row.text("issuer_id")?,
        offer_id: row.text("offer_id")?,
        configuration_ids: row.texts("configuration_ids")?,
        sealed_subject: row.bytes("sealed_subject")?,
        code_hash: row.text("code_hash")?,
        sealed_code: row.bytes("sealed_code")?,
        tx_code_mac: row.optional_text("tx_code_mac")?,
        tx_code_hint: row.optional_json("tx_code_hint")?,
        tx_attempts_left: row.integer("tx_attempts_left")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        redeemed_at: row.optional_time("redeemed_at")?,
    })
}
