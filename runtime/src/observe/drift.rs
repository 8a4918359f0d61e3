//! What comes in and what is decided, against a reference: which columns drifted, by the statistics of `mlo-stats`.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use mlo_stats::{Histogram, Sample, dataset_drifted, prediction_stability};

use super::Observing;
use super::rows::{Rows, Value};
use crate::clock;
use crate::tensor::Element;

/// Bytes of the reference at most.
const REFERENCE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Columns at most.
const COLUMNS_MAX: usize = 10_000;
/// Columns that have histograms: their lines are many.
const HISTOGRAMS_MAX: usize = 200;
/// Bins of a histogram, each with as many values of the reference.
const BINS: usize = 10;
/// The column of the reference with what was decided.
const PREDICTION: &str = "prediction";
/// The column with what was true, which no caller sends.
const TARGET: &str = "target";

/// Why there is no reference.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReferenceError {
    /// The file cannot be read.
    #[error("cannot read the reference {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a table.
    #[error("the reference {} is not a table of comma-separated values: line {line} has {got} values, the first has {expected}", path.display())]
    Ragged {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Values of the first line.
        expected: usize,
        /// Values of this one.
        got: usize,
    },
    /// It has nothing in it.
    #[error("the reference {} has no rows, or more than {COLUMNS_MAX} columns", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
}

/// How one column differs.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct ColumnReport {
    pub(crate) name: String,
    pub(crate) statistic: Option<&'static str>,
    pub(crate) value: Option<f64>,
    pub(crate) threshold: Option<f64>,
    pub(crate) drifted: bool,
}

/// The latest summary.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct DriftReport {
    /// Whether there were rows enough for a verdict.
    pub(crate) decided: bool,
    /// Whether the data set drifted.
    pub(crate) detected: bool,
    pub(crate) columns: Vec<ColumnReport>,
    /// How what is decided differs.
    pub(crate) prediction: Option<ColumnReport>,
    pub(crate) prediction_psi: Option<f64>,
    pub(crate) window_rows: usize,
    pub(crate) reference_rows: usize,
    pub(crate) evaluated_at: Option<jiff::Timestamp>,
    /// Values since the start, by bins with equal shares of the reference: they add up over replicas.
    pub(crate) histograms: Vec<(String, Histogram)>,
}

impl DriftReport {
    /// The columns that drifted.
    pub(crate) fn drifted(&self) -> impl Iterator<Item = &ColumnReport> {
        self.columns.iter().filter(|column| column.drifted)
    }
}

/// A column of the reference, and of what came.
struct Column {
    name: String,
    reference: Sample,
    window: VecDeque<Cell>,
    histogram: Option<Histogram>,
}

#[derive(Clone)]
enum Cell {
    Number(f64),
    Text(String),
}

/// The reference, and a window of what came.
pub(super) struct Drifting {
    columns: Vec<Column>,
    prediction: Option<Sample>,
    decisions: VecDeque<String>,
    /// Places of the columns in what callers send; known with the first of them.
    places: Option<Vec<Option<usize>>>,
    window_rows: usize,
    window_rows_min: usize,
    reference_rows: usize,
    has_news: bool,
    report: DriftReport,
}

impl Drifting {
    pub(super) fn new(path: &Path, observing: &Observing) -> Result<Self, ReferenceError> {
        let (names, table) = table(path, observing.reference_rows_max)?;
        let mut columns = Vec::new();
        let (mut prediction, mut reference_rows) = (None, 0);
        for (index, name) in names.into_iter().enumerate() {
            let texts: Vec<&str> =
                table.iter().filter_map(|row| row.get(index).map(String::as_str)).collect();
            let reference = sample(&texts);
            reference_rows = texts.len();
            match name.as_str() {
                TARGET => {}
                PREDICTION => {
                    prediction = Some(Sample::Words(texts.iter().map(|text| canonical(text)).collect()));
                }
                _ => {
                    let histogram = bins(&reference).filter(|_| columns.len() < HISTOGRAMS_MAX);
                    columns.push(Column { name, reference, window: VecDeque::new(), histogram });
                }
            }
        }
        let mut drifting = Self {
            columns,
            prediction,
            decisions: VecDeque::new(),
            places: None,
            window_rows: observing.window_rows,
            window_rows_min: observing.window_rows_min,
            reference_rows,
            has_news: false,
            report: DriftReport::default(),
        };
        drifting.report.reference_rows = reference_rows;
        Ok(drifting)
    }

    pub(super) fn report(&self) -> DriftReport {
        self.report.clone()
    }

    /// Whether rows came since the last verdict.
    pub(super) fn has_news(&self) -> bool {
        self.has_news
    }

    pub(super) fn add(&mut self, rows: &Rows) {
        self.has_news = true;
        let places = self.places.get_or_insert_with(|| {
            let columns = &self.columns;
            let by_name = |column: &Column| rows.columns.iter().position(|name| *name == column.name);
            let by_place = columns.len() == rows.columns.len() && !rows.named;
            let place = |(index, column)| by_name(column).or(by_place.then_some(index));
            let places: Vec<Option<usize>> = columns.iter().enumerate().map(place).collect();
            for (column, place) in self.columns.iter_mut().zip(&places) {
                if let Some(element) = place.and_then(|place| rows.element(place)) {
                    column.round(element);
                }
            }
            places
        });
        for row in 0..rows.count {
            for (column, place) in self.columns.iter_mut().zip(places.iter()) {
                let Some(value) = place.and_then(|place| rows.value(row, place)) else { continue };
                column.add(&value, self.window_rows);
            }
        }
        for decision in &rows.decisions {
            push(&mut self.decisions, canonical(decision), self.window_rows);
        }
    }

    /// Compares the window with the reference.
    pub(super) fn evaluate(&mut self) {
        self.has_news = false;
        let window_rows = self.columns.iter().map(|column| column.window.len()).max().unwrap_or(0);
        let decided = window_rows >= self.window_rows_min;
        let columns: Vec<ColumnReport> = self.columns.iter().map(|column| column.report(decided)).collect();
        let drifted = columns.iter().filter(|column| column.drifted).count();
        let compared = columns.iter().filter(|column| column.value.is_some()).count();
        let current = Sample::Words(self.decisions.iter().cloned().collect());
        let prediction = self.prediction.as_ref().filter(|_| decided);
        self.report = DriftReport {
            decided,
            detected: dataset_drifted(drifted, compared),
            columns,
            prediction: prediction.map(|reference| report(PREDICTION, reference, &current)),
            prediction_psi: prediction.and_then(|reference| stability(reference, &current)),
            window_rows,
            reference_rows: self.reference_rows,
            evaluated_at: Some(clock::now()),
            histograms: self
                .columns
                .iter()
                .filter_map(|column| Some((column.name.clone(), column.histogram.clone()?)))
                .collect(),
        };
    }
}

fn push<T>(window: &mut VecDeque<T>, value: T, max: usize) {
    if window.len() >= max {
        window.pop_front();
    }
    window.push_back(value);
}

impl Column {
    /// Gives the reference the precision in which the model takes the column: 0.2 in 32 bits is another number than in
    /// 64, and each value would differ from itself.
    fn round(&mut self, element: Element) {
        let rounded = |value: &f64| match element {
            #[expect(clippy::cast_possible_truncation, reason = "that is what is wanted")]
            Element::Float => f64::from(*value as f32),
            Element::Half => f16::from_f64(*value).to_f64(),
            Element::Bfloat => bf16::from_f64(*value).to_f64(),
            _ => *value,
        };
        let (Sample::Floats(values) | Sample::Integers(values)) = &mut self.reference else { return };
        for value in values {
            *value = rounded(value);
        }
        if self.histogram.is_some() {
            self.histogram = bins(&self.reference);
        }
    }

    fn add(&mut self, value: &Value<'_>, max: usize) {
        let cell = match (value, &self.reference) {
            (Value::Number(number), Sample::Words(_)) => Cell::Text(number.to_string()),
            (Value::Number(number), _) => Cell::Number(*number),
            (Value::Text(text), _) => Cell::Text((*text).to_owned()),
        };
        if let (Some(histogram), Cell::Number(number)) = (&mut self.histogram, &cell) {
            histogram.observe(*number);
        }
        push(&mut self.window, cell, max);
    }

    fn report(&self, decided: bool) -> ColumnReport {
        if !decided {
            return ColumnReport {
                name: self.name.clone(),
                statistic: None,
                value: None,
                threshold: None,
                drifted: false,
            };
        }
        let numbers: Option<Vec<f64>> = self
            .window
            .iter()
            .map(|cell| match cell {
                Cell::Number(number) => Some(*number),
                Cell::Text(_) => None,
            })
            .collect();
        let current = match (&self.reference, numbers) {
            (Sample::Floats(_), Some(numbers)) => Sample::Floats(numbers),
            (Sample::Integers(_), Some(numbers)) => Sample::Integers(numbers),
            _ => Sample::Words(
                self.window
                    .iter()
                    .map(|cell| match cell {
                        Cell::Number(number) => number.to_string(),
                        Cell::Text(text) => text.clone(),
                    })
                    .collect(),
            ),
        };
        report(&self.name, &self.reference, &current)
    }
}

fn report(name: &str, reference: &Sample, current: &Sample) -> ColumnReport {
    let drift = reference.drift(current, None).ok();
    ColumnReport {
        name: name.to_owned(),
        statistic: drift.map(|drift| drift.statistic.name()),
        value: drift.map(|drift| drift.value),
        threshold: drift.map(|drift| drift.threshold),
        drifted: drift.is_some_and(|drift| drift.drifted),
    }
}

fn stability(reference: &Sample, current: &Sample) -> Option<f64> {
    let (Sample::Words(reference), Sample::Words(current)) = (reference, current) else { return None };
    if current.is_empty() {
        return None;
    }
    let mut counts: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for word in reference {
        counts.entry(word).or_default().0 += 1.0;
    }
    for word in current {
        counts.entry(word).or_default().1 += 1.0;
    }
    let (reference, current): (Vec<f64>, Vec<f64>) = counts.into_values().unzip();
    Some(prediction_stability(&reference, &current))
}

/// A number as it is always written: `1` for `1.0`.
fn canonical(text: &str) -> String {
    text.parse::<f64>().map_or_else(|_| text.to_owned(), |number| number.to_string())
}

fn sample(texts: &[&str]) -> Sample {
    let known: Vec<&str> = texts.iter().copied().filter(|text| !text.is_empty()).collect();
    let numbers: Option<Vec<f64>> = known.iter().map(|text| text.parse().ok()).collect();
    match numbers {
        Some(numbers) if known.iter().all(|text| text.parse::<i64>().is_ok()) => Sample::Integers(numbers),
        Some(numbers) => Sample::Floats(numbers),
        None => Sample::Words(known.iter().map(|text| (*text).to_owned()).collect()),
    }
}

/// Bins that each hold as many of the reference's values.
fn bins(reference: &Sample) -> Option<Histogram> {
    let (Sample::Floats(values) | Sample::Integers(values)) = reference else { return None };
    let mut values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values.last()?;
    let mut bounds: Vec<f64> = (1..=BINS)
        .filter_map(|bin| values.get((values.len() * bin).div_ceil(BINS).saturating_sub(1)).copied())
        .collect();
    bounds.dedup_by(|next, before| *next <= *before);
    Histogram::new(&bounds).ok()
}

/// The first line's names, and the rows after it.
fn table(path: &Path, rows_max: usize) -> Result<(Vec<String>, Vec<Vec<String>>), ReferenceError> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(REFERENCE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|source| ReferenceError::Read { path: path.to_owned(), source })?;
    let empty = || ReferenceError::Empty { path: path.to_owned() };
    let mut lines = text.lines().filter(|line| !line.is_empty()).map(values);
    let names = lines.next().filter(|names| names.len() <= COLUMNS_MAX).ok_or_else(empty)?;
    let mut rows = Vec::new();
    for (index, row) in lines.take(rows_max).enumerate() {
        if row.len() != names.len() {
            let (expected, got, line) = (names.len(), row.len(), index + 2);
            return Err(ReferenceError::Ragged { path: path.to_owned(), line, expected, got });
        }
        rows.push(row);
    }
    if rows.is_empty() { Err(empty()) } else { Ok((names, rows)) }
}

/// The values of a line; quotes may stand around one, two of them for one inside.
fn values(line: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let (mut quoted, mut letters) = (false, line.trim_end_matches('\r').chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                values.iter_mut().last().into_iter().for_each(|value| value.push('"'));
            }
            '"' => quoted = !quoted,
            ',' if !quoted => values.push(String::new()),
            letter => values.iter_mut().last().into_iter().for_each(|value| value.push(letter)),
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_table_are_taken_apart() {
        assert_eq!(values("a,,\"b,\"\"c\"\"\"\r"), ["a", "", "b,\"c\""]);
    }

    #[test]
    fn bins_hold_equal_shares_of_the_reference() {
        let histogram = bins(&Sample::Floats((1..=100).map(f64::from).collect())).unwrap();
        let bounds: Vec<f64> = histogram.cumulative().map(|(bound, _)| bound).collect();
        assert_eq!(bounds, [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0]);
        let few = bins(&Sample::Integers(vec![0.0, 0.0, 1.0])).unwrap();
        assert_eq!(few.cumulative().map(|(bound, _)| bound).collect::<Vec<_>>(), [0.0, 1.0]);
        assert!(bins(&Sample::Words(vec!["a".to_owned()])).is_none());
    }
}
