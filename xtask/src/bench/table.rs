//! Figures in columns.

use std::fmt::{self, Write as _};
use std::time::Duration;

/// Rows of as many cells as there are columns. The first column begins at its left, the others end at their right.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self { rows: vec![columns.iter().map(|&name| name.to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                match column {
                    0 => write!(line, "{cell:width$}")?,
                    _ => write!(line, "  {cell:>width$}")?,
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// `1.234 s`
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// `1.23 ms`
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1_000.0)
}

/// `12.3 MB`, of a million bytes each.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

/// How many times one time is another: `21.4 ×`.
pub(crate) fn times(long: Duration, short: Duration) -> String {
    format!("{:.1} ×", long.as_secs_f64() / short.as_secs_f64().max(f64::EPSILON))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_under_each_other() {
        let mut table = Table::new(&["program", "wall", "peak"]);
        table.row(["mlo".to_owned(), seconds(Duration::from_millis(86)), megabytes(9_960_000)]);
        table.row(["terraform".to_owned(), seconds(Duration::from_millis(12_345)), megabytes(1_234_567_890)]);
        let expected = "program        wall       peak\n\
                        mlo         0.086 s     9.9 MB\n\
                        terraform  12.345 s  1234.5 MB\n";
        assert_eq!(table.to_string(), expected);
        assert_eq!(times(Duration::from_secs(3), Duration::from_secs(2)), "1.5 ×");
    }
}
