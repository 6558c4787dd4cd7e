//! What the outside is told about a plugin.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::breaker::BreakerState;
use crate::limits::Limits;
use crate::versions::ContractVersion;

/// Where the newest generation of a plugin stands. The order is the order of loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The file is there, and may still be growing.
    Seen,
    /// Size, kind of file, grant file and pinned digest are right.
    Verified,
    /// Native code is at hand.
    Compiled,
    /// Every import is granted and offered.
    Linked,
    /// The plugin accepted its configuration.
    Configured,
    /// `prepare` and `health` succeeded.
    Probed,
    /// It serves.
    Active,
    /// Grants are missing; the status shows the lines to add.
    Pending,
    /// It failed; the status shows at which stage and why.
    Rejected,
    /// It failed too often while it served; calls are refused for long.
    Quarantined,
    /// An operator took it out of service.
    Disabled,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seen => "seen",
            Self::Verified => "verified",
            Self::Compiled => "compiled",
            Self::Linked => "linked",
            Self::Configured => "configured",
            Self::Probed => "probed",
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Rejected => "rejected",
            Self::Quarantined => "quarantined",
            Self::Disabled => "disabled",
        })
    }
}

/// What a plugin is for: the interface of `chancery:plugin` that it exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Gives raw data about a subject.
    DataProvider,
    /// Gets finished credentials from another issuer.
    VcIssuance,
    /// Takes audit events away.
    Audit,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DataProvider => "data-provider",
            Self::VcIssuance => "vc-issuance",
            Self::Audit => "audit",
        })
    }
}

/// Which sandbox a call of a plugin has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Instance {
    /// One of its own, that nothing was done in before.
    #[default]
    Fresh,
    /// One in which calls of the same issuer may have been answered before.
    Warm,
}

impl Instance {
    pub(crate) fn of(warm: bool) -> Self {
        if warm { Self::Warm } else { Self::Fresh }
    }
}

/// One plugin: its newest generation, and the one that serves.
///
/// Where they differ, `reason` says why the newest does not serve yet.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PluginStatus {
    /// The file's name without `.wasm`; what credential configurations refer to.
    pub name: String,
    /// What it is for; known once it is compiled.
    pub kind: Option<Kind>,
    /// The version of the plugin contract that it was built for; known once it is compiled.
    pub contract: Option<ContractVersion>,
    /// Where the newest generation stands.
    pub stage: Stage,
    /// For a rejected generation: the stage that it could not reach.
    pub failed_at: Option<Stage>,
    /// Why it is not active, for the operator.
    pub reason: Option<String>,
    /// The lines to add to the grant file, where grants are missing.
    pub missing_grants: Option<String>,
    /// Digest of the newest component, in hex.
    pub sha256: Option<String>,
    /// Identifies the newest component and its grant file together.
    pub release: Option<String>,
    /// The release in the plugin directory, where an operator went back to an earlier one.
    pub instead_of: Option<String>,
    /// Who signed it, where signatures are asked for.
    pub signer: Option<String>,
    /// Whether the server is ready only while it serves.
    pub required: bool,
    /// The version it states.
    pub version: Option<String>,
    /// The summary it states.
    pub summary: Option<String>,
    /// What the operator granted, one line each.
    pub grants: Vec<String>,
    /// The limits in force: those of what serves, else of the newest generation once its grant file is read.
    pub limits: Option<Limits>,
    /// Which sandbox a call has: with what serves, else with the newest generation.
    pub instance: Instance,
    /// How many sandboxes wait for a call now, where they are reused.
    pub idle: usize,
    /// What answers calls now; absent when nothing does.
    pub serving: Option<Serving>,
    /// Releases to go back to, newest first.
    pub former: Vec<String>,
    /// Whether calls go through.
    pub breaker: BreakerState,
    /// How long calls are still refused, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Calls since start, over all generations.
    pub calls: Calls,
}

impl PluginStatus {
    /// Whether calls are answered, by the newest generation or by a former one.
    pub fn is_serving(&self) -> bool {
        self.serving.is_some()
    }
}

/// The generation that answers calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Serving {
    /// Identifies component, grant file and granted files together.
    pub generation: String,
    /// Identifies component and grant file: what one can go back to.
    pub release: String,
    /// Digest of the component, in hex.
    pub sha256: String,
    /// The version it states.
    pub version: String,
}

/// How calls ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Calls {
    /// With data, or with a refusal that is no failure of the plugin (not found, denied, invalid
    /// request).
    pub ok: u64,
    /// With any other error.
    pub failed: u64,
}
