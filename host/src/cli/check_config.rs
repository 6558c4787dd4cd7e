use std::path::Path;

use super::{Failure, print_line};
use crate::config::Config;

/// Reads the file as `serve` would, and touches nothing.
pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    print_line(&format!("{} is valid", path.display()));
    print_line(&format!("  issuer   {}", config.server.public_url));
    print_line(&format!("  listen   {}", config.server.listen));
    print_line(&format!("  store    {}", config.store_url()));
    print_line(&format!("  kek      {}", config.kek_file().display()));
    print_line(&format!("  plugins  {}", config.plugins.dir.display()));
    if !config.plugins.dir.is_dir() {
        print_line("  note: the plugin directory does not exist yet");
    }
    Ok(())
}
