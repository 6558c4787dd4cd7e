//! Lists as verifiers fetch them, over connections that stay open.

use super::token::STATUS_LIST_TOKEN;
use crate::{
    Result,
    load::{Target, drive},
    measure::Effort,
    report::{LIST_READ, Report, System},
};

const CONNECTIONS: [usize; 2] = [1, 32];

pub(super) async fn measure(report: &mut Report, effort: &Effort, target: &Target, list: &str) -> Result<()> {
    for (id, what, accept) in [
        (LIST_READ, "read a status list, Token Status List", STATUS_LIST_TOKEN),
        ("list-read-di", "read a status list, Bitstring with Data Integrity", "application/vc"),
    ] {
        for connections in CONNECTIONS {
            let read = drive(target, effort, connections, usize::MAX, async |connection, _| {
                connection.get(list, accept).await.map(drop)
            });
            report.whole(id, what, System::Chancery, connections, read.await?);
        }
    }
    Ok(())
}
