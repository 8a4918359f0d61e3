//! Plan and apply together, over a provider whose calls go wrong on demand.

mod configuration;
mod data;
mod durability;
mod faults;
mod lifecycle;
mod order;
mod properties;
mod providers;
mod settled;
mod simulation;
mod values;

use super::{Applied, Applier, Halted, settle};
use crate::diag::{Diagnostics, SourceMap, Style, render};
use crate::graph::ModuleTree;
use crate::lang::config::Module;
use crate::lang::load::{LoadRequest, Root, Unwritten, load};
use crate::lang::scope::Nowhere;
use crate::lang::value::Value;
use crate::plan::{Configured, Context, Inputs, Kind, Origin, Plan, PlanResult, Planner, Requests};
use crate::policy::{Bundle, Deployment, Gate, Gates, Input, Verdict, check};
use crate::provider::builtin::Builtin;
use crate::provider::fake::Fake;
use crate::provider::{Provider, Surroundings};
use futures_util::FutureExt as _;
use mlo_state::{
    BoxFuture, Copied, Guard, Holder, Loaded, MemoryStore, Record, Snapshot, Store, StoreError, kept,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// A state and a world of things, and a configuration for them.
struct Lab {
    fake: Fake,
    store: Arc<dyn Store>,
    files: BTreeMap<String, String>,
    sources: SourceMap,
    gate: Gates,
    /// Appends until writing fails.
    appends_left: Option<usize>,
    /// What the state is written to, if not at once to memory.
    disk: Option<simulation::Disk>,
    /// What the runs are on, if not on a machine that has the state and the world at hand.
    machine: Option<simulation::Machine>,
    /// Calls until the lock is lost.
    calls_left: Option<usize>,
    parallelism: usize,
    requests: Requests,
    interrupt: watch::Sender<bool>,
}

/// How a run ended that was not killed.
type Ran = Result<Applied, String>;

impl Lab {
    fn new(text: &str) -> Self {
        let gate = Gates::of(Gate::new(&letting_all_through(), "dev").unwrap());
        let mut lab = Self {
            fake: Fake::new(),
            store: Arc::new(MemoryStore::new()),
            files: BTreeMap::new(),
            sources: SourceMap::new(),
            gate,
            appends_left: None,
            disk: None,
            machine: None,
            calls_left: None,
            parallelism: 4,
            requests: Requests::default(),
            interrupt: watch::channel(false).0,
        };
        lab.configure(text);
        lab
    }

    /// Another configuration: `main.tf`, and more files after lines `== name`.
    fn configure(&mut self, text: &str) {
        let text = format!("\n== main.tf\n{text}");
        self.fake.things().may_overlap |= text.contains("create_before_destroy = true");
        let files = text.split("\n== ").skip(1).map(|file| file.split_once('\n').unwrap());
        self.files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    }

    fn module(&mut self) -> Module {
        let request = LoadRequest {
            root: Root::Memory(&self.files),
            builtin: &|_| None,
            builtin_names: &[],
            version: "0.1.0",
            elsewhere: &Nowhere,
            unwritten: Unwritten::Nothing,
        };
        let (module, messages) = load(&request, &mut self.sources);
        module.unwrap_or_else(|| panic!("{}", self.rendered(&messages)))
    }

    fn rendered(&self, messages: &Diagnostics) -> String {
        let lines: Vec<_> = messages.iter().map(|each| render(each, &self.sources, Style::Plain)).collect();
        lines.join("\n")
    }

    fn providers(&self) -> BTreeMap<&'static str, Arc<dyn Provider>> {
        let builtin: Arc<dyn Provider> = Arc::new(Builtin::new());
        let fake: Arc<dyn Provider> = match &self.machine {
            Some(machine) => machine.connects_to(self.fake.clone()),
            None => Arc::new(self.fake.clone()),
        };
        [("fake", fake), ("mlo", Arc::clone(&builtin)), ("terraform", builtin)].into()
    }

    async fn planned(&mut self, kind: Kind, snapshot: &Snapshot) -> PlanResult {
        let (context, surroundings, providers) = (context(), Surroundings::nowhere(), self.providers());
        let planner = Planner {
            config: Arc::new(self.module()),
            context: &context,
            providers: &providers,
            surroundings: &surroundings,
            snapshot,
            kind,
            refresh: true,
            parallelism: self.parallelism,
            requests: &self.requests,
        };
        planner.run().await
    }

    /// The plan from what the store holds.
    fn plan(&mut self, kind: Kind) -> Result<Plan, String> {
        let snapshot = self.snapshot();
        let (made, messages) = run(self.planned(kind, &snapshot));
        made.map(|(plan, _)| plan).map_err(|_| self.rendered(&messages))
    }

    /// What `plan` says: `create fake_thing.a`, in order of addresses.
    fn plan_lines(&mut self) -> Vec<String> {
        let plan = self.plan(Kind::Apply).unwrap();
        let operations = plan.operations.iter().filter(|each| each.action != crate::plan::Action::NoOp);
        operations.map(|each| format!("{:?} {}", each.action, each.address).to_lowercase()).collect()
    }

    fn loaded(&self) -> Loaded {
        run(self.store.read()).unwrap()
    }

    fn snapshot(&self) -> Snapshot {
        self.loaded().snapshot.unwrap_or_else(|| Snapshot::empty("lab"))
    }

    /// Addresses of the state's objects, `(tainted)` or `(deposed)` after those that are.
    fn objects(&self) -> Vec<String> {
        let shown = |(address, object): (&mlo_state::Address, &mlo_state::Object)| match object.status {
            mlo_state::Status::Ready => address.to_string(),
            mlo_state::Status::Tainted => format!("{address} (tainted)"),
        };
        let snapshot = self.snapshot();
        let deposed = snapshot.deposed_objects().map(|(address, ..)| format!("{address} (deposed)"));
        let mut all: Vec<_> = snapshot.objects.iter().map(shown).chain(deposed).collect();
        all.sort();
        all
    }

    /// Plans and applies as the command does. Nothing if the program was killed.
    fn try_apply(&mut self, kind: Kind) -> Option<Ran> {
        run(async {
            let killed = self.fake.killed.clone();
            // Several calls of the run before may have asked for its end; only the first was heard.
            let _ = killed.notified().now_or_never();
            tokio::select! {
                biased;
                () = killed.notified() => None,
                ran = self.applied(kind) => Some(ran),
            }
        })
    }

    async fn applied(&mut self, kind: Kind) -> Ran {
        let shown = |error: StoreError| error.to_string();
        let holder = Holder {
            id: "lock".into(),
            operation: "apply".into(),
            who: "a@b".into(),
            pid: 1,
            since: String::new(),
            run_url: None,
        };
        let store = self.store.clone();
        let inner = match &self.machine {
            Some(machine) => machine.lock(&holder).await.map_err(shown)?,
            None => store.lock(&holder).await.map_err(shown)?,
        };
        let guard: Box<dyn Guard> = match &self.disk {
            Some(disk) => disk.guard(inner),
            None => Box::new(Faulty {
                inner,
                left: AtomicUsize::new(self.appends_left.unwrap_or(usize::MAX)),
                calls_left: AtomicUsize::new(self.calls_left.unwrap_or(usize::MAX)),
                failed: AtomicBool::new(false),
            }),
        };
        let ran = kept(guard.as_ref(), self.locked(guard.as_ref(), kind)).await;
        let released = guard.release().await.map_err(shown);
        let applied = ran?;
        released.map(|()| applied)
    }

    async fn locked(&mut self, guard: &dyn Guard, kind: Kind) -> Ran {
        let shown = |error: StoreError| error.to_string();
        let (context, surroundings, providers) = (context(), Surroundings::nowhere(), self.providers());
        let mut loaded = guard.read().await.map_err(shown)?;
        if !loaded.pending.is_empty() {
            let (config, nothing) = (self.module(), Snapshot::empty("lab"));
            let tree = ModuleTree::new(&config);
            let snapshot = loaded.snapshot.as_ref().unwrap_or(&nothing);
            let (known, world) = ((&tree, &context), (&providers, &surroundings));
            let configured = Configured::read(known, world, snapshot, &loaded.pending).await;
            let messages = settle(guard, &loaded, &configured).await.map_err(shown)?;
            if messages.has_errors() {
                return Err(self.rendered(&messages));
            }
            loaded = guard.read().await.map_err(shown)?;
        }
        let next_operation = loaded.next_operation;
        let snapshot = loaded.snapshot.unwrap_or_else(|| Snapshot::empty("lab"));
        let (made, messages) = self.planned(kind, &snapshot).await;
        let Ok((plan, connections)) = made else { return Err(self.rendered(&messages)) };
        let nowhere = |_: &str, _: &str| None;
        let input = serde_json::json!({ "plan": { "resource_changes": [] } });
        let nothing =
            Deployment { input: Input::New(input.to_string()), addresses: &Vec::new, place: &nowhere };
        let Verdict::Approved(approved) = check(Arc::new(plan), &[], &nothing, &mut self.gate) else {
            panic!("denied")
        };
        let applier = Applier {
            context: &context,
            providers: &providers,
            connections,
            surroundings: &surroundings,
            guard,
            snapshot,
            next_operation,
            parallelism: self.parallelism,
            interrupt: self.interrupt.subscribe(),
            observe: &|_| {},
            ask_again: &|_, _| Ok(()),
        };
        let halted = |halted: Halted| format!("{}\n{}", halted.error, self.rendered(&halted.messages));
        applier.run(&approved).await.map_err(halted)
    }

    /// Applies, and nothing may go wrong.
    fn apply(&mut self) -> Applied {
        self.do_all(Kind::Apply)
    }

    fn destroy(&mut self) -> Applied {
        self.do_all(Kind::Destroy)
    }

    fn do_all(&mut self, kind: Kind) -> Applied {
        let applied = self.try_apply(kind).expect("it was killed").unwrap();
        assert_eq!(self.rendered(&applied.messages), "");
        applied
    }

    /// The messages of an apply that is not all right.
    fn apply_badly(&mut self) -> String {
        match self.try_apply(Kind::Apply) {
            None => "killed".into(),
            Some(Err(error)) => error,
            Some(Ok(applied)) => self.rendered(&applied.messages),
        }
    }

    /// State and world agree, nothing is planned, nothing forbidden happened.
    fn assert_settled(&mut self) {
        assert_eq!(self.check_settled(), Ok(()));
    }

    fn assert_no_orphans(&self) {
        assert_eq!(self.check_no_orphans(), Ok(()));
    }

    fn check_settled(&mut self) -> Result<(), String> {
        let planned = self.plan_lines();
        if !planned.is_empty() {
            return Err(format!("the next plan would {}", planned.join(", ")));
        }
        self.check_no_orphans()
    }

    fn check_no_orphans(&self) -> Result<(), String> {
        let violations = self.fake.things().violations.join("; ");
        if !violations.is_empty() {
            return Err(violations);
        }
        let objects = self.objects().into_iter().filter(|address| address.contains("fake_"));
        let known: Vec<_> =
            objects.map(|name| name.replace(" (deposed)", "").replace(" (tainted)", "")).collect();
        let living = self.fake.living();
        if known == living {
            Ok(())
        } else {
            Err(format!("the state has {known:?}, and there is {living:?}"))
        }
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

fn context() -> Context {
    Context {
        origin: Origin::default(),
        manifests: Value::object([]),
        environment: "dev".into(),
        working_folder: "/".into(),
        inputs: Inputs::new(),
        check_only: false,
        strict_checks: false,
        stand_ins: crate::plan::StandIns::default(),
    }
}

/// A guard whose appends fail after a while, as on a full disk, or whose lock is lost.
struct Faulty {
    inner: Box<dyn Guard>,
    left: AtomicUsize,
    calls_left: AtomicUsize,
    failed: AtomicBool,
}

impl Guard for Faulty {
    fn read(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        self.inner.read()
    }

    fn begin(&self, lineage: String) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.begin(lineage)
    }

    fn append(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), StoreError>> {
        if self.failed.load(Ordering::SeqCst) {
            let because = "no space".into();
            return Box::pin(std::future::ready(Err(StoreError::Halted { because })));
        }
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.failed.store(true, Ordering::SeqCst);
            let (doing, place, source) = ("written", "journal".into(), std::io::Error::other("no space"));
            return Box::pin(std::future::ready(Err(StoreError::Io { doing, place, source })));
        }
        self.inner.append(records)
    }

    fn commit(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.commit(snapshot)
    }

    fn adopt(&self, copy: Copied) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.adopt(copy)
    }

    fn salvage(&self) -> BoxFuture<'_, Result<mlo_state::Salvage, StoreError>> {
        self.inner.salvage()
    }

    fn replace(&self, salvage: mlo_state::Salvage) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.replace(salvage)
    }

    fn reseal(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.reseal()
    }

    fn leave(&self, to: String) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.leave(to)
    }

    fn keep(&self) -> BoxFuture<'_, StoreError> {
        self.inner.keep()
    }

    fn outlasts(&self, call: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        if self
            .calls_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_err()
        {
            let place = "lock".into();
            return Box::pin(std::future::ready(Err(StoreError::LockLost { place })));
        }
        self.inner.outlasts(call)
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        self.inner.release()
    }
}

/// Policies that take no time: what is tested here comes after them.
fn letting_all_through() -> Bundle {
    let rules =
        |package: &str| format!("package {package}\n\ndeny contains \"never\" if input == \"never\"\n");
    let files = [("m.rego", rules("model.governance")), ("d.rego", rules("deployment.policy"))];
    Bundle::from_files(files.map(|(name, text)| (name.to_owned(), text)).into()).unwrap()
}
