//! The physical limit: a signature and nothing else.

use chancery_keys::{Algorithm, Signer as _};

use super::one_thread;
use crate::{
    Error, Result,
    measure::{Effort, repeat},
    report::Report,
    wallet::new_key,
};

/// About what the signing input of a farmer's SD-JWT VC takes.
const MESSAGE: [u8; 1200] = [b'a'; 1200];

pub(super) fn measure(report: &mut Report, effort: &Effort) -> Result<()> {
    let runtime = one_thread()?;
    for (id, what, algorithm) in
        [("sign-es256", "sign ES256", Algorithm::Es256), ("sign-eddsa", "sign Ed25519", Algorithm::EdDsa)]
    {
        let key = new_key(algorithm)?;
        let figures = repeat(effort, || runtime.block_on(key.sign(&MESSAGE)).map_err(Error::from))?;
        report.part(id, what, 1, figures);
    }
    Ok(())
}
