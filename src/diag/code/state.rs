//! `MLO6…`: the state and its store.

codes! {
    LOCKED = "MLO6001", "state locked",
        "Another run holds the state's lock. It is given back when that run ends, however it ends; wait for it, or give `--lock-timeout`.";
}
