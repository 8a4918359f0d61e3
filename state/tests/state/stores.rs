//! Every store passes the one suite.

use std::path::PathBuf;

use mlo_state::{FileStore, MemoryStore, Store, conformance};

/// Opens a new folder store each time it is called; the folders go with the returned value's last clone.
fn open_folder(parent: &tempfile::TempDir, name: &str) -> Box<dyn Fn() -> Box<dyn Store>> {
    let dir: PathBuf = parent.path().join(name).join("state").join("default");
    Box::new(move || Box::new(FileStore::new(dir.clone())))
}

#[tokio::test]
async fn folder_store_conforms() {
    let parent = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    conformance::all(
        &|| {
            number.set(number.get() + 1);
            open_folder(&parent, &number.get().to_string())
        },
        &|| Box::pin(std::future::ready(())),
    )
    .await;
}

#[tokio::test]
async fn memory_store_conforms() {
    conformance::all(
        &|| {
            let store = MemoryStore::new();
            Box::new(move || Box::new(store.clone()))
        },
        &|| Box::pin(std::future::ready(())),
    )
    .await;
}

#[tokio::test]
async fn folder_store_drops_a_torn_end() {
    for cut in [1, 2, 30] {
        let parent = tempfile::tempdir().unwrap();
        let journal = parent.path().join("state/default/journal");
        let tear = || {
            let file = std::fs::OpenOptions::new().write(true).open(&journal).unwrap();
            file.set_len(file.metadata().unwrap().len() - cut).unwrap();
        };
        conformance::torn_end_is_dropped(&*open_folder(&parent, ""), &tear).await;
    }
}
