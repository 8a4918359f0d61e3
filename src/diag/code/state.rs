//! `MLO6…`: the state and its store.

codes! {
    LOCKED = "MLO6001", "state locked",
        "Another run holds the state's lock. It is given back when that run ends, however it ends; wait for it, or give `--lock-timeout`.";
    CORRUPT = "MLO6002", "state damaged",
        "The state's file or journal is not as it was written: a disk error, an edit by hand, a bad copy. mlo never takes a damaged state for an empty one.";
    LOST = "MLO6003", "state missing",
        "State was kept here before, and its file is gone or empty. mlo does not begin anew by itself: what it made would be forgotten.";
    NEWER = "MLO6004", "state from a newer version",
        "A later version of mlo wrote the state in a format that this one does not read. Use that version or a later one.";
    FOREIGN = "MLO6005", "state of something else",
        "The state's lineage is not the expected one: it belongs to another configuration, or was put there by mistake.";
    STALE = "MLO6006", "state has moved on",
        "Between reading and writing the state another run wrote it. Nothing was lost; run the command again.";
    IO = "MLO6007", "state cannot be read or written",
        "The state's folder or disk refused. When writing fails in the middle of an apply nothing new is begun, and what was done is in the journal.";
    NO_OBJECT = "MLO6008", "no such object in the state",
        "The state has no object at the address that was given. `mlo state list` shows all that it has.";
    NOT_MOVED = "MLO6009", "objects cannot move there",
        "`mlo state mv` gives objects another address. It keeps their type, and never puts one object in the place of another. Nothing was changed.";
    NOT_TAINTED = "MLO6010", "object is not tainted",
        "`mlo untaint` takes back that the next apply replaces an object, and nothing says that of this one.";
    NOT_PUSHED = "MLO6011", "state cannot be pushed",
        "The file is not a whole state as `mlo state pull` prints it, is of another lineage, or is older than the present state. `--force` goes past the last two: the objects that are forgotten by that are not destroyed.";
    SEALED = "MLO6012", "state is sealed",
        "The state, its journal or a plan is encrypted, and the key that opens it is not given; or it is in clear where a key is configured, so that anybody can have written it. Give the key that the message names, in the `encryption` block or by its environment variable; `mlo state rekey` seals a state that was written before there was a key. Nothing was changed.";
    BAD_KEY = "MLO6013", "key of the state cannot be used",
        "A key of the `encryption` block, or of the environment, is not given, too short, or not of its kind. Passphrases have at least 16 characters; recipients and identities of age are written as `age-keygen` prints them; a key of KMS says which one it is.";
    KEY_MADE = "MLO6014", "a key was made for the state",
        "The state has sensitive values and no key is configured, so they are sealed with one in a file of this project, for its owner alone. It guards copies of the state, not against who can read the project's folder. Keep a copy of it: without it the state is lost.";
    NOT_KEPT = "MLO6015", "serial is not kept",
        "Of a state the last ten serials are kept beside the present one. `mlo state history` lists them.";
    BACKEND = "MLO6020", "place of the state is wrong",
        "The `backend` block, or what `--backend-config` adds to it, does not name a folder or a bucket in which state can be kept. Credentials are never written there.";
    MOVED = "MLO6021", "state is elsewhere",
        "The state was taken to another place by `mlo state migrate`, or the configuration names another place than the one in which it is. Nothing was changed: two states of the same objects would each undo the other's work.";
    UNBREAKABLE = "MLO6022", "lock goes with its process",
        "The lock of a state in a folder is the system's: it is given back when the process that holds it ends, however it ends. There is nothing to force.";
    LOCK_LOST = "MLO6023", "lock lost",
        "While this run held the lock, another took it: this one had not been heard of for a minute, or somebody broke the lock. Nothing was written and no call was begun after that; what was under way before is in the journal, and the next run finds out what became of it.";
    NOT_TAKEN_IN = "MLO6030", "state of Terraform cannot be taken in",
        "`mlo state import-terraform` reads a state as `terraform state pull` prints it, in format version 4, and puts it where there is no state yet. It takes in the types that mlo has as well; `--skip-unknown` leaves the others out. Nothing was changed.";
}
