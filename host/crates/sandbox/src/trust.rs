//! Which components may run: any, those whose digest the operator pinned, or those that somebody
//! trusted signed. What is judged are the very bytes that are compiled afterwards.

use std::fmt;
use std::sync::Arc;

use crate::text::escaped;

/// What a component must bring.
#[derive(Clone, Default)]
pub enum Trust {
    /// Nothing: who can write into the plugin directory decides.
    #[default]
    Off,
    /// The digest in its grant file.
    Pinned,
    /// A signature beside it, `<name>.wasm.sig`.
    Signed(Arc<dyn SignatureCheck>),
}

/// Judges detached signatures.
pub trait SignatureCheck: Send + Sync {
    /// Who signed the component, in words for the status; the error is for the operator.
    fn check(&self, component: &[u8], signature: &[u8]) -> Result<String, String>;
}

impl Trust {
    /// Judges a component. `pinned` tells whether the grant file names its digest (a wrong one was refused
    /// before), `signature` is the content of its signature file.
    pub(crate) fn judge(
        &self,
        name: &str,
        sha256: &str,
        pinned: bool,
        component: &[u8],
        signature: Option<&[u8]>,
    ) -> Result<Option<String>, String> {
        match self {
            Self::Off => Ok(None),
            Self::Pinned if pinned => Ok(None),
            Self::Pinned => Err(format!(
                "this server runs pinned plugins only: add to {name}.toml, once you trust the file:\n\
                 [plugin]\nsha256 = \"{sha256}\""
            )),
            Self::Signed(check) => {
                let signature = signature.ok_or_else(|| {
                    format!(
                        "this server runs signed plugins only, and there is no {name}.wasm.sig: `chancery plugin sign`"
                    )
                })?;
                // Both may quote the signature file.
                let judged = check.check(component, signature);
                judged.map(|signer| Some(escaped(&signer))).map_err(|reason| escaped(&reason))
            }
        }
    }

    /// Whether files may be reached through symbolic links that lead out of the plugin directory.
    pub(crate) fn allows_links_out(&self) -> bool {
        matches!(self, Self::Off)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Pinned => "Pinned",
            Self::Signed(_) => "Signed",
        })
    }
}
