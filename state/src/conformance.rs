//! What every store does, as functions that the tests of each store call.
//!
//! In: a function that opens the store under test anew, as another process would: every call of it gives a handle of
//! the same place, which holds nothing at first. Out: nothing, or a panic that says what the store did not do.

mod moved;

pub use moved::{
    a_state_is_taken_to_another_place_and_back, what_was_taken_away_last_is_not_forgotten_on_the_way,
};

use futures_util::future::join_all;
use serde_json::json;

use crate::address::Address;
use crate::chain;
use crate::document::{DOCUMENT_BYTES_MAX, Document};
use crate::holder::Holder;
use crate::journal::{Action, Record};
use crate::snapshot::{Object, Output, PathStep, Snapshot, Status};
use crate::store::{BoxFuture, Copied, Guard, Loaded, Store, StoreError};

/// Opens the store under test anew.
pub type Open<'a> = &'a (dyn Fn() -> Box<dyn Store> + 'a);

/// Lets so much time pass that the lock of a holder who is gone is free.
pub type Expire<'a> = &'a dyn Fn() -> BoxFuture<'static, ()>;

/// Lineage of the states that the suite makes.
const LINEAGE: &str = "1f0c2b7e-conformance";

/// Appends that race in [`appends_at_once_all_survive`].
const APPENDS: u64 = 100;

/// Lockers that race in [`one_of_many_gets_the_lock`], and writers in [`one_of_many_writes_each_serial`].
const LOCKERS: u32 = 32;

/// Serials that are raced for in [`one_of_many_writes_each_serial`].
const RACES: u64 = 5;

/// Every function of the suite that needs nothing but the store, each on a store of its own: `open_new` is called
/// once for each, and gives what opens that one.
pub async fn all(open_new: &dyn Fn() -> Box<dyn Fn() -> Box<dyn Store>>, expire: Expire<'_>) {
    first_read_is_nothing(&*open_new()).await;
    lock_excludes_and_names_its_holder(&*open_new()).await;
    one_of_many_gets_the_lock(&*open_new()).await;
    one_of_many_writes_each_serial(&*open_new()).await;
    lock_is_free_after_drop(&*open_new(), expire).await;
    commit_is_read_back(&*open_new()).await;
    serial_advances_by_one(&*open_new()).await;
    lineage_stays(&*open_new()).await;
    append_needs_a_lineage(&*open_new()).await;
    crash_keeps_outcomes_and_intents(&*open_new(), expire).await;
    crash_in_the_first_run_keeps_all(&*open_new(), expire).await;
    failure_keeps_what_is_known(&*open_new()).await;
    objects_that_gave_way_are_kept(&*open_new()).await;
    commit_keeps_open_intents(&*open_new()).await;
    operations_begin_once(&*open_new()).await;
    appends_at_once_all_survive(&*open_new()).await;
    unreadable_addresses_are_refused(&*open_new()).await;
    earlier_serials_are_kept(&*open_new()).await;
    what_is_whole_needs_no_repair(&*open_new()).await;
    a_state_is_taken_to_another_place_and_back(&*open_new(), &*open_new()).await;
    what_was_taken_away_last_is_not_forgotten_on_the_way(&*open_new(), &*open_new()).await;
    documents_are_kept_for_good(&*open_new()).await;
    one_of_many_keeps_a_document(&*open_new()).await;
}

/// A document is there under its name, whatever happens to the state, and is never another.
pub async fn documents_are_kept_for_good(open: Open<'_>) {
    let document = |name: &str, text: &str| Document { name: name.to_owned(), bytes: text.into() };
    let [first, second, other] =
        [document("approval.1.a", "first"), document("approval.1.b", "second"), document("other", "x")];
    assert_eq!(open().documents("").await.expect("nothing can be listed"), []);
    for kept in [&second, &other, &first] {
        assert!(open().keep_document(kept).await.expect("a document can be kept"), "{}", kept.name);
    }
    first_read_is_nothing(open).await;
    let store = open();
    let guard = lock(&*store).await;
    guard.commit(Snapshot { serial: 1, ..Snapshot::empty(LINEAGE) }).await.expect("serial 1 follows nothing");
    let again = document("approval.1.a", "another");
    assert!(!open().keep_document(&again).await.expect("it can be tried"), "the name is taken");
    let listed = async |prefix| open().documents(prefix).await.expect("they can be listed");
    assert_eq!(listed("approval.1.").await, [first.clone(), second.clone()]);
    assert_eq!(listed("approval.2.").await, []);
    assert_eq!(listed("").await, [first, second, other]);
    let one = async |name| open().document(name).await.expect("it can be looked for");
    assert_eq!(one("approval.1.a").await.as_ref(), listed("approval.1.").await.first());
    for none in ["approval.1.", "approval.1.c", "../up"] {
        assert_eq!(one(none).await, None, "{none}");
    }
    for (prefix, after, expected) in [
        ("approval.1.", "", &["approval.1.a", "approval.1.b"][..]),
        ("approval.1.", "approval.1.a", &["approval.1.b"]),
        ("approval.1.", "approval.1.b", &[]),
        ("approval.2.", "", &[]),
        ("", "approval.1.a", &["approval.1.b", "other"]),
    ] {
        let there = open().document_names(prefix, after).await.expect("they can be listed");
        assert_eq!(
            (there.names.iter().map(String::as_str).collect::<Vec<_>>(), there.more),
            (expected.to_vec(), false)
        );
    }
    for name in ["", "../up", "a/b", ".hidden", "Capital", "7", &"a".repeat(201)] {
        match open().keep_document(&document(name, "x")).await {
            Err(StoreError::Misused { .. }) => {}
            other => panic!("`{name}` is no name of a document: {other:?}"),
        }
    }
    let large = Document { bytes: vec![b'x'; DOCUMENT_BYTES_MAX + 1], ..document("large", "") };
    let refused = open().keep_document(&large).await;
    assert!(matches!(refused, Err(StoreError::Limit { .. })), "too large: {refused:?}");
    guard.leave("elsewhere".to_owned()).await.expect("a state can be left");
    let refused = [
        open().documents("").await.map(drop),
        open().document("other").await.map(drop),
        open().document_names("", "").await.map(drop),
        open().keep_document(&again).await.map(drop),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(StoreError::Moved { .. })), "the state is elsewhere: {refused:?}");
    }
}

/// Of many that keep a document under one name exactly one does, and it is that one which is there.
pub async fn one_of_many_keeps_a_document(open: Open<'_>) {
    let documents: Vec<_> = (0..LOCKERS)
        .map(|number| Document { name: "one".to_owned(), bytes: format!("{number}").into_bytes() })
        .collect();
    let stores: Vec<_> = documents.iter().map(|_| open()).collect();
    let kept = stores.iter().zip(&documents).map(|(store, document)| store.keep_document(document));
    let kept = join_all(kept).await.into_iter().map(|kept| kept.expect("it can be tried"));
    let won: Vec<_> = kept.zip(&documents).filter(|(kept, _)| *kept).map(|(_, document)| document).collect();
    let there = open().documents("").await.expect("they can be listed");
    assert_eq!(there.iter().collect::<Vec<_>>(), won, "one of {LOCKERS} is there");
}

/// A store that nothing was written to says so, and reading it writes nothing.
pub async fn first_read_is_nothing(open: Open<'_>) {
    for _ in 0..2 {
        let loaded = open().read().await.expect("a store that holds nothing can be read");
        assert_eq!(loaded.snapshot, None, "nothing was ever written");
        assert_eq!((loaded.pending.len(), loaded.next_operation, loaded.torn), (0, 0, false));
    }
}

/// While a guard lives no other is given out, and who asks is told who has it.
pub async fn lock_excludes_and_names_its_holder(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    for other in [&*store, &*open()] {
        match other.lock(&holder(2)).await {
            Err(StoreError::Locked(held)) => assert_eq!(held.holder, Some(holder(1))),
            Err(error) => panic!("the second lock should name its holder: {error}"),
            Ok(_) => panic!("the second lock should fail"),
        }
    }
    open().read().await.expect("a locked store can be read");
    guard.release().await.expect("a lock can be given back");
    drop(lock(&*open()).await);
}

/// Of many that want the lock at once exactly one gets it.
pub async fn one_of_many_gets_the_lock(open: Open<'_>) {
    let stores: Vec<_> = (0..LOCKERS).map(|_| open()).collect();
    let holders: Vec<_> = (0..LOCKERS).map(holder).collect();
    let locks = join_all(stores.iter().zip(&holders).map(|(store, holder)| store.lock(holder))).await;
    let (won, lost): (Vec<_>, Vec<_>) = locks.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1, "one of {LOCKERS} gets the lock");
    for error in lost.into_iter().filter_map(Result::err) {
        assert!(matches!(error, StoreError::Locked { .. }), "the others are told that it is locked: {error}");
    }
}

/// Of many that want to write the same serial exactly one does, each time.
pub async fn one_of_many_writes_each_serial(open: Open<'_>) {
    let stores: Vec<_> = (0..LOCKERS).map(|_| open()).collect();
    for serial in 1..=RACES {
        let ended = join_all(stores.iter().zip(0..).map(|(store, number)| write(&**store, serial, number)));
        let ended = ended.await;
        let won = ended.iter().filter(|ended| ended.is_ok()).count();
        assert_eq!(won, 1, "one of {LOCKERS} writes serial {serial}: {ended:?}");
        for error in ended.into_iter().filter_map(Result::err) {
            let late = matches!(error, StoreError::Locked(_) | StoreError::Stale { .. });
            assert!(late, "the others come too late: {error}");
        }
        let loaded = open().read().await.expect("it can be read");
        assert_eq!(loaded.snapshot.map(|snapshot| snapshot.serial), Some(serial));
    }
}

/// Writes a serial, as the writer of a number.
async fn write(store: &dyn Store, serial: u64, number: u32) -> Result<(), StoreError> {
    let holder = holder(LOCKERS * u32::try_from(serial).unwrap_or_default() + number);
    let guard = store.lock(&holder).await?;
    let committed = guard.commit(Snapshot { serial, ..Snapshot::empty(LINEAGE) }).await;
    guard.release().await?;
    committed
}

/// A guard that is dropped, as in a panic, frees the lock, at the latest when its lease is over; so does a future of a
/// lock that is given up.
pub async fn lock_is_free_after_drop(open: Open<'_>, expire: Expire<'_>) {
    let store = open();
    drop(lock(&*store).await);
    expire().await;
    drop(store.lock(&holder(1)));
    drop(lock(&*open()).await);
}

/// What is committed is read back, by the guard and by others.
pub async fn commit_is_read_back(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    let mut snapshot = Snapshot::empty(LINEAGE);
    for serial in 1..=3 {
        snapshot.serial = serial;
        snapshot.objects.insert(address(serial), object("made"));
        snapshot.outputs.insert(format!("output-{serial}"), output());
        guard.commit(snapshot.clone()).await.expect("the next serial can be committed");
        for loaded in [guard.read().await, open().read().await] {
            assert_eq!(loaded.expect("it can be read").snapshot.as_ref(), Some(&snapshot));
        }
    }
    guard.release().await.expect("a lock can be given back");
    assert_eq!(open().read().await.expect("it can be read").snapshot, Some(snapshot));
}

/// What was committed before is kept, and each serial says which one it follows and who wrote it.
pub async fn earlier_serials_are_kept(open: Open<'_>) {
    assert_eq!(open().serials().await.expect("nothing is no error"), [0; 0]);
    assert!(chain::verify(&*open()).await.is_empty(), "nothing is found where nothing was written");
    let store = open();
    let guard = lock(&*store).await;
    let mut snapshots = Vec::new();
    for serial in 1..=3 {
        let mut snapshot = Snapshot { serial, ..Snapshot::empty(LINEAGE) };
        snapshot.objects.insert(address(serial), object("made"));
        guard.commit(snapshot.clone()).await.expect("the next serial can be committed");
        snapshots.push(snapshot);
    }
    // What is appended is not a part of any serial.
    guard.append(vec![done(9, Some(object("found")))]).await.expect("records can be appended");
    drop(guard);
    assert_eq!(open().serials().await.expect("they can be listed"), [3, 2, 1]);
    let mut prev = None;
    for snapshot in snapshots {
        let version = open().version(snapshot.serial).await.expect("it can be read").expect("it is kept");
        assert_eq!((&version.snapshot, &version.stamp.prev), (&snapshot, &prev));
        let Holder { since, who, operation, .. } = holder(1);
        assert_eq!((version.stamp.at, version.stamp.who, version.stamp.operation), (since, who, operation));
        prev = Some(version.digest);
    }
    for none in [0, 4, u64::MAX] {
        assert_eq!(open().version(none).await.expect("it is not there, and that is no error"), None);
    }
    assert_eq!(whole(&*open()).await, 4, "the state and three serials");
}

/// Of a state that is whole nothing is lost, and it is said to be whole; what is put in its place is there.
pub async fn what_is_whole_needs_no_repair(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    let snapshot = Snapshot { serial: 1, ..Snapshot::empty(LINEAGE) };
    guard.commit(snapshot.clone()).await.expect("serial 1 follows serial 0");
    guard.append(vec![intend(1), done(1, Some(object("made"))), intend(2)]).await.expect("records");
    let loaded = guard.read().await.expect("it can be read");
    let mut salvage = guard.salvage().await.expect("it can be looked at");
    assert_eq!((&salvage.wrong, &salvage.lost), (&None, &vec![]));
    assert_eq!((Some(&salvage.snapshot), &salvage.pending), (loaded.snapshot.as_ref(), &loaded.pending));
    salvage.snapshot.serial = 2;
    guard.replace(salvage.clone()).await.expect("it can be put in the place of what is there");
    for read in [guard.read().await, open().read().await] {
        let read = read.expect("it can be read");
        assert_eq!((read.snapshot.as_ref(), &read.pending), (Some(&salvage.snapshot), &salvage.pending));
    }
    guard.append(vec![done(2, None)]).await.expect("an open intent is settled");
    guard.commit(Snapshot { serial: 3, ..salvage.snapshot }).await.expect("it goes on from there");
    assert_eq!(open().read().await.expect("it can be read").pending, vec![]);
}

/// How much is kept; all of it must be whole and belong together.
async fn whole(store: &dyn Store) -> usize {
    let findings = chain::verify(store).await;
    assert!(findings.iter().all(|finding| finding.wrong.is_none()), "{findings:?}");
    findings.len()
}

/// Only the next serial can be committed, and a refused commit changes nothing.
pub async fn serial_advances_by_one(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    let at = |serial| Snapshot { serial, ..Snapshot::empty(LINEAGE) };
    for (serial, present) in [(0, 0), (2, 0), (1, 1), (0, 1), (3, 1), (u64::MAX, 1)] {
        if present == 1 && serial == 1 {
            guard.commit(at(1)).await.expect("serial 1 follows serial 0");
        }
        match guard.commit(at(serial)).await {
            Err(StoreError::Stale { found, .. }) => assert_eq!(found, present),
            other => panic!("serial {serial} does not follow serial {present}: {other:?}"),
        }
    }
    assert_eq!(guard.read().await.expect("it can be read").snapshot, Some(at(1)));
}

/// A state keeps its lineage.
pub async fn lineage_stays(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    guard.begin(LINEAGE.to_owned()).await.expect("a store that holds nothing takes a lineage");
    guard.begin(LINEAGE.to_owned()).await.expect("the same lineage changes nothing");
    let begun = guard.read().await.expect("it can be read").snapshot;
    assert_eq!(begun, Some(Snapshot::empty(LINEAGE)), "a state that was begun is empty, not none");
    let foreign = Snapshot { serial: 1, ..Snapshot::empty("another") };
    for refused in [guard.begin("another".to_owned()).await, guard.commit(foreign).await] {
        match refused {
            Err(StoreError::Foreign { expected, found }) => {
                assert_eq!((&*expected, &*found), ("another", LINEAGE));
            }
            other => panic!("another lineage is refused: {other:?}"),
        }
    }
    for none in ["", "a b", "../x", &"x".repeat(100)] {
        let refused = guard.begin(none.to_owned()).await;
        assert!(refused.is_err(), "`{none}` is no lineage");
    }
}

/// Nothing is appended to a state without a lineage.
pub async fn append_needs_a_lineage(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    let refused = guard.append(vec![intend(1)]).await;
    assert!(matches!(refused, Err(StoreError::Misused { .. })), "{refused:?}");
    guard.begin(LINEAGE.to_owned()).await.expect("a store that holds nothing takes a lineage");
    guard.append(vec![intend(1)]).await.expect("then a record can be appended");
}

/// After a crash outcomes are in the snapshot and open intents are listed, with their handles.
pub async fn crash_keeps_outcomes_and_intents(open: Open<'_>, expire: Expire<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    let mut snapshot = Snapshot { serial: 1, ..Snapshot::empty(LINEAGE) };
    for index in 0..=2 {
        snapshot.objects.insert(address(index), object("before"));
    }
    guard.commit(snapshot.clone()).await.expect("serial 1 follows serial 0");
    let handle = "operation/7".to_owned();
    let outputs = [("url".to_owned(), output())].into();
    for records in [
        vec![intend(1), intend(2)],
        vec![done(1, Some(object("after"))), done(2, None)],
        vec![
            intend(3),
            Record::Progress { operation: 3, handle: handle.clone(), sensitive: false, begun: None },
        ],
        vec![done(9, Some(object("found"))), Record::Outputs { outputs }],
    ] {
        guard.append(records).await.expect("records can be appended");
    }
    drop(guard);

    let loaded = open().read().await.expect("a state after a crash can be read");
    snapshot.objects.insert(address(1), object("after"));
    snapshot.objects.remove(&address(2));
    snapshot.gone.insert(address(2), "token-1".to_owned());
    snapshot.objects.insert(address(9), object("found"));
    snapshot.outputs.insert("url".to_owned(), output());
    assert_eq!(loaded.snapshot.as_ref(), Some(&snapshot), "outcomes are in the snapshot");
    let open_intents: Vec<_> =
        loaded.pending.iter().map(|pending| (pending.operation, &pending.handle)).collect();
    assert_eq!(open_intents, [(3, &Some(handle))], "open intents are listed");
    assert_eq!((loaded.next_operation, loaded.torn), (10, false));

    expire().await;
    let guard = lock(&*store).await;
    assert_eq!(guard.read().await.expect("it can be read"), loaded, "the next guard sees the same");
    guard.append(vec![done(3, Some(object("adopted")))]).await.expect("it can be settled");
    snapshot.objects.insert(address(3), object("adopted"));
    snapshot.serial = 2;
    guard.commit(snapshot.clone()).await.expect("serial 2 follows serial 1");
    snapshot.gone.clear();
    let loaded = open().read().await.expect("it can be read");
    assert_eq!((loaded.snapshot, loaded.pending), (Some(snapshot), vec![]), "what went is forgotten");
}

/// A first run that crashes before its commit loses nothing, and the next one goes on with its lineage.
pub async fn crash_in_the_first_run_keeps_all(open: Open<'_>, expire: Expire<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    guard.begin(LINEAGE.to_owned()).await.expect("a store that holds nothing takes a lineage");
    guard.append(vec![intend(1), intend(2)]).await.expect("records can be appended");
    guard.append(vec![done(1, Some(object("made")))]).await.expect("records can be appended");
    drop(guard);
    let mut snapshot = Snapshot::empty(LINEAGE);
    snapshot.objects.insert(address(1), object("made"));
    let loaded = open().read().await.expect("a state after a crash can be read");
    assert_eq!(loaded.snapshot.as_ref(), Some(&snapshot));
    assert_eq!(loaded.pending.len(), 1);

    expire().await;
    let guard = lock(&*open()).await;
    guard.begin(LINEAGE.to_owned()).await.expect("the lineage is still the same");
    snapshot.serial = 1;
    guard.commit(snapshot).await.expect("serial 1 is the first");
    assert_eq!(open().read().await.expect("it can be read").pending.len(), 1);
}

/// A failure that knows what is left puts that into the snapshot; one that knows nothing leaves what was known.
pub async fn failure_keeps_what_is_known(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    let mut snapshot = Snapshot { serial: 1, ..Snapshot::empty(LINEAGE) };
    snapshot.objects.insert(address(2), object("before"));
    guard.commit(snapshot.clone()).await.expect("serial 1 follows serial 0");
    let tainted = Object { status: Status::Tainted, ..object("half") };
    let failed = |operation, object: Option<Object>| Record::Failed {
        operation,
        address: address(operation),
        deposed: None,
        object: object.map(Box::new),
        message: "the disk is full".to_owned(),
    };
    let intents = vec![intend(1), intend(2), intend(3)];
    let failures = vec![failed(1, Some(tainted.clone())), failed(2, None), failed(3, None)];
    guard.append(intents).await.expect("records can be appended");
    guard.append(failures).await.expect("records can be appended");
    snapshot.objects.insert(address(1), tainted);
    let loaded = open().read().await.expect("it can be read");
    assert_eq!((loaded.snapshot, loaded.pending), (Some(snapshot), vec![]));
}

/// An object that gives way to a new one is kept beside it until it is gone, and put back if there is no new one.
pub async fn objects_that_gave_way_are_kept(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    let mut snapshot = Snapshot { serial: 1, ..Snapshot::empty(LINEAGE) };
    for number in 1..=3 {
        snapshot.objects.insert(address(number), object("old"));
    }
    guard.commit(snapshot.clone()).await.expect("serial 1 follows serial 0");
    let key = |number| format!("0000000{number}");
    let depose = |number| Record::Deposed { address: address(number), key: key(number) };
    let gone = |number| Record::Done {
        operation: 10 + number,
        address: address(number),
        deposed: Some(key(number)),
        object: None,
    };
    let made = |number| done(number, Some(object("new")));
    guard
        .append(vec![depose(1), depose(2), depose(3), intend(1), intend(2), intend(3)])
        .await
        .expect("append");
    let restored = Record::Restored { address: address(3), key: key(3) };
    guard.append(vec![made(1), made(2), gone(2), restored]).await.expect("records can be appended");
    for number in 1..=2 {
        snapshot.depose(&address(number), &key(number));
        snapshot.objects.insert(address(number), object("new"));
    }
    snapshot.forget_deposed(&address(2), &key(2));
    assert_eq!(snapshot.deposed_objects().count(), 1);
    let loaded = open().read().await.expect("it can be read");
    assert_eq!(loaded.snapshot, Some(snapshot.clone()));
    snapshot.serial = 2;
    guard.commit(snapshot.clone()).await.expect("serial 2 follows serial 1");
    assert_eq!(open().read().await.expect("it can be read").snapshot, Some(snapshot));
}

/// A commit forgets no intent without an outcome.
pub async fn commit_keeps_open_intents(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    guard.begin(LINEAGE.to_owned()).await.expect("a store that holds nothing takes a lineage");
    let handle = "operation/7".to_owned();
    let progress = Record::Progress { operation: 2, handle, sensitive: true, begun: None };
    let records = vec![intend(1), intend(2), progress];
    guard.append(records).await.expect("records can be appended");
    guard.append(vec![done(1, Some(object("made")))]).await.expect("records can be appended");
    let pending = guard.read().await.expect("it can be read").pending;
    assert_eq!(pending.len(), 1);
    for serial in 1..=3 {
        let snapshot = Snapshot { serial, ..Snapshot::empty(LINEAGE) };
        guard.commit(snapshot.clone()).await.expect("the next serial can be committed");
        let loaded = open().read().await.expect("it can be read");
        assert_eq!((loaded.snapshot, &loaded.pending), (Some(snapshot), &pending));
        assert_eq!(loaded.next_operation, 3);
    }
    guard.append(vec![done(2, None)]).await.expect("it can be settled");
    drop(guard);
    assert_eq!(open().read().await.expect("it can be read").pending, vec![]);
}

/// An operation does not begin again before it has an outcome.
pub async fn operations_begin_once(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    guard.begin(LINEAGE.to_owned()).await.expect("a store that holds nothing takes a lineage");
    guard.append(vec![intend(1)]).await.expect("records can be appended");
    for twice in [vec![intend(1)], vec![intend(2), intend(2)]] {
        let refused = guard.append(twice).await;
        assert!(matches!(refused, Err(StoreError::Misused { .. })), "{refused:?}");
    }
    guard.append(vec![done(1, None), intend(1)]).await.expect("after its outcome the number is free");
    let loaded = open().read().await.expect("it can be read");
    let open_intents: Vec<_> = loaded.pending.iter().map(|pending| pending.operation).collect();
    assert_eq!(open_intents, [1], "refused records are not there");
}

/// Appends that are made at the same time are all there.
pub async fn appends_at_once_all_survive(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    guard.begin(LINEAGE.to_owned()).await.expect("a store that holds nothing takes a lineage");
    let intents = join_all((0..APPENDS).map(|operation| guard.append(vec![intend(operation)]))).await;
    assert!(intents.iter().all(Result::is_ok));
    let outcomes = (0..APPENDS).filter(|operation| operation % 2 == 0);
    let outcomes =
        join_all(outcomes.map(|operation| guard.append(vec![done(operation, Some(object("made")))]))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    drop(guard);
    let loaded = open().read().await.expect("it can be read");
    let made = loaded.snapshot.map_or(0, |snapshot| snapshot.objects.len() as u64);
    assert_eq!(
        (made, loaded.pending.len() as u64, loaded.next_operation),
        (APPENDS / 2, APPENDS / 2, APPENDS)
    );
}

/// What could not be read back is not written, and the store goes on.
pub async fn unreadable_addresses_are_refused(open: Open<'_>) {
    let store = open();
    let guard = lock(&*store).await;
    guard.begin(LINEAGE.to_owned()).await.expect("a store that holds nothing takes a lineage");
    let unreadable = Address { type_name: "a.b[".into(), ..address(1) };
    let (action, token) = (Action::Create, String::new());
    let address = unreadable.clone();
    let intent = Record::Intend { operation: 1, address, deposed: None, action, token, provider: None };
    assert!(guard.append(vec![intent]).await.is_err(), "the record is refused");
    let mut snapshot = Snapshot { serial: 1, ..Snapshot::empty(LINEAGE) };
    snapshot.objects.insert(unreadable, object("made"));
    assert!(guard.commit(snapshot).await.is_err(), "the snapshot is refused");
    let mut nested = json!(1);
    for _ in 0..1000 {
        nested = json!([nested]);
    }
    let mut deep = object("deep");
    deep.attributes.insert("nested".to_owned(), nested);
    let refused = guard.append(vec![done(1, Some(deep))]).await;
    assert!(matches!(refused, Err(StoreError::Limit { .. })), "what nests too deep is refused: {refused:?}");
    guard.append(vec![intend(1)]).await.expect("a good record can still be appended");
    let loaded = open().read().await.expect("it can be read");
    assert_eq!((loaded.snapshot, loaded.pending.len()), (Some(Snapshot::empty(LINEAGE)), 1));
}

/// A payload as a frame of its own, for what somebody else might write.
pub fn framed(payload: &[u8]) -> Vec<u8> {
    crate::journal::frame(payload)
}

/// What a store holds, of which this was read.
async fn copied(store: &dyn Store, loaded: &Loaded) -> Copied {
    let copied = Copied::of(store, loaded.clone()).await.expect("the history can be read");
    copied.expect("there is a state")
}

/// A journal whose end `tear` has torn loses that end and nothing else, says so, and is mended by the next append.
pub async fn torn_end_is_dropped(open: Open<'_>, tear: &dyn Fn()) {
    let store = open();
    let guard = lock(&*store).await;
    guard.begin(LINEAGE.to_owned()).await.expect("a store that holds nothing takes a lineage");
    guard.append(vec![intend(1)]).await.expect("records can be appended");
    guard.append(vec![intend(2)]).await.expect("records can be appended");
    drop(guard);
    tear();
    let operations = |loaded: &crate::store::Loaded| -> Vec<u64> {
        loaded.pending.iter().map(|pending| pending.operation).collect()
    };
    let loaded = open().read().await.expect("a torn journal can be read");
    assert_eq!((operations(&loaded), loaded.torn), (vec![1], true));
    let guard = lock(&*store).await;
    guard.append(vec![intend(2)]).await.expect("records can be appended");
    guard.append(vec![intend(3)]).await.expect("records can be appended");
    drop(guard);
    let loaded = open().read().await.expect("a mended journal can be read");
    assert_eq!((operations(&loaded), loaded.torn), (vec![1, 2, 3], false));
}

async fn lock(store: &dyn Store) -> Box<dyn Guard> {
    match store.lock(&holder(1)).await {
        Ok(guard) => guard,
        Err(error) => panic!("{} should be free: {error}", store.describe()),
    }
}

fn holder(pid: u32) -> Holder {
    Holder {
        id: format!("lock-{pid}"),
        operation: "apply".to_owned(),
        who: "ann@host".to_owned(),
        pid,
        since: "2026-01-02T03:04:05Z".to_owned(),
        run_url: Some("https://ci.example/runs/7".to_owned()),
    }
}

/// An address that uses all of the syntax, different for each number.
fn address(number: u64) -> Address {
    let text =
        format!("module.a[\"x.${{}}\"].module.b[0].mlo_data.n-{number}[\"k\\n\"]").replace("${", "$${");
    text.parse().expect("the text is an address")
}

/// An object with values of every kind, `state` among them.
fn object(state: &str) -> Object {
    let attributes = json!({ "state": state, "z": [1, -2, 0.1, 1e300, true, null], "a": { "key": "ünï\n" } });
    Object {
        provider: "builtin".to_owned(),
        schema_version: 2,
        attributes: attributes.as_object().cloned().unwrap_or_default(),
        sensitive: vec![vec![PathStep::Name("a".to_owned()), PathStep::Index(3)]],
        dependencies: vec![address(0).block()],
        status: Status::Ready,
        token: "token-1".to_owned(),
        handle: None,
    }
}

fn output() -> Output {
    Output { value: json!("http://127.0.0.1:1"), value_type: json!("string"), sensitive: true }
}

fn intend(operation: u64) -> Record {
    let (action, token) = (Action::Create, format!("token-{operation}"));
    let (address, provider) = (address(operation), Some("local.west".to_owned()));
    Record::Intend { operation, address, deposed: None, action, token, provider }
}

fn done(operation: u64, object: Option<Object>) -> Record {
    Record::Done { operation, address: address(operation), deposed: None, object: object.map(Box::new) }
}
