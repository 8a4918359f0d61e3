//! Power that is cut at any step: what was said to be durable is there afterwards, whatever else the disk made of the rest.
//!
//! A run is made once, and the folder looked at before each of its steps. From that it is known what is durable at each
//! moment: the bytes of a file when it was last synced, and the names of a folder when that was. All that came after may be
//! on disk or not, each name and each block of 512 bytes by itself, in any order, or as zeros.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use mlo_state::file::Step;
use mlo_state::{FileStore, Record, Vault};

use crate::disk::{LINEAGE, Run, check_after, lock, probed, scratch};
use crate::journal::{done, intend, object};
use crate::seal::team;

/// Images of the disk that are tried, and with full counts.
const IMAGES: u64 = 2_000;
const IMAGES_FULL: u64 = 20_000;
/// What a disk writes at once.
const BLOCK: usize = 512;

/// A number that names a file whatever it is called.
type Inode = u64;
/// The names of a folder: `history/`, or nothing for the state's own.
type Names = BTreeMap<String, Inode>;

/// The folder at one moment.
#[derive(Default)]
struct Moment {
    names: BTreeMap<String, Names>,
    bytes: BTreeMap<Inode, Vec<u8>>,
}

/// What may be on disk when the power is cut at one moment.
#[derive(Clone, Default)]
struct Durable {
    /// The names that each folder has, and all that each name has come to mean since: the first is durable.
    names: BTreeMap<String, BTreeMap<String, Vec<Option<Inode>>>>,
    /// The bytes of files when they were synced.
    synced: BTreeMap<Inode, Vec<u8>>,
    /// The bytes that they had last.
    bytes: BTreeMap<Inode, Vec<u8>>,
}

/// A run as the disk saw it.
#[derive(Default)]
struct Film {
    moments: Vec<Durable>,
    /// Our numbers for those of the system, which it gives to others once a file is gone.
    inodes: BTreeMap<u64, Inode>,
    files: Inode,
}

impl Film {
    /// The folder before a step, and what that makes durable.
    fn take(&mut self, dir: &Path, step: Step, name: &str) {
        let before = self.seen(dir);
        let after = before.clone().after(step, name);
        self.moments.extend([before, after]);
    }

    fn seen(&mut self, dir: &Path) -> Durable {
        let moment = self.look(dir);
        self.moments.last().cloned().unwrap_or_default().seen(moment)
    }

    fn look(&mut self, dir: &Path) -> Moment {
        let mut moment = Moment::default();
        let before = std::mem::take(&mut self.inodes);
        for (folder, path) in [("", dir.to_owned()), ("history/", dir.join("history"))] {
            let Ok(entries) = fs::read_dir(path) else { continue };
            let names = moment.names.entry(folder.to_owned()).or_default();
            for entry in entries.map(Result::unwrap) {
                let number = entry.metadata().unwrap().ino();
                let known = self.inodes.get(&number).or_else(|| before.get(&number)).copied();
                let inode = known.unwrap_or_else(|| {
                    self.files += 1;
                    self.files
                });
                self.inodes.insert(number, inode);
                names.insert(entry.file_name().into_string().unwrap(), inode);
                if entry.path().is_file() {
                    moment.bytes.insert(inode, fs::read(entry.path()).unwrap());
                }
            }
        }
        moment
    }
}

impl Durable {
    /// With what has become of the folder since.
    fn seen(mut self, now: Moment) -> Self {
        let folders: BTreeSet<_> = now.names.keys().chain(self.names.keys()).cloned().collect();
        for folder in folders {
            let known = self.names.entry(folder.clone()).or_default();
            let nothing = Names::new();
            let names = now.names.get(&folder).unwrap_or(&nothing);
            for name in known.keys().chain(names.keys()).cloned().collect::<BTreeSet<_>>() {
                let meanings = known.entry(name.clone()).or_insert_with(|| vec![None]);
                let meaning = names.get(&name).copied();
                if meanings.last() != Some(&meaning) {
                    meanings.push(meaning);
                }
            }
        }
        self.bytes.extend(now.bytes);
        self
    }

    /// With what a step makes durable.
    fn after(mut self, step: Step, name: &str) -> Self {
        let (folder, file) = name.split_at(name.rfind('/').map_or(0, |slash| slash + 1));
        match step {
            Step::Sync => {
                let inode =
                    self.names[folder][file].last().copied().flatten().expect("what is synced is there");
                self.synced.insert(inode, self.bytes[&inode].clone());
            }
            Step::SyncFolder => {
                let known = self.names.entry(folder.to_owned()).or_default();
                known.retain(|_, meanings| {
                    meanings.drain(..meanings.len() - 1);
                    meanings[0].is_some()
                });
            }
            _ => {}
        }
        self
    }

    /// One of the ways in which the disk may look.
    fn image(&self, dir: &Path, dice: &mut Dice) {
        let mut made: BTreeMap<Inode, std::path::PathBuf> = BTreeMap::new();
        for (folder, names) in &self.names {
            if !dir.join(folder).is_dir() {
                continue;
            }
            for (name, meanings) in names {
                let Some(inode) = meanings[dice.below(meanings.len())] else { continue };
                let path = dir.join(folder).join(name);
                match (made.get(&inode), self.bytes.get(&inode)) {
                    (Some(twin), _) => fs::hard_link(twin, &path).unwrap(),
                    (None, Some(bytes)) => {
                        put(&path, self.bytes_on_disk(inode, bytes, dice));
                        made.insert(inode, path);
                    }
                    (None, None) => fs::create_dir(&path).unwrap(),
                }
            }
        }
    }

    /// What of a file's bytes is on disk.
    fn bytes_on_disk(&self, inode: Inode, now: &[u8], dice: &mut Dice) -> Vec<u8> {
        let nothing = Vec::new();
        let synced = self.synced.get(&inode).unwrap_or(&nothing);
        if synced == now {
            return now.to_vec();
        }
        // Its length is some block's, or what it should be; what is not synced of it is there, or zeros.
        let longest = now.len().max(synced.len());
        let length = match dice.below(3) {
            0 => now.len(),
            1 => synced.len(),
            _ => (dice.below(longest / BLOCK + 1) * BLOCK).clamp(synced.len().min(now.len()), longest),
        };
        let mut bytes = Vec::with_capacity(length);
        for at in (0..length).step_by(BLOCK) {
            let end = (at + BLOCK).min(length);
            let of = |from: &[u8]| {
                let part = from.get(at.min(from.len())..end.min(from.len())).unwrap_or_default();
                [part, &vec![0; end - at - part.len()]].concat()
            };
            let is_same = of(synced) == of(now) || synced.get(at..end).is_some();
            bytes.extend(if is_same || dice.below(2) == 0 { of(synced) } else { of(now) });
        }
        // What was synced of a block that is written again stays.
        let kept = synced.len().min(bytes.len()).min(now.len());
        bytes[..kept].copy_from_slice(&now[..kept]);
        bytes
    }
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "an image of a disk need not be durable")]
fn put(path: &Path, bytes: Vec<u8>) {
    fs::write(path, bytes).unwrap();
}

/// Something that a run was told is done.
enum Told {
    Acknowledged(Record),
    Tried(u64),
    Committed(u64),
}

/// A first run of three serials. What it was told is noted with the number of steps that were made before.
async fn film(vault: Vault) -> (Vec<Durable>, Vec<(usize, Told)>) {
    let dir = scratch();
    let film = Arc::new(Mutex::new(Film::default()));
    let (shown, path) = (Arc::clone(&film), dir.path().to_owned());
    let store = probed(dir.path(), move |step, name| {
        shown.lock().unwrap().take(&path, step, name);
        Ok(())
    });
    let store = store.with_vault(vault);
    let steps = || film.lock().unwrap().moments.len();
    let mut told = Vec::new();
    let guard = lock(&store).await;
    guard.begin(LINEAGE.to_owned()).await.unwrap();
    for serial in 1..=3 {
        for record in [intend(serial), done(serial, Some(object(&"made ".repeat(200))))] {
            guard.append(vec![record.clone()]).await.unwrap();
            told.push((steps(), Told::Acknowledged(record)));
        }
        let mut next = guard.read().await.unwrap().snapshot.unwrap();
        next.serial = serial;
        told.push((steps(), Told::Tried(serial)));
        guard.commit(next).await.unwrap();
        told.push((steps(), Told::Committed(serial)));
    }
    drop(guard);
    drop(store);
    let mut film = film.lock().unwrap();
    let last = film.seen(dir.path());
    film.moments.push(last);
    (std::mem::take(&mut film.moments), told)
}

#[tokio::test]
async fn whenever_the_power_is_cut_what_was_durable_is_there() {
    let full = std::env::var_os("MLO_TEST_FULL").is_some();
    let images = if full { IMAGES_FULL } else { IMAGES };
    for vault in [Vault::clear(), team()] {
        let (moments, told) = film(vault.clone()).await;
        assert!(moments.len() > 100, "{} moments", moments.len());
        let mut torn = 0;
        for seed in 0..images / 2 {
            let mut dice = Dice(seed);
            let at = dice.below(moments.len());
            let dir = scratch();
            moments[at].image(dir.path(), &mut dice);
            let mut run = Run { acknowledged: vec![], committed: 0, tried: 0, error: None };
            for (after, told) in &told {
                match told {
                    // A commit that is under way may have happened.
                    Told::Tried(serial) if *after <= at => run.tried = *serial,
                    Told::Acknowledged(record) if *after <= at => run.acknowledged.push(record.clone()),
                    Told::Committed(serial) if *after <= at => run.committed = *serial,
                    _ => {}
                }
            }
            let what = format!("seed {seed}, moment {at} of {}", moments.len());
            let loaded = FileStore::new(dir.path().to_owned()).with_vault(vault.clone());
            torn += usize::from(mlo_state::Store::read(&loaded).await.is_ok_and(|loaded| loaded.torn));
            check_after(dir.path(), &vault, &run, &what).await;
        }
        assert!(torn > 3, "only {torn} journals were torn");
    }
}
