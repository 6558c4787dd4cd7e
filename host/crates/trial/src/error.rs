//! Why a plugin cannot be tried at all.

use std::path::PathBuf;

use chancery_sandbox::StartError;

use crate::cases::CaseFileError;

/// Why a plugin cannot be tried at all. Everything that a case can get wrong is in the report.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error(transparent)]
    Cases(#[from] CaseFileError),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// The grant file is not right.
    #[error("{}: {message}", path.display())]
    Grant { path: PathBuf, message: String },
    #[error(transparent)]
    Start(#[from] StartError),
    /// No case has the name that was asked for. Carries the whole message.
    #[error("{0}")]
    NoSuchCase(String),
    /// There is nothing to try. Carries the whole message.
    #[error("{0}")]
    Nothing(String),
}

impl TrialError {
    /// Whether a file or an argument is wrong, and not the plugin or the machine.
    pub fn is_wrong_input(&self) -> bool {
        matches!(self, Self::Cases(_) | Self::Grant { .. } | Self::NoSuchCase(_))
    }
}
