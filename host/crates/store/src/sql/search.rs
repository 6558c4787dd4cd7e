//! The search for credentials. Which index leads is said by the text where SQLite would guess wrong, since it keeps no
//! statistics; PostgreSQL reads the same text and decides by its own.

use super::issuances::record_columns;
use super::{Driver, Row, Statement, StatementBuilder};
use crate::contract::StoreError;
use crate::records::{CredentialQuery, FoundCredential, STATUS_LIST_FORMAT};

/// Credentials that one call of `Credentials::find_credentials` answers at most.
pub const MAX_CREDENTIALS_PER_READ: u32 = 500;

// The credential itself may be long, and nobody who searches opens it.
const SELECT: &str = concat!(
    "SELECT ",
    record_columns!(),
    ", CAST(CASE WHEN credential IS NULL THEN 0 ELSE 1 END AS BIGINT) AS kept FROM "
);

pub(crate) fn search(query: &CredentialQuery) -> Statement<'_> {
    let (mut attributes, mut statuses) = (query.attributes.as_slice(), query.statuses.as_slice());
    let mut search = StatementBuilder::new(SELECT);
    let mut is_chosen = false;
    // Whom it is about is rare and has an index in the order of the answer. Else the first attribute leads, else the
    // first status: SQLite goes through what a CROSS JOIN names in its order.
    if query.subject_hash.is_none() {
        if let Some((attribute, others)) = attributes.split_first() {
            search = choose_by_attribute(search, &query.issuer_id, attribute);
            (attributes, is_chosen) = (others, true);
        } else if let Some((purpose, others)) = statuses.split_first() {
            search = choose_by_status(search, &query.issuer_id, purpose);
            (statuses, is_chosen) = (others, true);
        }
    }
    search = search.sql("issued_credentials WHERE issuer_id = ").text(&query.issuer_id);
    search = search.sql(" AND format <> ").text(STATUS_LIST_FORMAT);
    if is_chosen {
        search = search.sql(" AND credential_id = chosen_id");
    }
    search = of_columns(search, query);
    search = attributes.iter().fold(search, has_attribute);
    search = statuses.iter().fold(search, |search, purpose| says(search, purpose));
    if let Some((created_time, credential_id)) = &query.after {
        search = search.sql(" AND (created_time, credential_id) < (").time(*created_time);
        search = search.sql(", ").text(credential_id).sql(")");
    }
    let limit = query.limit.min(MAX_CREDENTIALS_PER_READ);
    search.sql(" ORDER BY created_time DESC, credential_id DESC LIMIT ").integer(limit.into()).build()
}

pub(super) fn found<DB: Driver>(row: &Row<DB>) -> Result<FoundCredential, StoreError> {
    Ok(FoundCredential {
        credential_id: row.text("credential_id")?,
        issuer_id: row.text("issuer_id")?,
        configuration_id: row.text("configuration_id")?,
        configuration_version: row.integer("configuration_version")?,
        credential_type: row.text("credential_type")?,
        format: row.text("format")?,
        offer_id: row.optional_text("offer_id")?,
        issue_date: row.time("issue_date")?,
        expiration_date: row.optional_time("expiration_date")?,
        kept: row.integer("kept")? == 1,
        subject_hash: row.optional_text("subject_hash")?,
        superseded_by: row.optional_text("superseded_by")?,
        delete_after: row.optional_time("delete_after")?,
        created_time: row.time("created_time")?,
        updated_time: row.time("updated_time")?,
    })
}

fn choose_by_attribute<'q>(
    search: StatementBuilder<'q>,
    issuer_id: &'q str,
    (name, value_hash): &'q (String, String),
) -> StatementBuilder<'q> {
    let search = search.sql("(SELECT credential_id AS chosen_id FROM credential_attributes WHERE issuer_id = ");
    let search = search.text(issuer_id).sql(" AND name = ").text(name).sql(" AND value_hash = ").text(value_hash);
    search.sql(") AS chosen CROSS JOIN ")
}

fn choose_by_status<'q>(search: StatementBuilder<'q>, issuer_id: &'q str, purpose: &'q str) -> StatementBuilder<'q> {
    let search = search.sql("(SELECT credential_id AS chosen_id FROM credential_status WHERE issuer_id = ");
    let search = search.text(issuer_id).sql(" AND status_purpose = ").text(purpose);
    search.sql(" AND status_value = 1 AND is_current = 1) AS chosen CROSS JOIN ")
}

fn of_columns<'q>(mut search: StatementBuilder<'q>, query: &'q CredentialQuery) -> StatementBuilder<'q> {
    if let Some(credential_type) = &query.credential_type {
        search = search.sql(" AND credential_type = ").text(credential_type);
    }
    if let Some(configuration_id) = &query.configuration_id {
        search = search.sql(" AND configuration_id = ").text(configuration_id);
    }
    if let Some(subject_hash) = &query.subject_hash {
        search = search.sql(" AND subject_hash = ").text(subject_hash);
    }
    if let Some(from) = query.created_from {
        search = search.sql(" AND created_time >= ").time(from);
    }
    if let Some(until) = query.created_until {
        search = search.sql(" AND created_time < ").time(until);
    }
    search
}

fn has_attribute<'q>(search: StatementBuilder<'q>, (name, value_hash): &'q (String, String)) -> StatementBuilder<'q> {
    let search = search.sql(
        " AND EXISTS (SELECT 1 FROM credential_attributes AS one WHERE one.issuer_id = issued_credentials.issuer_id \
         AND one.credential_id = issued_credentials.credential_id AND one.name = ",
    );
    search.text(name).sql(" AND one.value_hash = ").text(value_hash).sql(")")
}

fn says<'q>(search: StatementBuilder<'q>, purpose: &'q str) -> StatementBuilder<'q> {
    let search = search.sql(
        " AND EXISTS (SELECT 1 FROM credential_status AS one WHERE one.issuer_id = issued_credentials.issuer_id \
         AND one.credential_id = issued_credentials.credential_id AND one.status_purpose = ",
    );
    // Not `= 1`: SQLite would go through all that are set, once for each credential.
    search.text(purpose).sql(" AND one.status_value > 0 AND one.is_current = 1)")
}
