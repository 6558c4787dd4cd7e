use super::{Failure, print_line};
use crate::app::{App, Migrate, Plugins};
use crate::config::Config;

pub(super) async fn run(config: Config) -> Result<(), Failure> {
    let url = config.store_url();
    App::open(config, Migrate::Apply, Plugins::Leave).await?;
    print_line(&format!("{url} is at this release's schema"));
    Ok(())
}
