//! `bench serve-gpu`: the same on an NVIDIA GPU, beside a loop of ONNX Runtime with CUDA in the same run.
//!
//! Needs a machine with a GPU and its driver; ONNX Runtime with CUDA and its libraries are obtained. The server runs with
//! `--provider cuda` and without `--provider-fallback`: it is not ready if a node of the model is not on the GPU.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::load::{self, Pace};
use super::{Form, MODELS, Server, mlo, raw, request, write};
use crate::bench::Place;
use crate::bench::table::Table;
use crate::command;
use crate::failure::Failure;
use crate::tools::{self, PythonPackages};

const CUDA: &str = "CUDAExecutionProvider";
const TOKEN: &str = "bench";
const ROWS: [usize; 2] = [32, 256];
const CONNECTIONS: usize = 16;
const LOAD_TIME: Duration = Duration::from_secs(5);
/// Time that gives some hundred thousand requests.
const LONG_TIME: Duration = Duration::from_secs(30);
const RELOADS: usize = 50;
const GOALS: &str =
    "goals: 95 % of the loop's rows a second; memory of the GPU the same after the requests and the reloads";

const PACKAGES: PythonPackages = PythonPackages {
    name: "serving-gpu",
    version: "1",
    requirements: &["numpy", "onnx==1.23.2", "onnxruntime-gpu[cuda,cudnn]==1.31.1"],
};

pub(crate) fn run(place: &Place) -> Result<(), Failure> {
    let before = memory()?;
    let python = tools::python_packages(place.cache, &PACKAGES)?;
    let packages =
        python.parent().and_then(Path::parent).map(|folder| folder.join("packages")).unwrap_or_default();
    let library = library(&packages)?;
    super::models(&python, &place.folder)?;
    write(&place.folder, "raw.py", include_str!("raw.py"))?;
    println!("{before} MiB of the GPU's memory are taken before the run");
    let mut table = Table::new(&["model", "rows", "loop rows/s", "server rows/s", "share", "p99 ms"]);
    for model in MODELS.iter().filter(|model| model.name != "iris") {
        let path = place.folder.join(model.name).with_extension("onnx");
        let batch = ["--provider", "cuda", "--batch-rows", "1000", "--admin-token", TOKEN];
        let server = mlo(place, &library, &path, &batch)?;
        for rows in ROWS {
            let (_, wall) = raw(&python, &place.folder, &path, rows, &[CUDA])?;
            let request = request(model, rows, Form::Bytes, &server);
            let answers = load::run(server.address, &request, CONNECTIONS, Pace::Closed, LOAD_TIME)?;
            #[expect(clippy::cast_precision_loss, reason = "counts of some seconds")]
            let (ours, theirs) =
                (answers.given.per_second(answers.wall) * rows as f64, rows as f64 * 1e6 / wall);
            table.row([
                model.name.to_owned(),
                rows.to_string(),
                format!("{theirs:.0}"),
                format!("{ours:.0}"),
                format!("{:.0} %", ours / theirs * 100.0),
                format!("{:.3}", answers.given.milliseconds(0.99)),
            ]);
        }
        stays_flat(&server, model, &path)?;
    }
    println!("{table}\n{GOALS}");
    Ok(())
}

/// Memory of the GPU over many requests and reloads.
fn stays_flat(server: &Server, model: &super::Model, path: &Path) -> Result<(), Failure> {
    let request = request(model, 32, Form::Bytes, server);
    let warm = memory()?;
    let answers = load::run(server.address, &request, CONNECTIONS, Pace::Closed, LONG_TIME)?;
    let after_requests = memory()?;
    let model_bytes = std::fs::read(path).map_err(|error| Failure::io("reading", path, &error))?;
    for round in 0..RELOADS {
        // An unknown field at the end: another digest, the same model.
        let mark = u8::try_from(round).unwrap_or(0);
        let changed = [model_bytes.as_slice(), &[0xfa, 0x7f, 1, mark]].concat();
        std::fs::File::create(path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, &changed))
            .map_err(|error| Failure::io("writing", path, &error))?;
        super::reload(server, TOKEN)?;
    }
    let after_reloads = memory()?;
    println!(
        "{}: MiB of the GPU's memory: {warm} warm, {after_requests} after {} requests, {after_reloads} after {RELOADS} reloads",
        model.name,
        answers.given.count()
    );
    Ok(())
}

/// MiB of the GPU's memory that are taken now.
fn memory() -> Result<u64, Failure> {
    let mut command = Command::new("nvidia-smi");
    command.args(["--query-gpu=memory.used", "--format=csv,noheader,nounits"]);
    let said = command::read(&mut command)
        .map_err(|failure| failure.mend("this bench needs a machine with an NVIDIA GPU and its driver"))?;
    let first = said.lines().next().unwrap_or_default().trim();
    first.parse().map_err(|_| Failure::new(format!("`nvidia-smi` says `{first}`")))
}

/// ONNX Runtime's library among the packages.
fn library(packages: &Path) -> Result<PathBuf, Failure> {
    let folder = packages.join("onnxruntime/capi");
    let entries = std::fs::read_dir(&folder).map_err(|error| Failure::io("reading", &folder, &error))?;
    let is_library = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so"))
    };
    let found = entries.flatten().map(|entry| entry.path()).find(is_library);
    found.ok_or_else(|| Failure::new(format!("{} holds no libonnxruntime.so", folder.display())))
}
