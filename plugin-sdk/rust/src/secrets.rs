//! Secrets that the operator granted by name, as opaque handles (feature `secrets`).
//!
//! Most plugins need no secret at all: the host puts them into HTTP headers (`inject` of
//! `[grants.http]`) and signs with them ([`sign`](crate::sign)). Reading a value is feature
//! `reveal`, and a grant of its own.

use crate::{Error, bindings::secrets::chancery::host::secrets};

/// One secret. Holding it does not show its value.
#[derive(Debug)]
pub struct Secret(secrets::Secret);

/// A handle to the named secret.
///
/// # Errors
/// [`ErrorKind::Misconfigured`](crate::ErrorKind::Misconfigured) when it is not granted,
/// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when its source gave nothing.
pub fn get(name: &str) -> Result<Secret, Error> {
    secrets::get(name).map(Secret).map_err(|error| match error {
        secrets::SecretError::NotGranted => Error::misconfigured("A secret is not available.")
            .with_detail(format!("no secret \"{name}\" is granted; add it to names of [grants.secrets]")),
        secrets::SecretError::Unavailable(reason) => {
            Error::unavailable("A secret is not available.").with_detail(format!("{name}: {reason}"))
        }
    })
}

impl Secret {
    /// The name that it was asked for by.
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// The value. The host records each use as an audit event.
    #[cfg(feature = "reveal")]
    pub fn reveal(&self) -> Revealed {
        Revealed(crate::bindings::reveal::chancery::host::reveal::reveal(&self.0))
    }
}

/// The value of a secret; never shown by `Debug`.
#[cfg(feature = "reveal")]
#[derive(Clone, PartialEq, Eq)]
pub struct Revealed(Vec<u8>);

#[cfg(feature = "reveal")]
impl Revealed {
    /// The bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as a text, for a header.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`](crate::ErrorKind::Misconfigured) when they are none.
    pub fn expose_text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.0).map_err(|_| {
            Error::misconfigured("A secret is not available.").with_detail("its value is not text (UTF-8)")
        })
    }
}

#[cfg(feature = "reveal")]
impl std::fmt::Debug for Revealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Revealed(…)")
    }
}

#[cfg(all(test, feature = "reveal"))]
mod tests {
    use super::*;

    #[test]
    fn a_revealed_value_is_not_printed() {
        let value = Revealed(b"hunter2".to_vec());
        assert_eq!(format!("{value:?}"), "Revealed(…)");
        assert_eq!(value.expose(), b"hunter2");
        assert_eq!(value.expose_text().unwrap(), "hunter2");
    }

    #[test]
    fn bytes_that_are_no_text_are_not_shown_either() {
        let error = format!("{:?}", Revealed(b"hunter2\xff".to_vec()).expose_text().unwrap_err());
        assert!(!error.contains("hunter2"), "{error}");
    }
}
