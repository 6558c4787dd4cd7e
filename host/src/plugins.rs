//! The sandbox as this host sets it up, and its plugins in words.

use std::path::PathBuf;

use chancery_keys::Keyring;
use chancery_sandbox::{CompileMode, PluginStatus, Sandbox, SandboxOptions};

use crate::app::StartError;
use crate::config::Config;

/// The hidden subcommand in which a plugin is compiled, apart from the host.
pub const COMPILE_WORKER: &str = "compile-worker";

pub async fn start(config: &Config, keyring: &Keyring, program: PathBuf) -> Result<Sandbox, StartError> {
    let failed = |e: &(dyn std::error::Error + 'static)| StartError::because("the plugin sandbox cannot start", e);
    // No issuer is named "": the cache belongs to the host.
    let cache_key = keyring.derive_bytes("", "plugin compile cache").map_err(|e| failed(&e))?;
    let compile = CompileMode::Child { program, args: vec![COMPILE_WORKER.into()] };
    let mut options = SandboxOptions::new(&config.plugins.dir, config.cache_dir(), *cache_key, compile);
    options.max_instances = config.plugins.max_instances;
    options.rescan = config.plugins.rescan;
    Sandbox::start(options).await.map_err(|e| failed(&e))
}

/// Where a plugin stands, in a line for an operator.
pub fn standing(plugin: &PluginStatus) -> String {
    let mut text = plugin.stage.to_string();
    if let Some(version) = &plugin.version {
        text.push_str(&format!(" {version}"));
    }
    if let Some(stage) = plugin.failed_at {
        text.push_str(&format!(" at {stage}"));
    }
    if let Some(reason) = &plugin.reason {
        text.push_str(&format!(": {reason}"));
    }
    if let Some(lines) = &plugin.missing_grants {
        text.push_str(&format!("; add to {}.toml:\n{lines}", plugin.name));
    }
    if let Some(serving) = plugin.serving.as_ref().filter(|s| Some(&s.sha256) != plugin.sha256.as_ref()) {
        text.push_str(&format!(" (version {} goes on serving)", serving.version));
    }
    text
}
