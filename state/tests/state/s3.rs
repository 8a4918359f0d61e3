//! The store in a bucket: the one suite, faults between it and the service, leases and who is shut out by them.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use mlo_state::s3::{Bucket, Found, HEARTBEAT, LEASE, ModelBucket, Only, Page, Refusal};
use mlo_state::{BoxFuture, Clock, Copied, Guard, Holder, S3Store, Snapshot, Store, StoreError, conformance};

use crate::journal::{done, intend, object};

/// Time as the runtime has it: in these tests it stands still but for what waits.
pub(crate) struct Paused(tokio::time::Instant);

impl Clock for Paused {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(Paused(tokio::time::Instant::now()))
}

pub(crate) fn holder(name: &str) -> Holder {
    Holder {
        id: name.to_owned(),
        operation: "apply".to_owned(),
        who: format!("{name}@host"),
        pid: 7,
        since: "2026-01-02T03:04:05Z".to_owned(),
        run_url: None,
    }
}

pub(crate) async fn lock(store: &dyn Store, name: &str) -> Box<dyn Guard> {
    match store.lock(&holder(name)).await {
        Ok(guard) => guard,
        Err(error) => panic!("{name} should get the lock: {error}"),
    }
}

fn empty(serial: u64) -> Snapshot {
    Snapshot { serial, ..Snapshot::empty("5f2b-lineage") }
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It does not get there.
    Lost,
    /// It takes effect, and the answer does not come back.
    Unanswered,
    /// It takes effect, and no answer ever comes.
    Hangs,
    /// It takes effect, and what is answered is what an attempt after it would be told.
    Repeated,
    /// Another write is under way.
    Conflict,
    /// The service is overloaded.
    Throttled,
}

const FAULTS: [Fault; 6] =
    [Fault::Lost, Fault::Unanswered, Fault::Hangs, Fault::Repeated, Fault::Conflict, Fault::Throttled];

/// A bucket whose writes go wrong: a fake only for that.
#[derive(Clone)]
struct Faulty {
    inner: Arc<dyn Bucket>,
    /// What becomes of the next writes of keys that hold the text: the first of a list at each write.
    faults: Arc<Mutex<Vec<(&'static str, Fault)>>>,
}

impl Faulty {
    fn new(inner: Arc<dyn Bucket>) -> Self {
        Self { inner, faults: Arc::default() }
    }

    fn fail(&self, key: &'static str, fault: Fault) {
        self.faults.lock().unwrap().push((key, fault));
    }

    fn take(&self, key: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let at = faults.iter().position(|(part, _)| key.contains(part))?;
        Some(faults.remove(at).1)
    }
}

impl Bucket for Faulty {
    fn get<'a>(&'a self, key: &'a str, bytes_max: u64) -> BoxFuture<'a, Result<Option<Found>, Refusal>> {
        self.inner.get(key, bytes_max)
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes, only: Only) -> BoxFuture<'a, Result<String, Refusal>> {
        Box::pin(async move {
            let unknown = |text: &str| Err(Refusal::Unknown(text.to_owned()));
            match self.take(key) {
                None => self.inner.put(key, body, only).await,
                Some(Fault::Lost) => unknown("the connection was reset"),
                Some(Fault::Throttled) => unknown("slow down"),
                Some(Fault::Conflict) => Err(Refusal::Conflict),
                Some(fault) => {
                    self.inner.put(key, body, only).await?;
                    match fault {
                        Fault::Hangs => std::future::pending().await,
                        Fault::Repeated => Err(Refusal::Unmet),
                        _ => unknown("the connection was reset"),
                    }
                }
            }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str, after: &'a str) -> BoxFuture<'a, Result<Page, Refusal>> {
        self.inner.list(prefix, after)
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Refusal>> {
        self.inner.delete(keys)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

/// A bucket of its own, faults in front of it, and stores in it.
struct Lab {
    clock: Arc<dyn Clock>,
    bucket: ModelBucket,
    faulty: Faulty,
}

impl Lab {
    fn new() -> Self {
        Self::with_seed(0)
    }

    fn with_seed(seed: u64) -> Self {
        let clock = clock();
        let bucket = ModelBucket::with_seed(clock.clone(), seed);
        let faulty = Faulty::new(Arc::new(bucket.clone()));
        Self { clock, bucket, faulty }
    }

    fn store(&self) -> S3Store {
        S3Store::new(Arc::new(self.faulty.clone()), "models/prod", self.clock.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn the_store_in_a_bucket_conforms() {
    conformance::all(
        &|| {
            let lab = Lab::new();
            Box::new(move || Box::new(lab.store()))
        },
        &|| Box::pin(tokio::time::sleep(LEASE)),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_one_answer_a_run_goes_as_if_nothing_had() {
    for fault in FAULTS {
        for key in ["/lock", "/head", "/journal/", "/snapshots/", "/lineage"] {
            for skipped in 0..4 {
                let lab = Lab::new();
                let store = lab.store();
                let mut guard = None;
                let mut snapshot = empty(0);
                for step in 0..6 {
                    if step == skipped {
                        lab.faulty.fail(key, fault);
                    }
                    let what = format!("{fault:?} of {key} in step {skipped}, step {step}");
                    match step {
                        0 => guard = Some(lock(&store, "ann").await),
                        1 => guard.as_ref().unwrap().begin(snapshot.lineage.clone()).await.expect(&what),
                        2 => guard.as_ref().unwrap().append(vec![intend(1), intend(2)]).await.expect(&what),
                        3 => {
                            let records = vec![done(1, Some(object("made")))];
                            guard.as_ref().unwrap().append(records).await.expect(&what);
                        }
                        4 => {
                            snapshot.serial = 1;
                            snapshot.objects.insert("t.n[1]".parse().unwrap(), object("made"));
                            guard.as_ref().unwrap().commit(snapshot.clone()).await.expect(&what);
                        }
                        _ => guard.take().unwrap().release().await.expect(&what),
                    }
                }
                let loaded = store.read().await.unwrap();
                assert_eq!(loaded.snapshot, Some(snapshot));
                assert_eq!(loaded.pending.len(), 1);
                drop(lock(&store, "ben").await);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_come_back_halts_the_journal_and_the_state_is_whole() {
    let lab = Lab::new();
    let store = lab.store();
    let guard = lock(&store, "ann").await;
    guard.begin("5f2b-lineage".to_owned()).await.unwrap();
    for _ in 0..5 {
        lab.faulty.fail("/journal/", Fault::Lost);
    }
    let (first, second) =
        futures_util::future::join(guard.append(vec![intend(1)]), guard.append(vec![intend(2)])).await;
    assert!(matches!(first, Err(StoreError::Io { .. })), "{first:?}");
    assert!(matches!(second, Err(StoreError::Halted { .. })), "{second:?}");
    let third = guard.append(vec![intend(3)]).await;
    assert!(matches!(third, Err(StoreError::Halted { .. })), "{third:?}");
    guard.commit(empty(1)).await.expect("a commit needs no journal");
    guard.release().await.unwrap();
    assert_eq!(store.read().await.unwrap().snapshot, Some(empty(1)));
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_kept_as_long_as_somebody_keeps_it() {
    let lab = Lab::new();
    let (store, other) = (lab.store(), lab.store());
    let guard = lock(&store, "ann").await;
    let an_hour = tokio::time::sleep(Duration::from_hours(1));
    tokio::select! {
        () = an_hour => {}
        error = guard.keep() => panic!("the lock is kept: {error}"),
    }
    match other.lock(&holder("ben")).await {
        Err(StoreError::Locked(held)) => {
            assert_eq!(held.holder.unwrap(), holder("ann"));
            assert!(held.left.unwrap() >= LEASE.saturating_sub(HEARTBEAT), "it was renewed a moment ago");
        }
        _ => panic!("it is held"),
    }
    assert_eq!(store.held().await.unwrap().unwrap().holder, Some(holder("ann")));
    guard.outlasts(Duration::from_secs(30)).await.expect("a call can begin");
    guard.release().await.unwrap();
    assert_eq!(store.held().await.unwrap(), None);
    drop(lock(&other, "ben").await);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_over_is_taken_over_and_every_late_write_is_refused() {
    let lab = Lab::new();
    let (store, other) = (lab.store(), lab.store());
    let ann = lock(&store, "ann").await;
    ann.begin("5f2b-lineage".to_owned()).await.unwrap();
    ann.append(vec![intend(1)]).await.unwrap();
    ann.append(vec![done(1, Some(object("made"))), intend(2)]).await.unwrap();
    tokio::time::sleep(LEASE.saturating_sub(Duration::from_secs(1))).await;
    assert!(matches!(other.lock(&holder("ben")).await, Err(StoreError::Locked(_))), "it lasts to its end");
    tokio::time::sleep(Duration::from_secs(1)).await;

    let ben = lock(&other, "ben").await;
    // Whatever ann had under way when she was last heard of, and whatever she begins now.
    for refused in [
        ann.append(vec![done(2, None)]).await,
        ann.append(vec![intend(3)]).await,
        ann.outlasts(Duration::ZERO).await,
        ann.commit(empty(1)).await,
        Box::pin(async { ann.release().await }).await,
    ] {
        let shut_out = matches!(refused, Err(StoreError::LockLost { .. } | StoreError::Halted { .. }));
        assert!(shut_out, "{refused:?}");
    }
    let loaded = ben.read().await.unwrap();
    let pending: Vec<_> = loaded.pending.iter().map(|pending| pending.operation).collect();
    assert_eq!(
        (pending, loaded.snapshot.unwrap().objects.len()),
        (vec![2], 1),
        "what she was told is durable is"
    );
    ben.append(vec![done(2, None)]).await.unwrap();
    let mut snapshot = empty(1);
    snapshot.objects.insert("t.n[1]".parse().unwrap(), object("made"));
    ben.commit(snapshot).await.expect("who has the lock writes on");
    ben.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_over_and_that_nobody_took_is_renewed() {
    let lab = Lab::new();
    let store = lab.store();
    let guard = lock(&store, "ann").await;
    guard.begin("5f2b-lineage".to_owned()).await.unwrap();
    tokio::time::sleep(LEASE * 10).await;
    guard.outlasts(Duration::from_secs(30)).await.expect("the machine slept, and nobody came");
    guard.append(vec![intend(1)]).await.unwrap();
    assert!(matches!(store.lock(&holder("ben")).await, Err(StoreError::Locked(_))));
}

/// The clock of a machine that was frozen, and does not know it.
struct Stuck;

impl Clock for Stuck {
    fn elapsed(&self) -> Duration {
        Duration::from_hours(1)
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_clock_stood_still_is_told_by_the_service_before_each_call() {
    let call = Duration::from_secs(30);
    let service = clock();
    let bucket = Arc::new(ModelBucket::new(service.clone()));
    let (frozen, other) =
        (S3Store::new(bucket.clone(), "k", Arc::new(Stuck)), S3Store::new(bucket, "k", service));
    let ann = lock(&frozen, "ann").await;
    // Nobody came: the call can begin, under a lease that was renewed.
    tokio::time::sleep(LEASE * 2).await;
    ann.outlasts(call).await.expect("nobody took it");
    match other.held().await.unwrap().and_then(|held| held.left) {
        Some(left) => assert!(left > call, "it outlasts the call by the service's clock: {left:?}"),
        None => panic!("it is held"),
    }
    tokio::time::sleep(LEASE).await;
    let _ben = lock(&other, "ben").await;
    assert!(matches!(ann.outlasts(call).await, Err(StoreError::LockLost { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_broken_lock_shuts_a_living_holder_out() {
    let lab = Lab::new();
    let (store, other) = (lab.store(), lab.store());
    let ann = lock(&store, "ann").await;
    ann.begin("5f2b-lineage".to_owned()).await.unwrap();
    ann.append(vec![intend(1)]).await.unwrap();
    let another = other.break_lock("ben").await;
    assert!(matches!(another, Err(StoreError::Locked(_))), "only the lock that was named: {another:?}");
    other.break_lock("ann").await.unwrap();
    assert_eq!(other.held().await.unwrap(), None);
    let late = ann.append(vec![done(1, None)]).await;
    assert!(matches!(late, Err(StoreError::LockLost { .. })), "{late:?}");
    assert!(matches!(ann.keep().await, StoreError::LockLost { .. }));
    let ben = lock(&other, "ben").await;
    assert_eq!(ben.read().await.unwrap().pending.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_writer_gave_up_in_the_middle_is_written_by_the_next() {
    let lab = Lab::new();
    let store = lab.store();
    let guard = lock(&store, "ann").await;
    guard.begin("5f2b-lineage".to_owned()).await.unwrap();
    lab.faulty.fail("/journal/", Fault::Hangs);
    let given_up = tokio::time::timeout(Duration::from_secs(1), guard.append(vec![intend(1)])).await;
    assert!(given_up.is_err(), "nobody answers");
    drop(guard.append(vec![intend(2)]));
    guard.append(vec![intend(3)]).await.unwrap();
    assert_eq!(store.read().await.unwrap().pending.len(), 3, "they were on their way");
}

#[tokio::test(start_paused = true)]
async fn appends_that_wait_together_are_one_object_and_cost_nothing_that_grows() {
    let lab = Lab::new();
    let store = lab.store();
    let guard = lock(&store, "ann").await;
    let mut snapshot = empty(1);
    for number in 0..500 {
        snapshot.objects.insert(format!("t.n[{number}]").parse().unwrap(), object("made"));
    }
    guard.commit(snapshot).await.unwrap();
    let [gets, puts, lists, _] = lab.bucket.calls();
    let appended = join_all((0..100).map(|operation| guard.append(vec![intend(operation)]))).await;
    assert!(appended.iter().all(Result::is_ok));
    let [gets_after, puts_after, lists_after, _] = lab.bucket.calls();
    assert_eq!((puts_after - puts, gets_after - gets, lists_after - lists), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_folded_away_is_removed_and_the_last_snapshots_are_kept() {
    let lab = Lab::new();
    let store = lab.store();
    for serial in 1..=30 {
        let guard = lock(&store, "ann").await;
        let appends = (0..20).map(|_| vec![done(serial, Some(object("made")))]);
        for records in appends {
            match guard.append(records).await {
                Err(StoreError::Misused { .. }) if serial == 1 => {
                    guard.begin("5f2b-lineage".to_owned()).await.unwrap();
                }
                other => other.unwrap(),
            }
        }
        guard.commit(empty(serial)).await.unwrap();
        guard.release().await.unwrap();
    }
    let keys = lab.bucket.keys();
    let of = |part: &str| keys.iter().filter(|key| key.contains(part)).count();
    assert_eq!(of("/snapshots/"), 11, "the present one and ten before it: {keys:#?}");
    // Twenty after each snapshot that is kept, and the ends of the chains of those before.
    assert_eq!(of("/journal/"), 10 * 20 + 29, "{keys:#?}");
}

#[tokio::test(start_paused = true)]
async fn of_many_that_commit_the_same_serial_one_does() {
    for round in 0..20 {
        let lab = Lab::with_seed(round);
        let stores: Vec<_> = (0..32).map(|_| lab.store()).collect();
        let race = |number: usize| {
            let store = &stores[number];
            let name = format!("w{number}");
            async move {
                let guard = store.lock(&holder(&name)).await?;
                if round % 2 == 0 {
                    guard.begin("5f2b-lineage".to_owned()).await?;
                    guard.append(vec![intend(number as u64)]).await?;
                }
                guard.commit(empty(1)).await?;
                guard.release().await
            }
        };
        let ended = join_all((0..32).map(race)).await;
        let won = ended.iter().filter(|ended| ended.is_ok()).count();
        assert_eq!(won, 1, "round {round}");
        for error in ended.iter().filter_map(|ended| ended.as_ref().err()) {
            assert!(matches!(error, StoreError::Locked(_) | StoreError::Stale { .. }), "{error}");
        }
    }
}

/// What becomes of an object behind the store's back.
type Change = Box<dyn Fn(Bytes) -> Option<Bytes>>;

#[tokio::test(start_paused = true)]
async fn what_is_damaged_missing_or_foreign_is_said_and_never_taken_for_nothing() {
    let spoil = |byte: usize| {
        move |body: Bytes| {
            let mut bytes = body.to_vec();
            bytes[byte] ^= 1;
            Some(Bytes::from(bytes))
        }
    };
    let rows: Vec<(&str, Change, &str)> = vec![
        ("/head", Box::new(|_| None), "missing, but state was kept here before; the snapshot of serial 2"),
        ("/head", Box::new(spoil(60)), "its content does not match its digest"),
        ("/head", Box::new(|_| Some(Bytes::new())), "it is empty"),
        (
            "/snapshots/00000000000000000002",
            Box::new(|_| None),
            "missing, but state was kept here before; the snapshot of serial 1",
        ),
        (
            "/snapshots/00000000000000000002",
            Box::new(spoil(60)),
            "does not match its digest; the snapshot of serial 1",
        ),
        (
            "/snapshots/00000000000000000002",
            Box::new(|_| Some(Bytes::new())),
            "it is empty; the snapshot of serial 1",
        ),
        (
            "/journal/00000000000000000001/00000000000000000001",
            Box::new(|_| None),
            "00000000000000000001 is missing",
        ),
        (
            "/journal/00000000000000000001/00000000000000000002",
            Box::new(spoil(3)),
            "its first line is damaged",
        ),
        (
            "/lineage",
            Box::new(|_| Some(Bytes::from_static(b"{\"lineage\":\"another\"}\n"))),
            "is the state of something else",
        ),
        ("/lineage", Box::new(|_| Some(Bytes::from_static(b"{}"))), "its lineage is not one"),
    ];
    for (part, change, said) in rows {
        let lab = Lab::new();
        let store = lab.store();
        let guard = lock(&store, "ann").await;
        guard.commit(empty(1)).await.unwrap();
        guard.commit(empty(2)).await.unwrap();
        for operation in 1..=3 {
            guard.append(vec![intend(operation)]).await.unwrap();
        }
        guard.release().await.unwrap();
        let keys = lab.bucket.keys();
        let key = keys.iter().find(|key| key.contains(part) && !key.contains(".copy"));
        let key = key.unwrap_or_else(|| panic!("{part} of {keys:#?}"));
        lab.bucket.meddle(key, &*change);
        let error = store.read().await.expect_err(said).to_string();
        assert!(error.contains(said), "{part}: {error}");
        if let Ok(guard) = store.lock(&holder("ben")).await {
            guard.read().await.expect_err(said);
            guard.commit(empty(3)).await.expect_err(said);
        }
    }
}

/// Puts a lock or a head there as somebody else would write it who may write to the bucket.
fn forge(lab: &Lab, key: &str, (from, to): (&str, &str)) {
    lab.bucket.meddle(key, |body| {
        let payload = std::str::from_utf8(&body[18..]).unwrap().trim_end().to_owned();
        assert!(payload.contains(from), "{payload}");
        Some(conformance::framed(payload.replace(from, to).as_bytes()).into())
    });
}

#[tokio::test(start_paused = true)]
async fn a_number_of_the_lock_that_nobody_counted_up_to_is_refused_and_writes_nothing() {
    for (key, number) in [
        ("models/prod/lock", "1000000000"),
        ("models/prod/lock", "18446744073709551615"),
        ("models/prod/head", "18446744073709551615"),
    ] {
        let lab = Lab::new();
        let store = lab.store();
        let guard = lock(&store, "ann").await;
        guard.commit(empty(1)).await.unwrap();
        guard.release().await.unwrap();
        forge(&lab, key, (r#""epoch":1,"#, &format!(r#""epoch":{number},"#)));
        let before = lab.bucket.calls();
        let refused = store.lock(&holder("ben")).await.map(drop);
        assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{key} {number}: {refused:?}");
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(key) && said.contains(number), "{said}");
        assert_eq!(lab.bucket.calls()[1], before[1], "nothing is written: {key} {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_is_not_taken_in_where_another_one_lost_its_head_or_left_its_marker() {
    let from = Lab::new();
    let source = from.store();
    let guard = lock(&source, "ann").await;
    guard.commit(Snapshot { serial: 1, ..Snapshot::empty("other-lineage") }).await.unwrap();
    let copy = guard.read().await.unwrap();
    let copied = Copied::of(&source, copy).await.unwrap().unwrap();
    for gone in ["models/prod/head", "all but the marker"] {
        let lab = Lab::new();
        let store = lab.store();
        let guard = lock(&store, "ann").await;
        guard.commit(empty(1)).await.unwrap();
        guard.commit(empty(2)).await.unwrap();
        guard.release().await.unwrap();
        let keys = lab.bucket.keys();
        let is_gone =
            |key: &&String| key.as_str() == gone || gone.starts_with("all") && !key.ends_with("lineage");
        for key in keys.iter().filter(is_gone) {
            lab.bucket.meddle(key, |_| None);
        }
        let before: Vec<_> = lab.bucket.keys();
        let guard = lock(&store, "ben").await;
        let refused = guard.adopt(copied.clone()).await;
        assert!(
            matches!(refused, Err(StoreError::Lost { .. } | StoreError::Foreign { .. })),
            "{gone}: {refused:?}"
        );
        let after = lab.bucket.keys();
        assert!(before.iter().all(|key| after.contains(key)), "{gone}: {before:?} and then {after:?}");
    }
}
