//! Why something failed, with what may be shown kept apart from what is for the operator.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::status::Stage;

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The plugin directory can't be read.
    #[error("cannot read the plugin directory {}: {source}", path.display())]
    PluginDirectory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The WASM engine does not start on this machine.
    #[error("the WASM engine does not start: {0}")]
    Engine(String),
}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin {}: {}", self.plugin(), Cause(self))]
pub enum CallError {
    /// There is no such plugin.
    Unknown {
        /// The name that was asked for.
        plugin: String,
    },
    /// The plugin is there and does not serve.
    NotActive {
        /// The plugin.
        plugin: String,
        /// Where it stands.
        stage: Stage,
        /// Why, for the operator.
        reason: String,
    },
    /// It is a plugin of another kind.
    WrongKind {
        /// The plugin.
        plugin: String,
        /// The kind that was wanted.
        wanted: &'static str,
    },
    /// It failed too often, and is not asked for a while.
    Paused {
        /// The plugin.
        plugin: String,
        /// When it is asked again.
        retry_after: Duration,
    },
    /// The source does not know the subject.
    NotFound(Message),
    /// The source refuses the subject.
    Denied(Message),
    /// The request can't be answered as it is.
    InvalidRequest(Message),
    /// The source does not answer now.
    Unavailable {
        /// What the plugin said.
        message: Message,
        /// When another attempt makes sense.
        retry_after: Option<Duration>,
    },
    /// The operator has to change something.
    Misconfigured(Message),
    /// The plugin reported a defect of its own.
    Internal(Message),
    /// The call used up a limit.
    Limit {
        /// The plugin.
        plugin: String,
        /// Which limit.
        which: LimitKind,
        /// Its value and, where there is some, the plugin's last output.
        detail: String,
    },
    /// The plugin crashed.
    Trapped {
        /// The plugin.
        plugin: String,
        /// The trap and the plugin's last output.
        detail: String,
    },
    /// What the plugin returned breaks the contract.
    InvalidOutput {
        /// The plugin.
        plugin: String,
        /// How.
        detail: String,
    },
    /// Too many calls run already.
    Busy {
        /// The plugin.
        plugin: String,
        /// When another attempt makes sense.
        retry_after: Duration,
    },
}

/// What a plugin says about a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The plugin that said it.
    pub plugin: String,
    /// Safe to show to the holder.
    pub public: String,
    /// For the operator's log only.
    pub detail: Option<String>,
}

/// The limits a call can use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// `limits.cpu`, or `limits.prepare_cpu`.
    Cpu,
    /// `limits.wall`.
    Wall,
    /// `limits.memory`, or `limits.prepare_memory`.
    Memory,
    /// `limits.output`, or `limits.prepared`.
    Output,
    /// The call stack: recursion without end.
    Stack,
}

impl CallError {
    /// The plugin that was called.
    pub fn plugin(&self) -> &str {
        match self {
            Self::Unknown { plugin }
            | Self::NotActive { plugin, .. }
            | Self::WrongKind { plugin, .. }
            | Self::Paused { plugin, .. }
            | Self::Limit { plugin, .. }
            | Self::Trapped { plugin, .. }
            | Self::InvalidOutput { plugin, .. }
            | Self::Busy { plugin, .. } => plugin,
            Self::NotFound(message)
            | Self::Denied(message)
            | Self::InvalidRequest(message)
            | Self::Unavailable { message, .. }
            | Self::Misconfigured(message)
            | Self::Internal(message) => &message.plugin,
        }
    }

    /// A sentence that may be shown to anybody.
    pub fn public(&self) -> &str {
        match self {
            Self::NotFound(m) | Self::Denied(m) | Self::InvalidRequest(m) => &m.public,
            Self::Unavailable { message, .. } => &message.public,
            Self::Busy { .. } => "The data source is busy. Try again shortly.",
            Self::Paused { .. } => "The data source does not answer. Try again later.",
            Self::Unknown { .. } | Self::NotActive { .. } | Self::WrongKind { .. } => {
                "The data source is not in service."
            }
            // What a plugin says about its own set-up or defects is of no use to a holder.
            Self::Misconfigured(_)
            | Self::Internal(_)
            | Self::Limit { .. }
            | Self::Trapped { .. }
            | Self::InvalidOutput { .. } => "The data source failed to answer.",
        }
    }

    /// What happened, for the operator's log.
    pub fn detail(&self) -> String {
        match self {
            Self::Unknown { .. } => "there is no such plugin".to_owned(),
            Self::NotActive { stage, reason, .. } => format!("the plugin is {stage}: {reason}"),
            Self::WrongKind { wanted, .. } => format!("it is no {wanted} plugin"),
            Self::Paused { retry_after, .. } => {
                format!("failed too often, the next call goes through in {} ms", retry_after.as_millis())
            }
            Self::NotFound(m) => m.labelled("not found"),
            Self::Denied(m) => m.labelled("denied"),
            Self::InvalidRequest(m) => m.labelled("invalid request"),
            Self::Unavailable { message, .. } => message.labelled("unavailable"),
            Self::Misconfigured(m) => m.labelled("misconfigured"),
            Self::Internal(m) => m.labelled("internal error"),
            Self::Limit { which, detail, .. } => format!("{which} limit reached: {detail}"),
            Self::Trapped { detail, .. } => format!("crashed: {detail}"),
            Self::InvalidOutput { detail, .. } => format!("invalid output: {detail}"),
            Self::Busy { .. } => "all slots are taken".to_owned(),
        }
    }

    /// Whether the call did what a working plugin does: a refusal of the source is no failure.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::NotFound(_) | Self::Denied(_) | Self::InvalidRequest(_))
    }
}

impl Message {
    fn labelled(&self, label: &str) -> String {
        match &self.detail {
            Some(detail) => format!("{label}: {} ({detail})", self.public),
            None => format!("{label}: {}", self.public),
        }
    }
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU time",
            Self::Wall => "wall-clock time",
            Self::Memory => "memory",
            Self::Output => "output",
            Self::Stack => "call stack",
        })
    }
}

/// `Display` of an error is for logs, so it carries the detail.
struct Cause<'a>(&'a CallError);

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail())
    }
}
