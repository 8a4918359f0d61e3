//! What is known of fields of the built-in kinds: which lists go by key, which have no order, what is a quantity.
//!
//! By the names on the way to a field, positions left out: the spec of a Pod is the same wherever it stands.

/// How a list is merged and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListKind {
    /// By these fields of its items; others may add items of their own.
    Keyed(Vec<String>),
    /// Values without order; others may add values of their own.
    Set,
    /// Values without order, which belong together.
    Bag,
    /// As it is.
    Whole,
}

/// Lists by their last name, and the fields that are their keys.
const KEYED: &[(&str, &[&str])] = &[
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("volumes", &["name"]),
    ("env", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("imagePullSecrets", &["name"]),
    ("hostAliases", &["ip"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
    ("webhooks", &["name"]),
    ("matchConditions", &["name"]),
    ("ownerReferences", &["uid"]),
    ("secrets", &["name"]),
];
/// Lists without order that belong to whoever wrote them.
const BAGS: &[&str] = &[
    "accessModes",
    "policyTypes",
    "verbs",
    "resources",
    "apiGroups",
    "resourceNames",
    "nonResourceURLs",
    "externalIPs",
    "loadBalancerSourceRanges",
    "add",
    "drop",
];
/// What holds quantities by name.
const OF_QUANTITIES: &[&str] = &[
    "limits",
    "requests",
    "capacity",
    "hard",
    "default",
    "defaultRequest",
    "max",
    "min",
    "maxLimitRequestRatio",
    "podFixed",
    "allocatable",
];
/// Quantities by their own name.
const QUANTITIES: &[&str] = &["sizeLimit", "averageValue", "value", "divisor", "maximumVolumeSize"];
/// Maps that belong as a whole to whoever wrote them.
const WHOLE_MAPS: &[&str] = &["selector", "nodeSelector", "matchLabels"];

/// How the list at a path is compared.
pub(super) fn list_kind(path: &[String]) -> ListKind {
    let Some(last) = path.last() else { return ListKind::Whole };
    let parent = path.len().checked_sub(2).and_then(|at| path.get(at)).map(String::as_str);
    let keys = |keys: &[&str]| ListKind::Keyed(keys.iter().map(|&key| key.to_owned()).collect());
    match (last.as_str(), parent) {
        ("finalizers", _) => ListKind::Set,
        ("ports", Some("containers" | "initContainers" | "ephemeralContainers")) => {
            keys(&["containerPort", "protocol"])
        }
        ("ports", Some("spec")) => keys(&["port", "protocol"]),
        (name, _) if BAGS.contains(&name) => ListKind::Bag,
        (name, _) => {
            KEYED.iter().find(|(list, _)| *list == name).map_or(ListKind::Whole, |(_, found)| keys(found))
        }
    }
}

/// What the server puts where a key of a list is left out.
pub(super) fn default_of_key(key: &str) -> Option<&'static str> {
    (key == "protocol").then_some("TCP")
}

/// Whether there is a quantity at a path.
pub(super) fn is_quantity(path: &[String]) -> bool {
    let parent = path.len().checked_sub(2).and_then(|at| path.get(at));
    parent.is_some_and(|parent| OF_QUANTITIES.contains(&parent.as_str()))
        || path.last().is_some_and(|last| {
            QUANTITIES.contains(&last.as_str()) && parent.is_some_and(|parent| parent != "env")
        })
}

/// Whether the map at a path belongs as a whole to whoever wrote it.
pub(super) fn is_whole_map(path: &[String]) -> bool {
    path.last().is_some_and(|last| WHOLE_MAPS.contains(&last.as_str()))
}
