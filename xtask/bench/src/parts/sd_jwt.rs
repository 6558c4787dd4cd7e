//! Claims to a signed SD-JWT VC.

use chancery_credential::sd_jwt::{SaltError, SdJwtHeader, SdJwtVc, TYP_DC_SD_JWT};
use chancery_keys::{Algorithm, Entropy as _, Signer as _, SystemEntropy};
use serde_json::{Value, json};

use super::one_thread;
use crate::{
    Result,
    example::{Example, ISSUER},
    measure::{Effort, repeat},
    report::Report,
    wallet::{new_key, now, object},
};

pub(super) fn measure(report: &mut Report, effort: &Effort, example: &Example) -> Result<()> {
    let (key, entropy, runtime) = (new_key(Algorithm::Es256)?, SystemEntropy::new(), one_thread()?);
    let holder = Value::Object(key.public_key().to_jwk());
    let mut claims = object(example.template.render(&example.variables(&holder))?);
    claims.extend(object(json!({
        "iss": ISSUER, "iat": now(), "exp": now() + 1, "vct": example.vct, "cnf": {"jwk": holder},
    })));
    let header = SdJwtHeader { alg: "ES256", typ: TYP_DC_SD_JWT, kid: Some(key.key_id()), x5c: None };
    let figures = repeat(effort, || -> Result<String> {
        let mut salts = |salt: &mut [u8]| entropy.fill(salt).map_err(|_| SaltError);
        let prepared = SdJwtVc::prepare(claims.clone(), &example.disclosable, &header, &mut salts)?;
        let signature = runtime.block_on(key.sign(prepared.signing_input()))?;
        Ok(prepared.finish(&signature))
    })?;
    report.part("sd-jwt", "SD-JWT VC: disclosures and ES256 signature", 1, figures);
    Ok(())
}
