//! A Markdown table with aligned columns: the first to the left, the others, which hold numbers, to the right.

pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|&name| name.to_owned()).collect()] }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Under a heading; neither where nothing was measured.
    pub(super) fn print(&self, heading: &str) {
        if self.rows.len() > 1 {
            print!("\n{heading}\n\n{}", self.text());
        }
    }

    fn text(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(
                |(index, (cell, &width))| {
                    if index == 0 { format!(" {cell:<width$} |") } else { format!(" {cell:>width$} |") }
                },
            );
            format!("|{}\n", cells.collect::<String>())
        };
        let dashes = widths.iter().enumerate().map(|(index, &width)| {
            if index == 0 {
                format!(" {} |", "-".repeat(width))
            } else {
                format!(" {}: |", "-".repeat(width.max(2) - 1))
            }
        });
        let rule = format!("|{}\n", dashes.collect::<String>());
        let mut lines = self.rows.iter().map(line);
        let head = lines.next().unwrap_or_default();
        format!("{head}{rule}{}", lines.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_aligned_and_numbers_stand_right() {
        let mut table = Table::new(&["what", "µs"]);
        table.row(vec!["a".into(), "1,000".into()]);
        table.row(vec!["longer".into(), "7".into()]);
        assert_eq!(table.text(), "| what   |    µs |\n| ------ | ----: |\n| a      | 1,000 |\n| longer |     7 |\n");
    }
}
