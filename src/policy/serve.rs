//! The process that evaluates policy, from the inside: it limits itself, then answers until nobody asks.
//!
//! Goes in: requests. Comes out: one reply for each. Never happens: a file, a connection or the environment is looked at;
//! a policy takes more time, memory or stack than the limits below, which end this process and nothing else.

use super::engine::{Judge, Parsed, TIME_MAX, Workbench};
use super::wire::{self, Fault, Reply, Request};
use serde_json::Value as Json;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Stack for policy, in bytes: the engine descends into values and expressions.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// The same in MiB.
pub(super) const STACK_MIB: u64 = STACK_BYTES as u64 / 1024 / 1024;
/// Memory for policy, in MiB. Our rules over a plan of 10,000 objects take about 100.
pub(super) const MEMORY_MIB: u64 = 512;
/// Processor time for one request, in seconds, counted in whole ones. The engine's clock stops a slow rule before; this
/// stops what does not look at that clock, such as the parser.
pub(super) const CPU_SECONDS: u64 = 2;

/// Limits this process, then answers each request until there are none.
///
/// # Errors
/// If nobody listens any more, or what was asked is not understood.
pub fn serve(input: impl Read + Send, output: impl Write + Send) -> io::Result<()> {
    let unlimited = limits::set();
    answer_all(input, output, &unlimited, limits::allow_more_time)
}

/// Answers each request, on a thread whose stack is deep. `before_each` runs before each request.
pub(super) fn answer_all(
    input: impl Read + Send,
    output: impl Write + Send,
    unlimited: &[String],
    before_each: fn(u64),
) -> io::Result<()> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let answering = thread.spawn_scoped(scope, || answer_loop(input, output, unlimited, before_each))?;
        answering.join().unwrap_or_else(|_| Err(io::Error::other("the thread that answers failed")))
    })
}

fn answer_loop(
    mut input: impl Read,
    mut output: impl Write,
    unlimited: &[String],
    before_each: fn(u64),
) -> io::Result<()> {
    let mut held = Held::default();
    while let Some(frame) = wire::receive(&mut input, wire::REQUEST_BYTES_MAX)? {
        let request: Request = wire::read(&frame)?;
        drop(frame);
        let document =
            if request.has_input() { wire::receive(&mut input, wire::REQUEST_BYTES_MAX)? } else { None };
        before_each(request.cpu_seconds());
        let answered =
            catch_unwind(AssertUnwindSafe(|| answer(&mut held, request, document.as_deref(), unlimited)));
        let reply = answered.unwrap_or_else(|panic| {
            // What it left behind may be half done.
            held = Held::default();
            Reply::Fault(Fault::Panicked { reason: words_of(panic.as_ref()) })
        });
        wire::send(&mut output, &reply)?;
    }
    Ok(())
}

/// What was compiled.
#[derive(Default)]
struct Held {
    /// Rules that have no data yet, or what is wrong with them.
    parsed: Option<Result<Parsed, Fault>>,
    judge: Option<Judge>,
    workbench: Option<Workbench>,
}

fn answer(held: &mut Held, request: Request, document: Option<&[u8]>, unlimited: &[String]) -> Reply {
    let answered = match request {
        Request::Read { rules } => {
            held.parsed = Some(Parsed::read(&rules));
            Ok(Reply::Read)
        }
        Request::Load { data } => held.load(data).map(|loaded| {
            let (annotations, values_of) = (loaded.annotations.clone(), loaded.values_of.clone());
            held.judge = Some(loaded);
            Reply::Loaded { unlimited: unlimited.to_vec(), annotations, values_of }
        }),
        Request::Ask { package } => match (&mut held.judge, document.map(std::str::from_utf8)) {
            (Some(judge), Some(Ok(input))) => judge.ask(&package, input).map(Reply::Answer),
            _ => Err(nothing_to_answer_for()),
        },
        Request::AskAgain { at } => match (&mut held.judge, document.map(std::str::from_utf8)) {
            (Some(judge), Some(Ok(change))) => judge.ask_again(at, change).map(Reply::Answer),
            _ => Err(nothing_to_answer_for()),
        },
        Request::Open { rules, data, covers } => Workbench::open(&rules, &data, covers).map(|opened| {
            let tests = opened.tests().to_vec();
            held.workbench = Some(opened);
            Reply::Opened { tests }
        }),
        Request::Check { rules, data } => Ok(Reply::Checked(Workbench::check(&rules, &data))),
        Request::Test { path } => held.opened().map(|opened| Reply::Tested(opened.test(&path))),
        Request::Eval { query } => match (held.opened(), document.map(std::str::from_utf8)) {
            (Ok(opened), Some(Ok(input))) => {
                opened.eval(&query, input).map(|rows| Reply::Rows { rows, prints: opened.prints() })
            }
            _ => Err(nothing_to_answer_for()),
        },
        Request::Coverage => held.opened().and_then(Workbench::covered).map(Reply::Covered),
    };
    answered.unwrap_or_else(Reply::Fault)
}

impl Request {
    /// Processor time that it may take.
    fn cpu_seconds(&self) -> u64 {
        match self {
            Self::Read { .. }
            | Self::Load { .. }
            | Self::Ask { .. }
            | Self::AskAgain { .. }
            | Self::Open { .. }
            | Self::Check { .. } => CPU_SECONDS,
            Self::Test { .. } | Self::Eval { .. } | Self::Coverage => TIME_MAX.as_secs(),
        }
    }
}

impl Held {
    /// What was read, with its data.
    fn load(&mut self, data: Json) -> Result<Judge, Fault> {
        self.parsed.take().unwrap_or_else(|| Err(nothing_to_answer_for()))?.with_data(data)
    }

    fn opened(&mut self) -> Result<&mut Workbench, Fault> {
        self.workbench.as_mut().ok_or_else(nothing_to_answer_for)
    }
}

fn nothing_to_answer_for() -> Fault {
    Fault::Panicked { reason: "no bundle, or no input, to answer for".to_owned() }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}

/// What the system lets this process limit of itself.
#[cfg(unix)]
mod limits {
    use super::{MEMORY_MIB, STACK_MIB};
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use rustix::time::{ClockId, clock_gettime};

    /// Files that are open: the three pipes, and some to spare.
    const FILES_MAX: u64 = 16;

    /// Sets the limits that hold for the whole life of the process. Returns those that are not to be had, in words.
    pub(super) fn set() -> Vec<String> {
        // A dump of memory would hold what the plan holds.
        let _ = lower(Resource::Core, 0);
        let _ = lower(Resource::Fsize, 0);
        let _ = lower(Resource::Nofile, FILES_MAX);
        let memory = (MEMORY_MIB + STACK_MIB) * 1024 * 1024;
        // Elsewhere the limit can be set and nothing heeds it.
        let limited = cfg!(target_os = "linux") && lower(Resource::Data, memory);
        if limited { Vec::new() } else { vec!["memory".to_owned()] }
    }

    /// Gives the next request its time, beside what was used before.
    pub(super) fn allow_more_time(seconds: u64) {
        let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
        // What was used of the second that has begun is made up for by one more.
        let seconds = u64::try_from(used).unwrap_or(0) + seconds + 1;
        let hard = getrlimit(Resource::Cpu).maximum;
        let _ = setrlimit(Resource::Cpu, Rlimit { current: Some(within(seconds, hard)), maximum: hard });
    }

    /// Lowers a limit for good. Whether it holds.
    fn lower(resource: Resource, to: u64) -> bool {
        let to = Some(within(to, getrlimit(resource).maximum));
        setrlimit(resource, Rlimit { current: to, maximum: to }).is_ok()
    }

    /// A limit that was there before may be lower.
    fn within(wanted: u64, hard: Option<u64>) -> u64 {
        hard.map_or(wanted, |hard| hard.min(wanted))
    }
}

#[cfg(not(unix))]
mod limits {
    /// There is nothing to limit; who waits for this process ends it when it takes too long.
    pub(super) fn set() -> Vec<String> {
        vec!["memory".to_owned(), "processor time".to_owned()]
    }

    pub(super) fn allow_more_time(_: u64) {}
}
