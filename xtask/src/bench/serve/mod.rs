//! `bench serve`: `mlo-runtime` under load, beside ONNX Runtime in a loop (the limit), and beside `FastAPI` with uvicorn
//! and `MLServer` (what people would take instead), all on the same processors in the same run.
//!
//! `strain` is what comes beyond: more requests than it can answer, and a million of them.
//!
//! The others run with one worker, as our server is one process, and with one thread for the model, as the loop has.

mod gpu;
mod load;
mod strain;

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Place;
use super::table::{Table, megabytes};
use crate::command;
use crate::failure::Failure;
use crate::onnxruntime;
use crate::tools::{self, PythonPackages};
use crate::workspace::Workspace;
use load::Pace;

const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];
const ROWS: [usize; 2] = [1, 32];
/// Time under load for each figure, and before it.
const LOAD_TIME: Duration = Duration::from_secs(2);
const WARM_UP_TIME: Duration = Duration::from_millis(500);
/// Time for a server to be ready.
const START_MAX: Duration = Duration::from_mins(1);
/// Seconds of the loop without a server.
const LOOP_SECONDS: &str = "3";
/// Ticks of the kernel's clock for processes in a second.
const TICKS: f64 = 100.0;

const MODELS: [Model; 3] = [
    Model { name: "iris", row: "[5.1,3.5,1.4,0.2]", shape: "4", numbers: 4 },
    Model { name: "mlp", row: "", shape: "128", numbers: 128 },
    Model { name: "conv", row: "", shape: "3,32,32", numbers: 3 * 32 * 32 },
];

const PACKAGES: PythonPackages = PythonPackages {
    name: "serving",
    version: "1",
    requirements: &[
        "fastapi==0.163.2",
        "numpy",
        "onnx==1.23.2",
        "onnxruntime==1.31.1",
        "uvicorn[standard]==0.54.0",
    ],
};

const GOALS: &str = "goals: iris, 16 connections: 22 µs of CPU a request; MLP, 32 rows: 110 µs as JSON, 80 µs as bytes; \
                     p99 at half load under 2 ms; peak under 80 MB with iris";

struct Model {
    name: &'static str,
    /// One row as JSON; made of the shape where it is empty.
    row: &'static str,
    shape: &'static str,
    numbers: usize,
}

/// How a batch is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Rows,
    Tensors,
    Bytes,
}

/// A server that runs, to be ended.
struct Server {
    child: Child,
    address: SocketAddr,
    name: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) use gpu::run as run_on_gpu;
pub(crate) use strain::run as run_under_strain;

pub(crate) fn run(place: &Place) -> Result<(), Failure> {
    let workspace = Workspace::locate()?;
    let library = onnxruntime::obtain(&workspace, place.cache)?;
    let python = tools::python_packages(place.cache, &PACKAGES)?;
    let mlserver_python = tools::python_packages(place.cache, &tools::MLSERVER)?;
    models(&python, &place.folder)?;
    write(&place.folder, "raw.py", include_str!("raw.py"))?;
    write(&place.folder, "app.py", include_str!("app.py"))?;
    let mut table = Table::new(&[
        "model",
        "server",
        "form",
        "rows",
        "connections",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        "CPU s/M rows",
        "peak",
    ]);
    for model in &MODELS {
        let path = place.folder.join(model.name).with_extension("onnx");
        for rows in ROWS {
            let (micros, _) = raw(&python, &place.folder, &path, rows, &[])?;
            let figures = ["", "", "", "", &format!("{micros:.1}"), "", ""].map(str::to_owned);
            let names = [model.name, "loop of ONNX Runtime", "", &rows.to_string()].map(str::to_owned);
            table.row(names.into_iter().chain(figures));
        }
        let ours = mlo(place, &library, &path, &[])?;
        for form in [Form::Rows, Form::Tensors, Form::Bytes] {
            measure(&mut table, model, &ours, form)?;
        }
        half_load(model, &ours)?;
        drop(ours);
        measure(&mut table, model, &fastapi(&python, &place.folder, &path)?, Form::Rows)?;
        measure(&mut table, model, &mlserver(&mlserver_python, &place.folder, &path)?, Form::Tensors)?;
    }
    println!("{table}\n{GOALS}");
    Ok(())
}

/// Writes the models of the bench.
fn models(python: &Path, folder: &Path) -> Result<(), Failure> {
    write(folder, "models.py", include_str!("models.py"))?;
    command::read(Command::new(python).arg(folder.join("models.py")).arg(folder)).map(drop)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = folder.join(name);
    File::create(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(|error| Failure::io("writing", &path, &error))
}

/// Microseconds of one run without a server: of CPU, and from begin to end.
fn raw(
    python: &Path,
    folder: &Path,
    model: &Path,
    rows: usize,
    more: &[&str],
) -> Result<(f64, f64), Failure> {
    let mut command = Command::new(python);
    command.arg(folder.join("raw.py")).arg(model).args([&rows.to_string(), LOOP_SECONDS]);
    command.args(more);
    let said = command::read(&mut command)?;
    let figures =
        said.trim().split_once(' ').and_then(|(cpu, wall)| Some((cpu.parse().ok()?, wall.parse().ok()?)));
    figures.ok_or_else(|| Failure::new(format!("the loop said `{said}`")))
}

/// One row of figures for each number of rows and connections.
fn measure(table: &mut Table, model: &Model, server: &Server, form: Form) -> Result<(), Failure> {
    for rows in ROWS {
        let request = request(model, rows, form, server);
        for connections in CONNECTIONS {
            load::run(server.address, &request, connections, Pace::Closed, WARM_UP_TIME)?;
            let before = processor_seconds(server.child.id());
            let answers = load::run(server.address, &request, connections, Pace::Closed, LOAD_TIME)?;
            let cpu = processor_seconds(server.child.id()) - before;
            #[expect(clippy::cast_precision_loss, reason = "counts of some seconds")]
            let (count, rows_of_each) = (answers.given.count().max(1) as f64, rows as f64);
            let milliseconds = |share: f64| format!("{:.3}", answers.given.milliseconds(share));
            table.row([
                model.name.to_owned(),
                server.name.clone(),
                format!("{form:?}").to_lowercase(),
                rows.to_string(),
                connections.to_string(),
                format!("{:.0}", answers.given.per_second(answers.wall)),
                milliseconds(0.5),
                milliseconds(0.99),
                format!("{:.1}", cpu / count * 1e6),
                format!("{:.2}", cpu / count / rows_of_each * 1e6),
                megabytes(peak_bytes(server.child.id())),
            ]);
        }
    }
    Ok(())
}

/// What p99 is at half of what the server can do.
fn half_load(model: &Model, server: &Server) -> Result<(), Failure> {
    const CONNECTIONS: usize = 64;
    let request = request(model, 1, Form::Rows, server);
    let most = load::run(server.address, &request, CONNECTIONS, Pace::Closed, LOAD_TIME)?;
    let per_second = whole(most.given.per_second(most.wall) / 2.0);
    let half = load::run(server.address, &request, CONNECTIONS, Pace::Open { per_second }, LOAD_TIME)?;
    let p99 = half.given.milliseconds(0.99);
    println!("{}: p99 {p99:.3} ms at half load ({per_second} requests/s)", model.name);
    Ok(())
}

/// A rate without its fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
fn whole(per_second: f64) -> u32 {
    per_second.max(1.0) as u32
}

/// A whole request with this many rows.
fn request(model: &Model, rows: usize, form: Form, server: &Server) -> Vec<u8> {
    let json = |body: &str| body.as_bytes().to_vec();
    let (path, headers, body) = match form {
        Form::Rows => {
            let row = if model.row.is_empty() { nested(model.shape) } else { model.row.to_owned() };
            (
                "/predict".to_owned(),
                String::new(),
                json(&format!("{{\"instances\":[{}]}}", vec![row; rows].join(","))),
            )
        }
        Form::Tensors => {
            let data = vec!["0.5"; rows * model.numbers].join(",");
            let body = format!(
                "{{\"inputs\":[{{\"name\":\"X\",\"shape\":[{rows},{}],\"datatype\":\"FP32\",\"data\":[{data}]}}]}}",
                model.shape
            );
            (infer(model), String::new(), json(&body))
        }
        Form::Bytes => {
            let bytes: Vec<u8> = (0..rows * model.numbers).flat_map(|_| 0.5_f32.to_le_bytes()).collect();
            let head = format!(
                "{{\"inputs\":[{{\"name\":\"X\",\"shape\":[{rows},{}],\"datatype\":\"FP32\",\
                 \"parameters\":{{\"binary_data_size\":{}}}}}],\"parameters\":{{\"binary_data_output\":true}}}}",
                model.shape,
                bytes.len()
            );
            let length = format!("inference-header-content-length: {}\r\n", head.len());
            (infer(model), length, [head.as_bytes(), &bytes].concat())
        }
    };
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
        server.address,
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

fn infer(model: &Model) -> String {
    format!("/v2/models/{}/infer", model.name)
}

/// `[0.5,…]` in lists as deep as the shape.
fn nested(shape: &str) -> String {
    shape.rsplit(',').fold("0.5".to_owned(), |inner, length| {
        format!("[{}]", vec![inner; length.parse().unwrap_or(1)].join(","))
    })
}

/// A port that nobody listens on now.
fn free_port() -> Result<SocketAddr, Failure> {
    let any = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    any.map_err(|error| Failure::new(format!("finding a port: {error}")))
}

fn mlo(place: &Place, library: &Path, model: &Path, more: &[&str]) -> Result<Server, Failure> {
    let address = free_port()?;
    let mut command = Command::new(&place.program);
    command.arg("--model").arg(model).arg("--onnxruntime").arg(library);
    command.args(["--intra-op-threads", "1", "--port", &address.port().to_string()]).args(more);
    start("mlo", command, address, "/ready", &place.folder)
}

fn fastapi(python: &Path, folder: &Path, model: &Path) -> Result<Server, Failure> {
    let address = free_port()?;
    let mut command = Command::new(python);
    command.args([
        "-m",
        "uvicorn",
        "app:app",
        "--log-level",
        "warning",
        "--port",
        &address.port().to_string(),
    ]);
    command.env("MODEL", model).current_dir(folder);
    start("fastapi", command, address, "/ready", folder)
}

fn mlserver(python: &Path, folder: &Path, model: &Path) -> Result<Server, Failure> {
    let (address, grpc, metrics) = (free_port()?, free_port()?, free_port()?);
    let name = model.file_stem().unwrap_or_default().to_string_lossy();
    let settings = format!(
        "{{\"http_port\":{},\"grpc_port\":{},\"metrics_port\":{},\"host\":\"127.0.0.1\",\"parallel_workers\":0,\"debug\":false}}",
        address.port(),
        grpc.port(),
        metrics.port()
    );
    let own = folder.join("mlserver");
    fs::create_dir_all(&own).map_err(|error| Failure::io("making", &own, &error))?;
    write(&own, "settings.json", &settings)?;
    let model_settings = format!("{{\"name\":\"{name}\",\"implementation\":\"mlserver_model.OnnxModel\"}}");
    write(&own, "model-settings.json", &model_settings)?;
    write(&own, "mlserver_model.py", include_str!("mlserver_model.py"))?;
    let mut command = Command::new(python);
    command
        .args(["-c", "from mlserver.cli import main; main()", "start", "."])
        .current_dir(&own)
        .env("MODEL", model);
    start("mlserver", command, address, "/v2/health/ready", folder)
}

/// Starts a server and waits until `path` answers 200.
fn start(
    name: &str,
    mut command: Command,
    address: SocketAddr,
    path: &str,
    folder: &Path,
) -> Result<Server, Failure> {
    let log: PathBuf = folder.join(format!("{name}.log"));
    let out = File::create(&log).map_err(|error| Failure::io("writing", &log, &error))?;
    let err = out.try_clone().map_err(|error| Failure::io("writing", &log, &error))?;
    let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
    let child = child.map_err(|error| Failure::new(format!("`{name}` did not start: {error}")))?;
    let mut server = Server { child, address, name: name.to_owned() };
    let begun = Instant::now();
    while begun.elapsed() < START_MAX {
        if is_ready(address, path) {
            return Ok(server);
        }
        if let Ok(Some(status)) = server.child.try_wait() {
            return Err(Failure::new(format!("`{name}` ended with {status}"))
                .mend(format!("look at {}", log.display())));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(Failure::new(format!("`{name}` was not ready in {} s", START_MAX.as_secs()))
        .mend(format!("look at {}", log.display())))
}

fn is_ready(address: SocketAddr, path: &str) -> bool {
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    exchange(address, &head, Duration::from_secs(2)).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Lets our server load its model anew.
fn reload(server: &Server, token: &str) -> Result<(), Failure> {
    let head = format!(
        "POST /admin/reload HTTP/1.1\r\nhost: x\r\nx-admin-token: {token}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let answer = exchange(server.address, &head, START_MAX)
        .map_err(|error| Failure::new(format!("reloading: {error}")))?;
    if answer.contains("\"reloaded\"") {
        Ok(())
    } else {
        Err(Failure::new(format!("the reload says {answer}")))
    }
}

/// One request on a connection of its own.
fn exchange(address: SocketAddr, head: &str, max: Duration) -> std::io::Result<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(max))?;
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Seconds of processors that a process has used, as `/proc` tells.
fn processor_seconds(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name may hold anything; the fields are counted after it.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |index: usize| {
        fields.split(' ').nth(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / TICKS
}

/// Bytes that a process had resident at once, at most.
fn peak_bytes(id: u32) -> u64 {
    status_bytes(id, "VmHWM:")
}

/// A size among what the kernel says of a process.
fn status_bytes(id: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_deep_as_the_shape() {
        assert_eq!(nested("2"), "[0.5,0.5]");
        assert_eq!(nested("1,2,1"), "[[[0.5],[0.5]]]");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_processors_and_memory() {
        let id = std::process::id();
        let before = processor_seconds(id);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(100) {}
        assert!(processor_seconds(id) > before);
        assert!((1 << 20..1 << 32).contains(&peak_bytes(id)));
    }
}
