//! From when to when a credential is valid.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::{Expected, VerifyError};

/// The times of one credential, each checked as it is added.
pub(super) struct Validity {
    now: DateTime<Utc>,
    skew: TimeDelta,
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) until: Option<DateTime<Utc>>,
}

impl Validity {
    pub(super) fn new(expected: &Expected<'_>) -> Self {
        let skew = TimeDelta::from_std(expected.clock_skew).unwrap_or(TimeDelta::MAX);
        Self { now: expected.now, skew, from: None, until: None }
    }

    /// A time before which the credential is not valid.
    pub(super) fn starts(&mut self, name: &'static str, at: DateTime<Utc>) -> Result<(), VerifyError> {
        if at - self.now > self.skew {
            return Err(VerifyError::NotYetValid(name));
        }
        self.from = self.from.max(Some(at));
        Ok(())
    }

    /// A time from which on the credential is not valid any more.
    pub(super) fn ends(&mut self, name: &'static str, at: DateTime<Utc>) -> Result<(), VerifyError> {
        if self.now - at >= self.skew {
            return Err(VerifyError::Expired(name));
        }
        self.until = Some(self.until.map_or(at, |until| until.min(at)));
        Ok(())
    }

    /// `nbf`, `iat` and `exp` of a JWT. Where there is an `nbf`, the `iat` must not lie in the future either, but says
    /// nothing of the validity.
    pub(super) fn add_jwt_claims(&mut self, claims: &Map<String, Value>) -> Result<(), VerifyError> {
        let (issued, starts) = (numeric_date(claims, "iat")?, numeric_date(claims, "nbf")?);
        if let Some(at) = issued {
            let from = self.from;
            self.starts("iat", at)?;
            if starts.is_some() {
                self.from = from;
            }
        }
        if let Some(at) = starts {
            self.starts("nbf", at)?;
        }
        numeric_date(claims, "exp")?.map_or(Ok(()), |at| self.ends("exp", at))
    }
}

/// Seconds since 1970, a number, as JWT has it.
pub(super) fn numeric_date(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<DateTime<Utc>>, VerifyError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().ok_or(VerifyError::Malformed("iat, nbf and exp must be numbers"))?;
    match DateTime::from_timestamp_millis(to_millis(seconds)) {
        Some(at) => Ok(Some(at)),
        None => Err(VerifyError::Malformed("iat, nbf or exp lies outside the calendar")),
    }
}

/// An absurd number becomes one that no calendar has.
#[expect(clippy::cast_possible_truncation, reason = "float to integer casts saturate")]
fn to_millis(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}
