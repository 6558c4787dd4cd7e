use super::{Failure, print_line};
use crate::app::{App, Migrate, Plugins};
use crate::config::Config;

pub(super) async fn run(config: Config) -> Result<(), Failure> {
    let url = config.store_url();
    let status = chancery_store::migration_status(&url).await;
    let pending = status.map_err(|e| Failure::Failed(super::with_causes(&e)))?.pending;
    App::open(config, Migrate::Apply, Plugins::Leave).await?;
    for migration in &pending {
        print_line(&format!("applied {} {}", migration.version, migration.description));
    }
    print_line(&format!("{url} is at this release's schema"));
    Ok(())
}
