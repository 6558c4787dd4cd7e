//! What is compared with what.

use serde::Serialize;

use super::{Report, System, table::Table};
use crate::measure::Figures;

#[derive(Debug, Serialize)]
pub(super) struct Ratio {
    what: String,
    /// Above 1: better than what it is compared with.
    times: f64,
}

impl Report {
    /// Those for which both sides were measured.
    pub(super) fn ratios(&self) -> Vec<Ratio> {
        let part = |id| self.find(id, System::Part, 1);
        let mut ratios = Vec::new();
        let mut compare = |what: String, ours: Option<&Figures>, theirs: Option<&Figures>| {
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                ratios.push(Ratio { what, times: ours.per_cpu_second / theirs.per_cpu_second });
            }
        };
        let limit = "against the bare signature";
        compare(format!("SD-JWT VC {limit} (ES256)"), part("sd-jwt"), part("sign-es256"));
        compare(format!("Data Integrity {limit} (Ed25519)"), part("data-integrity"), part("sign-eddsa"));
        for (id, what) in
            [("sd-jwt", "SD-JWT VC without a server"), ("data-integrity", "eddsa-rdfc-2022 without a server")]
        {
            compare(format!("{what}, against Node"), part(id), self.find(id, System::Node, 1));
        }
        for (id, what) in [
            ("credential", "credential endpoint, SD-JWT VC"),
            ("credential-ld", "credential endpoint, Data Integrity"),
            ("flow", "whole flow, SD-JWT VC"),
            ("flow-ld", "whole flow, Data Integrity"),
        ] {
            for at_once in [1, 32] {
                let node = self.find(id, System::Node, at_once);
                for (system, how) in [(System::Chancery, "durable"), (System::ChanceryInMemory, "database in memory")] {
                    let what = format!("{what}, {at_once} at once, {how}, against Node in memory");
                    compare(what, self.find(id, system, at_once), node);
                }
            }
        }
        ratios
    }
}

pub(super) fn table(ratios: &[Ratio]) -> Table {
    let mut table = Table::new(&["compared", "times"]);
    for Ratio { what, times } in ratios {
        table.row(vec![what.clone(), format!("{times:.2}")]);
    }
    table
}
