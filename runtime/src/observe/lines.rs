//! The prediction log: one JSON line for each request that is chosen.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use super::rows::{Rows, Value};
use super::{LineSettings, Observation};
use crate::clock;

/// What stands for a value that is not written.
const MASK: &str = "***";

/// Why there is no prediction log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinesError {
    /// The file cannot be opened.
    #[error("cannot open the prediction log {}: {source}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The log, open.
pub(super) struct Lines {
    settings: LineSettings,
    out: BufWriter<Box<dyn Write + Send>>,
    /// Bytes of the file so far.
    written: u64,
    /// What is left of the share: a line is written whenever this reaches 1.
    due: f64,
}

impl Lines {
    pub(super) fn open(settings: LineSettings) -> Result<Self, LinesError> {
        let (out, written): (Box<dyn Write + Send>, u64) = match &settings.path {
            None => (Box::new(std::io::stdout()), 0),
            Some(path) => {
                let (file, written) =
                    append(path).map_err(|source| LinesError::Open { path: path.clone(), source })?;
                (Box::new(file), written)
            }
        };
        Ok(Self { settings, out: BufWriter::new(out), written, due: 0.0 })
    }

    pub(super) fn write(&mut self, observation: &Observation, rows: &Rows) -> std::io::Result<()> {
        self.due += self.settings.share;
        if self.due < 1.0 {
            return Ok(());
        }
        self.due -= 1.0;
        let mut line = self.line(observation, rows).to_string();
        line.push('\n');
        self.rotate(line.len() as u64)?;
        self.out.write_all(line.as_bytes())?;
        self.written += line.len() as u64;
        Ok(())
    }

    /// What is written so far can be read. A failure shows at the next line.
    pub(super) fn flush(&mut self) {
        let _ = self.out.flush();
    }

    fn line(&self, observation: &Observation, rows: &Rows) -> Json {
        let value = |row: usize, column: usize, name: &str| {
            if self.settings.masked.iter().any(|masked| masked == name) {
                return json!(MASK);
            }
            match rows.value(row, column) {
                Some(Value::Number(number)) => json!(number),
                Some(Value::Text(text)) => json!(text),
                None => Json::Null,
            }
        };
        let columns = || rows.columns.iter().enumerate();
        let row = |row: usize| -> Json {
            if rows.named {
                let entries = columns().map(|(column, name)| (name.clone(), value(row, column, name)));
                Json::Object(entries.collect::<Map<_, _>>())
            } else {
                columns().map(|(column, name)| value(row, column, name)).collect()
            }
        };
        json!({
            "event": "prediction",
            "event_id": observation.request_id,
            "timestamp": clock::rfc3339(clock::now()),
            "features": (0..rows.count).map(row).collect::<Vec<_>>(),
            "predictions": rows.decisions,
            "latency_ms": (observation.seconds * 1e6).round() / 1e3,
            "metadata": {
                "path": observation.path,
                "model": observation.model,
                "version": observation.version,
                "digest": observation.served.facts.digest,
            },
        })
    }

    /// Begins a new file where the line would make this one too long; the one before is kept beside it.
    fn rotate(&mut self, more: u64) -> std::io::Result<()> {
        let Some(path) = &self.settings.path else { return Ok(()) };
        if self.written == 0 || self.written + more <= self.settings.bytes_max {
            return Ok(());
        }
        self.out.flush()?;
        let mut before = path.clone().into_os_string();
        before.push(".1");
        std::fs::rename(path, before)?;
        let (file, written) = append(path)?;
        self.out = BufWriter::new(Box::new(file));
        self.written = written;
        Ok(())
    }
}

/// The file, and how long it is already. Only its owner may read what callers sent.
fn append(path: &Path) -> std::io::Result<(File, u64)> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}
