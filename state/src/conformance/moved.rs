//! What every store must do with a state that is taken to another place.

use super::{LINEAGE, Open, address, copied, done, intend, lock, object, whole};
use crate::snapshot::Snapshot;
use crate::store::{Copied, StoreError};

/// A state taken elsewhere is there as it was, with history and open intents, and here no more; and it can come back.
pub async fn a_state_is_taken_to_another_place_and_back(here: Open<'_>, there: Open<'_>) {
    let (from, to) = (here(), there());
    let (source, target) = (lock(&*from).await, lock(&*to).await);
    let mut snapshot = Snapshot::empty(LINEAGE);
    for serial in 1..=3 {
        snapshot.serial = serial;
        snapshot.objects.insert(address(serial), object("made"));
        source.commit(snapshot.clone()).await.expect("the next serial can be committed");
    }
    source.append(vec![intend(5), intend(6)]).await.expect("records can be appended");
    source.append(vec![done(5, Some(object("found")))]).await.expect("records can be appended");
    let loaded = source.read().await.expect("it can be read");
    let copy = copied(&*from, &loaded).await;
    let history: Vec<_> = copy.history.iter().map(|version| version.snapshot.clone()).collect();
    assert_eq!(history.iter().map(|earlier| earlier.serial).collect::<Vec<_>>(), [2, 1]);
    for _ in 0..2 {
        // The second time as after a run that was cut off.
        target.adopt(copy.clone()).await.expect("a store that holds nothing takes it");
    }
    source.leave("elsewhere".to_owned()).await.expect("a note can be left");
    for refused in
        [source.read().await.err(), here().read().await.err(), source.append(vec![intend(7)]).await.err()]
    {
        assert!(
            matches!(refused, Some(StoreError::Moved { ref to, .. }) if to == "elsewhere"),
            "{refused:?}"
        );
    }
    assert!(
        source.commit(Snapshot { serial: 4, ..snapshot.clone() }).await.is_err(),
        "nothing is written here"
    );
    let there_now = there().read().await.expect("it can be read");
    assert_eq!((&there_now.snapshot, &there_now.pending), (&loaded.snapshot, &loaded.pending));
    let kept = copied(&*to, &there_now).await;
    assert_eq!(
        kept.history.iter().map(|version| &version.snapshot).collect::<Vec<_>>(),
        Vec::from_iter(&history)
    );
    assert_eq!(whole(&*there()).await, 4, "the chain is whole there too");

    target.append(vec![done(6, None)]).await.expect("an open intent is settled there");
    snapshot.serial = 4;
    target.commit(snapshot.clone()).await.expect("it goes on");
    let foreign = Copied { snapshot: Snapshot::empty("another"), ..copy.clone() };
    assert!(
        matches!(target.adopt(foreign).await, Err(StoreError::Foreign { .. })),
        "no other is overwritten"
    );
    let older = target.adopt(copy).await;
    assert!(
        matches!(older, Err(StoreError::Stale { .. })),
        "what came further is not overwritten: {older:?}"
    );
    let loaded = target.read().await.expect("it can be read");
    source.adopt(copied(&*to, &loaded).await).await.expect("it comes back");
    assert_eq!(here().read().await.expect("it can be read"), loaded);
    assert_eq!(whole(&*here()).await, 5, "the state and four serials");
    snapshot.serial = 5;
    source.commit(snapshot).await.expect("it goes on here");
}

/// A run that is cut off after it took an object away, and a state that is taken elsewhere then: its serial is a new one, so
/// that no token is given out there that was given out here.
pub async fn what_was_taken_away_last_is_not_forgotten_on_the_way(here: Open<'_>, there: Open<'_>) {
    let (from, to) = (here(), there());
    let (source, target) = (lock(&*from).await, lock(&*to).await);
    let mut snapshot = Snapshot { serial: 1, ..Snapshot::empty(LINEAGE) };
    snapshot.objects.extend([1, 2].map(|number| (address(number), object("made"))));
    source.commit(snapshot.clone()).await.expect("the first serial can be committed");
    source.append(vec![done(1, None)]).await.expect("records can be appended");
    let loaded = source.read().await.expect("it can be read");
    assert_eq!(loaded.snapshot.as_ref().map(|snapshot| snapshot.gone.len()), Some(1));
    let copy = copied(&*from, &loaded).await;
    for _ in 0..2 {
        target.adopt(copy.clone()).await.expect("a store that holds nothing takes it");
    }
    let there_now = there().read().await.expect("it can be read").snapshot.expect("there is a state");
    snapshot.objects.remove(&address(1));
    assert_eq!(there_now, Snapshot { serial: 2, ..snapshot.clone() });
    assert_eq!(to.serials().await.expect("they can be listed"), [2, 1]);
    assert_eq!(whole(&*there()).await, 3, "the state and two serials");
    target.commit(Snapshot { serial: 3, ..snapshot }).await.expect("it goes on");
}
