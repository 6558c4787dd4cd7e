//! Where the processor time of one credential request goes: its parts beside the whole.

use serde::Serialize;

use super::{Report, System, table::Table};

#[derive(Debug, Serialize)]
pub(super) struct Budget {
    connections: usize,
    parts: Vec<Part>,
    sum_micros: f64,
    endpoint_micros: f64,
}

#[derive(Debug, Serialize)]
struct Part {
    what: &'static str,
    cpu_micros: f64,
}

impl Report {
    pub(super) fn budgets(&self) -> Vec<Budget> {
        [1, 32].into_iter().filter_map(|connections| self.budget(connections)).collect()
    }

    /// `None` unless the endpoint and every part of it were measured.
    fn budget(&self, connections: usize) -> Option<Budget> {
        let parts = [
            ("HTTP: connection, routing, layers, log line", "nonce", System::Chancery, connections),
            ("access token", "check-token", System::Part, 1),
            ("read the offer (SQLite)", "offer-sqlite", System::Part, 1),
            ("open its sealed subject", "open-sealed", System::Part, 1),
            ("key proof", "check-proof", System::Part, 1),
            ("csv-provider, fresh sandbox", "sandbox", System::Part, connections),
            ("template", "template", System::Part, 1),
            ("SD-JWT VC, signature included", "sd-jwt", System::Part, 1),
            ("record, durably (SQLite)", "record-sqlite", System::Part, connections),
        ];
        let parts = parts.into_iter().map(|(what, id, system, at_once)| {
            Some(Part { what, cpu_micros: self.find(id, system, at_once)?.cpu_micros() })
        });
        let parts = parts.collect::<Option<Vec<Part>>>()?;
        Some(Budget {
            connections,
            sum_micros: parts.iter().map(|part| part.cpu_micros).sum(),
            parts,
            endpoint_micros: self.find("credential", System::Chancery, connections)?.cpu_micros(),
        })
    }
}

impl Budget {
    pub(super) fn print(&self) {
        let Self { connections, parts, sum_micros, endpoint_micros } = self;
        let mut table = Table::new(&["part", "CPU µs", "of the sum"]);
        for Part { what, cpu_micros } in parts {
            let share = format!("{:.0} %", cpu_micros / sum_micros * 100.0);
            table.row(vec![(*what).to_owned(), format!("{cpu_micros:.1}"), share]);
        }
        table.row(vec!["sum".to_owned(), format!("{sum_micros:.1}"), "100 %".to_owned()]);
        let ratio = format!("{:.0} %", endpoint_micros / sum_micros * 100.0);
        table.row(vec!["the endpoint as measured".to_owned(), format!("{endpoint_micros:.1}"), ratio]);
        table.print(&format!("One credential request, {connections} connections at once:"));
    }
}
