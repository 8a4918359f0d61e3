//! `bench serve-strain`: twice as many requests as the server can answer, for a minute; then a million requests, and what
//! they leave in memory.

use std::time::{Duration, Instant};

use super::load::{self, Pace};
use super::{Form, MODELS, Server, mlo, models, peak_bytes, request, whole};
use crate::bench::Place;
use crate::bench::table::megabytes;
use crate::failure::Failure;
use crate::onnxruntime;
use crate::tools;
use crate::workspace::Workspace;

/// Rows of a request: enough that those of all connections are more than the queue takes.
const ROWS: usize = 64;
/// Connections while what the server can do is found out: less rows than the queue takes.
const CONNECTIONS_BEFORE: usize = 32;
const CONNECTIONS: usize = 512;
const BEFORE_TIME: Duration = Duration::from_secs(4);
const OVERLOAD_TIME: Duration = Duration::from_mins(1);
/// Time for the server to be as it was.
const RECOVERY_MAX: Duration = Duration::from_secs(1);
const REQUESTS: usize = 1_000_000;
/// Requests before the memory is looked at for the first time.
const REQUESTS_BEFORE: usize = 100_000;
const GOALS: &str = "goals: at twice the load p99 of what is accepted stays near the queue's own time and the rest is refused at \
                     once; well again within a second; memory flat over a million requests";

pub(crate) fn run(place: &Place) -> Result<(), Failure> {
    let library = onnxruntime::obtain(&Workspace::locate()?, place.cache)?;
    models(&tools::python_packages(place.cache, &super::PACKAGES)?, &place.folder)?;
    for model in &MODELS {
        let path = place.folder.join(model.name).with_extension("onnx");
        match model.name {
            "mlp" => overload(model, &mlo(place, &library, &path, &[])?)?,
            "iris" => stays_flat(model, &mlo(place, &library, &path, &[])?)?,
            _ => {}
        }
    }
    println!("{GOALS}");
    Ok(())
}

fn overload(model: &super::Model, server: &Server) -> Result<(), Failure> {
    let request = request(model, ROWS, Form::Bytes, server);
    let ask = |connections, pace, time| load::run(server.address, &request, connections, pace, time);
    let most = ask(CONNECTIONS_BEFORE, Pace::Closed, BEFORE_TIME)?;
    let capacity = most.given.per_second(most.wall);
    println!(
        "{}, {ROWS} rows: {capacity:.0} requests/s at most; p99 {:.1} ms on {CONNECTIONS_BEFORE} connections",
        model.name,
        most.given.milliseconds(0.99)
    );
    let twice = Pace::Open { per_second: whole(2.0 * capacity) };
    let over = ask(CONNECTIONS, twice, OVERLOAD_TIME)?;
    println!(
        "twice that for {} s: {:.0}/s answered, p50 {:.1} ms, p99 {:.1} ms; {:.0}/s refused, p50 {:.1} ms, p99 {:.1} ms; peak {}",
        OVERLOAD_TIME.as_secs(),
        over.given.per_second(over.wall),
        over.given.milliseconds(0.5),
        over.given.milliseconds(0.99),
        over.refused.per_second(over.wall),
        over.refused.milliseconds(0.5),
        over.refused.milliseconds(0.99),
        megabytes(peak_bytes(server.child.id())),
    );
    let begun = Instant::now();
    let after = ask(1, Pace::Closed, RECOVERY_MAX)?;
    println!(
        "after it, within {:.1} s: {} answered, {} refused, p99 {:.1} ms",
        begun.elapsed().as_secs_f64(),
        after.given.count(),
        after.refused.count(),
        after.given.milliseconds(0.99)
    );
    Ok(())
}

fn stays_flat(model: &super::Model, server: &Server) -> Result<(), Failure> {
    let request = request(model, 1, Form::Rows, server);
    let mut answered = 0;
    let mut until = |count: usize| -> Result<String, Failure> {
        while answered < count {
            let answers = load::run(server.address, &request, 16, Pace::Closed, Duration::from_secs(2))?;
            answered += answers.given.count();
        }
        Ok(format!("{} resident after {answered} requests", megabytes(resident_bytes(server.child.id()))))
    };
    let lines = [until(REQUESTS_BEFORE)?, until(REQUESTS / 2)?, until(REQUESTS)?];
    println!("{}: {}; peak {}", model.name, lines.join(", "), megabytes(peak_bytes(server.child.id())));
    Ok(())
}

fn resident_bytes(id: u32) -> u64 {
    super::status_bytes(id, "VmRSS:")
}
