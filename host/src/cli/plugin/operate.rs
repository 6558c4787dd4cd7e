//! What an operator does with the plugins of a host.

use super::super::{Failure, print_json, print_line};
use crate::app::{App, Migrate, Plugins};
use crate::audit::Actor;
use crate::config::Config;
use crate::plugins::controls::Action;
use crate::plugins::listing;

pub(super) async fn list(config: Config, json: bool) -> Result<(), Failure> {
    let dir = config.plugins.dir.clone();
    let app = App::open(config, Migrate::Check, Plugins::Run).await?;
    let Some(sandbox) = &app.sandbox else { return Ok(()) };
    let plugins = sandbox.plugins();
    if json {
        return print_json(&plugins);
    }
    if plugins.is_empty() {
        print_line(&format!("no plugins in {}: drop NAME.wasm and its grant file NAME.toml there", dir.display()));
    } else {
        print_line(listing(&plugins).trim_end());
    }
    Ok(())
}

pub(super) async fn decide(config: Config, plugin: &str, action: Action) -> Result<(), Failure> {
    // Only the way back needs to know what there is: nothing else runs a plugin that may be the trouble.
    let run = if action == Action::Rollback { Plugins::Run } else { Plugins::Leave };
    let component = config.plugins.dir.join(format!("{plugin}.wasm"));
    if run == Plugins::Leave && !component.is_file() {
        return Err(Failure::Usage(format!("there is no plugin {plugin}: {} is not a file", component.display())));
    }
    let app = App::open(config, Migrate::Check, run).await?;
    let status = app.plugin_board().act(&Actor::cli(), plugin, action).await;
    match status.map_err(|error| Failure::Failed(error.to_string()))? {
        Some(status) => print_line(listing(&[status]).trim_end()),
        None => print_line(&format!("{plugin}: decided; running hosts follow within a second")),
    }
    Ok(())
}
