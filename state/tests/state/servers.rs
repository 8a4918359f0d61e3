//! The store in a bucket against servers that others wrote: versitygw, which keeps objects as files, and moto.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mlo_state::s3::{AwsBucket, Bucket, BucketSettings, Found, LEASE, Only, Page, Refusal};
use mlo_state::{BoxFuture, Clock, CredentialsFault, S3Store, Snapshot, Store, StoreError, conformance};

use crate::journal::{done, intend, object};
use crate::s3::lock;
use crate::server::{ACCESS_KEY, BUCKET, SECRET_KEY, Server};

impl Server {
    fn bucket(&self) -> AwsBucket {
        let settings = BucketSettings {
            bucket: BUCKET.to_owned(),
            region: Some("us-east-1".to_owned()),
            endpoint: Some(format!("http://{}", self.address)),
            use_path_style: true,
            ..BucketSettings::default()
        };
        AwsBucket::new(settings).with_keys(ACCESS_KEY, SECRET_KEY)
    }
}

/// Real time, and as much of it more as a test says: for the store's clock and for what the service says alike.
#[derive(Clone)]
struct Shifted {
    begun: Instant,
    more_ms: Arc<AtomicU64>,
}

impl Shifted {
    #[expect(clippy::disallowed_methods, reason = "these tests run in real time")]
    fn new() -> Self {
        Self { begun: Instant::now(), more_ms: Arc::default() }
    }

    fn more(&self) -> Duration {
        Duration::from_millis(self.more_ms.load(Ordering::SeqCst))
    }

    fn pass(&self, time: Duration) {
        self.more_ms.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Shifted {
    fn elapsed(&self) -> Duration {
        self.begun.elapsed() + self.more()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// A bucket of a server whose objects are as old as a test says.
struct Aged {
    inner: AwsBucket,
    clock: Shifted,
    /// How much time had passed when a key was last written.
    written: std::sync::Mutex<std::collections::BTreeMap<String, Duration>>,
}

impl Bucket for Aged {
    fn get<'a>(&'a self, key: &'a str, bytes_max: u64) -> BoxFuture<'a, Result<Option<Found>, Refusal>> {
        Box::pin(async move {
            let mut found = self.inner.get(key, bytes_max).await?;
            let then = self.written.lock().unwrap().get(key).copied().unwrap_or_default();
            if let Some(found) = &mut found {
                let age =
                    found.age.expect("the service says when an object was written, and what time it is");
                assert!(age < Duration::from_mins(5), "by one and the same clock");
                found.age = Some(age + self.clock.more().saturating_sub(then));
            }
            Ok(found)
        })
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes, only: Only) -> BoxFuture<'a, Result<String, Refusal>> {
        Box::pin(async move {
            let tag = self.inner.put(key, body, only).await?;
            self.written.lock().unwrap().insert(key.to_owned(), self.clock.more());
            Ok(tag)
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

/// What every server must do for the store.
async fn conforms(server: &Server) -> Arc<dyn Fn() -> Box<dyn Store>> {
    let clock = Shifted::new();
    let written = std::sync::Mutex::default();
    let bucket: Arc<dyn Bucket> = Arc::new(Aged { inner: server.bucket(), clock: clock.clone(), written });
    let number = AtomicU64::new(0);
    let open_new = || -> Box<dyn Fn() -> Box<dyn Store>> {
        let key = format!("of-the-suite/{}", number.fetch_add(1, Ordering::SeqCst));
        let (bucket, clock) = (bucket.clone(), clock.clone());
        Box::new(move || Box::new(S3Store::new(bucket.clone(), &key, Arc::new(clock.clone()))))
    };
    let expire = || -> BoxFuture<'static, ()> {
        clock.pass(LEASE);
        Box::pin(std::future::ready(()))
    };
    conformance::all(&open_new, &expire).await;
    a_bucket_that_is_not_there_is_said(server).await;
    open_new().into()
}

/// More objects of the journal than a server lists at once.
async fn many_objects_are_listed_on_several_pages(open: &dyn Fn() -> Box<dyn Store>) {
    let store = open();
    let guard = lock(&*store, "ann").await;
    guard.begin("5f2b-lineage".to_owned()).await.unwrap();
    for operation in 0..1_050 {
        guard.append(vec![intend(operation)]).await.unwrap();
    }
    let loaded = store.read().await.unwrap();
    assert_eq!(loaded.pending.len(), 1_050);
    let outcomes = (0..1_050).map(|operation| done(operation, Some(object("made")))).collect();
    guard.append(outcomes).await.unwrap();
    guard.commit(Snapshot { serial: 1, ..Snapshot::empty("5f2b-lineage") }).await.unwrap();
    guard.release().await.unwrap();
}

async fn a_bucket_that_is_not_there_is_said(server: &Server) {
    let settings = BucketSettings {
        bucket: "nowhere".to_owned(),
        region: Some("us-east-1".to_owned()),
        endpoint: Some(format!("http://{}", server.address)),
        use_path_style: true,
        ..BucketSettings::default()
    };
    let bucket = AwsBucket::new(settings).with_keys(ACCESS_KEY, SECRET_KEY);
    let store = S3Store::new(Arc::new(bucket), "k", Arc::new(Shifted::new()));
    let error = store.read().await.unwrap_err().to_string();
    assert!(error.contains("s3://nowhere/k") && error.contains("no such bucket"), "{error}");
}

#[tokio::test]
async fn the_store_in_a_bucket_of_versitygw_conforms() {
    let server = Server::versitygw();
    let open = conforms(&server).await;
    many_objects_are_listed_on_several_pages(&*open).await;
}

#[tokio::test]
async fn the_store_in_a_bucket_of_moto_conforms() {
    conforms(&Server::moto()).await;
}

#[tokio::test]
async fn wrong_keys_are_a_refusal_that_is_not_tried_again_and_tells_no_key() {
    let server = Server::versitygw();
    let bucket = server.bucket().with_keys(ACCESS_KEY, "wrong-secret");
    let store = S3Store::new(Arc::new(bucket), "k", Arc::new(Shifted::new()));
    match store.read().await {
        Err(StoreError::Credentials { said, fault, .. }) => {
            assert_eq!(fault, CredentialsFault::Unknown);
            assert!(said.contains("403") && !said.contains("wrong-secret"), "{said}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "what is damaged need not be durable")]
async fn what_was_changed_where_a_server_keeps_it_is_told_and_repaired() {
    let server = Server::versitygw();
    let store = S3Store::new(Arc::new(server.bucket()), "k", Arc::new(Shifted::new()));
    let guard = lock(&store, "ann").await;
    let mut snapshot = Snapshot::empty("5f2b-lineage");
    for serial in 1..=2 {
        let records = vec![intend(serial), done(serial, Some(object("made")))];
        guard.begin("5f2b-lineage".to_owned()).await.unwrap();
        guard.append(records).await.unwrap();
        snapshot = guard.read().await.unwrap().snapshot.unwrap();
        snapshot.serial = serial;
        guard.commit(snapshot.clone()).await.unwrap();
    }
    guard.release().await.unwrap();
    let snapshots = std::fs::read_dir(server.objects().join("k/snapshots")).unwrap();
    let present = snapshots.map(|entry| entry.unwrap().path()).max().unwrap();
    let text = std::fs::read_to_string(&present).unwrap();
    std::fs::write(&present, text.replacen("made", "mad3", 1)).unwrap();
    // The server's own checksum does not fit any more either: that it is damaged is the answer all the same.
    let error = store.read().await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    let guard = lock(&store, "ben").await;
    let salvage = guard.salvage().await.unwrap();
    assert_eq!((&salvage.lost, &salvage.snapshot.objects), (&vec![], &snapshot.objects));
    guard.replace(salvage).await.unwrap();
    assert_eq!(store.read().await.unwrap().snapshot.unwrap().objects, snapshot.objects);
    guard.release().await.unwrap();
}
