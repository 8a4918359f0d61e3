//! A sealed state in a bucket, and somebody who can write to the bucket and has no key: what they put there, mix up or
//! bring back is told. What cannot be told is written down in docs/state.md.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mlo_state::document::DOCUMENT_BYTES_MAX;
use mlo_state::s3::{Bucket as _, LEASE, ModelBucket};
use mlo_state::{Clock, Document, S3Store, Snapshot, Store, StoreError, Vault};

use crate::damage::frame;
use crate::journal::{done, intend, object};
use crate::s3::{clock, holder, lock};
use crate::seal::team;

const LINK: &str = "journal/00000000000000000001/0000000000000000000";

/// A bucket with a sealed state at serial 3 and four parts of a journal after it, and what was in the bucket before.
struct Scene {
    clock: Arc<dyn Clock>,
    bucket: ModelBucket,
    /// All objects as they were at serial 2.
    before: BTreeMap<String, Bytes>,
}

impl Scene {
    async fn new(vault: Vault) -> Self {
        let clock = clock();
        let bucket = ModelBucket::new(clock.clone());
        let mut scene = Self { clock, bucket, before: BTreeMap::new() };
        let store = scene.store(vault);
        let guard = lock(&store, "ann").await;
        for serial in 1..=3 {
            if serial == 3 {
                scene.before = scene.all().await;
            }
            let mut snapshot = Snapshot { serial, ..Snapshot::empty("5f2b-lineage") };
            snapshot.objects.insert(format!("t.n[{serial}]").parse().unwrap(), object("made"));
            guard.commit(snapshot).await.unwrap();
        }
        for operation in 1..=4 {
            guard.append(vec![intend(operation), done(operation, Some(object("made")))]).await.unwrap();
        }
        // Its lease ends by itself: a lock that is given back would close the journal.
        drop(guard);
        scene
    }

    fn store(&self, vault: Vault) -> S3Store {
        S3Store::new(Arc::new(self.bucket.clone()), "", self.clock.clone()).with_vault(vault)
    }

    async fn get(&self, key: &str) -> String {
        let found = self.bucket.get(key, u64::MAX).await.unwrap().unwrap_or_else(|| panic!("{key} is there"));
        String::from_utf8(found.body.to_vec()).unwrap()
    }

    async fn all(&self) -> BTreeMap<String, Bytes> {
        let mut all = BTreeMap::new();
        for key in self.bucket.keys() {
            all.insert(key.clone(), self.bucket.get(&key, u64::MAX).await.unwrap().unwrap().body);
        }
        all
    }

    fn put(&self, key: &str, body: impl Into<Bytes>) {
        let body = body.into();
        self.bucket.meddle(key, |_| Some(body));
    }

    /// Puts objects back that begin with one of these.
    fn bring_back(&self, names: &[&str]) {
        for (key, body) in &self.before {
            if names.iter().any(|name| key.starts_with(name)) {
                self.put(key, body.clone());
            }
        }
    }

    async fn said(&self, vault: Vault) -> String {
        let error = self.store(vault).read().await.expect_err("it should be refused");
        error.to_string()
    }
}

/// The payload of a frame.
fn payload(line: &str) -> &str {
    line[18..].trim_end_matches('\n')
}

#[tokio::test(start_paused = true)]
async fn a_head_is_believed_only_as_it_was_sealed() {
    let scene = Scene::new(team()).await;
    assert!(scene.store(team()).read().await.is_ok());
    let head = scene.get("head").await;
    let lines: Vec<&str> = head.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 3, "what it says, how the seal opens, the seal");
    let edited = |from: &str, to: &str| {
        let text = payload(lines[0]);
        assert!(text.contains(from), "{text}");
        frame(&text.replacen(from, to, 1))
    };
    let older = String::from_utf8(scene.before["head"].to_vec()).unwrap();
    let older: Vec<&str> = older.split_inclusive('\n').collect();
    let not_so = "it is not as it was sealed";
    tokio::time::sleep(LEASE).await;
    for (what, body, says) in [
        ("no seal", lines[0].to_owned(), "it is in clear, and a key is configured"),
        ("a part of a seal", [lines[0], lines[1]].concat(), "does not match its digest"),
        ("two seals", [lines[0], lines[1], lines[2], lines[2]].concat(), "does not match its digest"),
        (
            "less folded in",
            [&*edited("\"sequence\":0", "\"sequence\":2"), lines[1], lines[2]].concat(),
            not_so,
        ),
        (
            "no history",
            [&*edited("\"earlier\":[", "\"earlier\":[],\"e\":["), lines[1], lines[2]].concat(),
            not_so,
        ),
        ("another serial", [&*edited("\"serial\":3", "\"serial\":2"), lines[1], lines[2]].concat(), not_so),
        ("the seal of an earlier one", [lines[0], older[1], older[2]].concat(), not_so),
        ("an earlier one", older.concat(), "an older state was put back"),
    ] {
        scene.put("head", body);
        let said = scene.said(team()).await;
        assert!(said.contains(says), "{what}: {said}");
        match scene.store(team()).lock(&holder("ben")).await {
            Ok(guard) => {
                assert!(guard.read().await.is_err(), "{what}: nor is it with the lock");
                assert!(guard.append(vec![intend(9)]).await.is_err(), "{what}: nothing is written after it");
                guard.release().await.unwrap();
            }
            Err(error) => assert!(!matches!(error, StoreError::Locked(_)), "{what}: {error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn parts_of_a_journal_are_believed_only_in_their_places() {
    let link = |number: u32| format!("{LINK}{number}");
    let scene = Scene::new(team()).await;
    let (second, third) = (scene.get(&link(2)).await, scene.get(&link(3)).await);
    let lines: Vec<&str> = second.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 4, "where it is, what it follows, how it opens, records");
    let records: Vec<&str> = third.split_inclusive('\n').skip(1).collect();
    let stamp = payload(lines[0]).to_owned();
    let closing = frame(&format!("{},\"closed_by\":9}}", stamp.trim_end_matches('}')));
    let clear =
        frame("[{\"intend\":{\"operation\":9,\"address\":\"t.x\",\"action\":\"create\",\"token\":\"t\"}}]");
    for (what, body, says) in [
        (
            "that of another place",
            [&[lines[0]][..], &records[..]].concat().concat(),
            "it is not as it was sealed",
        ),
        ("as it is, from another place", third.clone(), "it is no file of this kind"),
        ("no records", lines[..3].concat(), "it is cut short"),
        ("nothing sealed", lines[..2].concat(), "it is in clear"),
        ("records in clear", [lines[0], lines[1], &clear].concat(), "it is in clear"),
        ("records twice", [&lines[..], &lines[3..]].concat().concat(), "it is not as it was sealed"),
        ("an end in the middle", closing, "it stands after the end of its journal"),
    ] {
        scene.put(&link(2), body);
        let said = scene.said(team()).await;
        assert!(said.contains(says), "{what}: {said}");
    }
    scene.bucket.meddle(&link(2), |_| None);
    assert!(scene.said(team()).await.contains("is missing"), "one left out");
}

#[tokio::test(start_paused = true)]
async fn a_part_of_the_bucket_that_is_put_back_to_an_earlier_day_is_told() {
    // The marker, which is not sealed, may be gone instead.
    let scene = Scene::new(team()).await;
    scene.bring_back(&["head"]);
    scene.bucket.meddle("lineage", |_| None);
    assert!(scene.said(team()).await.contains("lineage is missing, but state was kept here before"));
    for names in
        [&["head"][..], &["snapshots/"], &["lineage"], &["head", "lineage"], &["lineage", "snapshots/"]]
    {
        let scene = Scene::new(team()).await;
        let later: Vec<_> = scene.bucket.keys();
        scene.bring_back(names);
        if names.contains(&"snapshots/") {
            let gone = later.iter().filter(|key| key.starts_with("snapshots/"));
            for key in gone.filter(|key| !scene.before.contains_key(*key)) {
                scene.bucket.meddle(key, |_| None);
            }
        }
        // A marker alone that is behind is what a crash leaves: the state is the later one, and whole.
        let read = scene.store(team()).read().await;
        match names {
            ["lineage"] => assert_eq!(read.unwrap().snapshot.unwrap().serial, 3),
            _ => assert!(read.is_err(), "{names:?}"),
        }
    }
}

/// The first line of a part of the journal that ends it.
fn end(epoch: u64, sequence: u64) -> String {
    let stamp = format!("{{\"epoch\":{epoch},\"sequence\":{sequence},\"writer\":\"x\",\"closed_by\":9}}");
    frame(&stamp)
}

fn part(epoch: u64, sequence: u64) -> String {
    format!("journal/{epoch:020}/{sequence:020}")
}

#[tokio::test(start_paused = true)]
async fn of_a_journal_that_was_closed_nothing_can_be_taken_away() {
    let scene = Scene::new(team()).await;
    let store = scene.store(team());
    // Ben closes the journal that Ann wrote to four times, Cay that of Ben, who wrote nothing.
    for name in ["ben", "cay"] {
        tokio::time::sleep(LEASE).await;
        drop(lock(&store, name).await);
    }
    let (whole, all) = (store.read().await.unwrap(), scene.all().await);
    assert_eq!(
        whole.snapshot.as_ref().map(|state| state.objects.len()),
        Some(4),
        "what Ann appended is there"
    );
    for (what, gone, put, missing) in [
        ("all of it", &[(1, 1), (1, 2), (1, 3), (1, 4), (1, 5)][..], None, (1, 5)),
        ("its end", &[(1, 5)], None, (1, 5)),
        ("its last part and its end", &[(1, 4), (1, 5)], None, (1, 5)),
        ("its last part, with an end in its place", &[(1, 5)], Some((1, 4)), (1, 5)),
        ("all, with an end in its place", &[(1, 2), (1, 3), (1, 4), (1, 5)], Some((1, 1)), (1, 5)),
        ("one in which nothing is", &[(2, 1)], None, (2, 1)),
        ("all of them", &[(1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (2, 1)], None, (1, 5)),
    ] {
        for (epoch, sequence) in gone {
            scene.bucket.meddle(&part(*epoch, *sequence), |_| None);
        }
        if let Some((epoch, sequence)) = put {
            scene.bucket.plant(&part(epoch, sequence), end(epoch, sequence));
        }
        let name = part(missing.0, missing.1);
        let said = scene.said(team()).await;
        assert!(
            said.contains(&format!("{name} is missing, but state was kept here before")),
            "{what}: {said}"
        );
        tokio::time::sleep(LEASE).await;
        let guard = lock(&store, "dan").await;
        let error = guard.read().await.unwrap_err();
        assert!(matches!(error, StoreError::Lost { .. }), "{what}: nor is it with the lock, {error}");
        let lost = guard.salvage().await.unwrap().lost;
        assert!(lost.contains(&format!("the end of the journal at {name}")), "{what}: {lost:?}");
        drop(guard);
        for key in scene.bucket.keys() {
            scene.bucket.meddle(&key, |_| None);
        }
        for (key, body) in &all {
            scene.bucket.plant(key, body.clone());
        }
        assert_eq!(store.read().await.unwrap(), whole, "{what}: all is as it was");
    }
    // A commit has them all in it.
    tokio::time::sleep(LEASE).await;
    let guard = lock(&store, "eve").await;
    let mut next = guard.read().await.unwrap().snapshot.unwrap();
    next.serial += 1;
    guard.commit(next.clone()).await.unwrap();
    guard.release().await.unwrap();
    let parts = scene.bucket.keys();
    for key in parts.iter().filter(|key| key.starts_with("journal/")) {
        scene.bucket.meddle(key, |_| None);
    }
    assert_eq!(store.read().await.unwrap().snapshot, Some(next));
}

#[tokio::test(start_paused = true)]
async fn what_lies_beside_documents_and_is_none_stops_nobody() {
    let scene = Scene::new(team()).await;
    let store = scene.store(team());
    let document = Document { name: "approval.1.b".to_owned(), bytes: b"said".to_vec() };
    assert!(store.keep_document(&document).await.unwrap());
    scene.bucket.plant("documents/approval.1.a", vec![b'x'; DOCUMENT_BYTES_MAX + 1]);
    let none = Document { name: "approval.1.a".to_owned(), bytes: Vec::new() };
    assert_eq!(store.documents("approval.").await.unwrap(), [none, document]);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_part_that_nobody_needs_any_more_keeps_nobody_from_the_lock() {
    for vault in [team(), Vault::clear()] {
        let scene = Scene::new(vault.clone()).await;
        tokio::time::sleep(LEASE).await;
        let store = scene.store(vault);
        let guard = lock(&store, "ben").await;
        let mut next = guard.read().await.unwrap().snapshot.unwrap();
        guard.append(vec![intend(9), done(9, Some(object("made")))]).await.unwrap();
        next.serial += 1;
        guard.commit(next.clone()).await.unwrap();
        guard.release().await.unwrap();
        // The last part of Ben's journal is in the snapshot, and kept as its end.
        let last = "journal/00000000000000000002/00000000000000000001";
        scene.put(last, "nonsense");
        let guard = lock(&store, "cay").await;
        assert_eq!(guard.read().await.unwrap().snapshot, Some(next.clone()));
        guard.append(vec![intend(10)]).await.unwrap();
        next.serial += 1;
        guard.commit(next).await.unwrap();
        guard.release().await.unwrap();
        assert_eq!(store.read().await.unwrap().pending.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_in_clear_is_sealed_with_all_that_is_kept_when_that_is_asked_for() {
    let scene = Scene::new(Vault::clear()).await;
    let said = scene.said(team()).await;
    assert!(said.contains("head: it is in clear, and a key is configured"), "{said}");
    assert!(scene.said(team().enforced().taking_clear()).await.contains("only what is sealed"));
    tokio::time::sleep(LEASE).await;
    let store = scene.store(team().taking_clear());
    let guard = lock(&store, "ben").await;
    let mut next = guard.read().await.unwrap().snapshot.unwrap();
    next.serial += 1;
    guard.commit(next.clone()).await.unwrap();
    guard.reseal().await.unwrap();
    guard.release().await.unwrap();

    let store = scene.store(team());
    assert_eq!(store.read().await.unwrap().snapshot, Some(next));
    for serial in 1..=4 {
        let version = store.version(serial).await.unwrap().unwrap();
        assert_eq!(
            (version.snapshot.serial, version.key.unwrap().to_string()),
            (serial, "passphrase.team".into())
        );
    }
    for (key, body) in scene.all().await {
        let text = String::from_utf8_lossy(&body);
        assert!(!text.contains("attributes"), "{key}: {text}");
    }
    let findings = mlo_state::chain::verify(&store).await;
    assert!(findings.iter().all(|finding| finding.wrong.is_none()), "the chain is what it was");
}
