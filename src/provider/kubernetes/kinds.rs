//! The kinds that every cluster has: how the API calls them, and what of them cannot change.
//!
//! Ours, not generated: a plan without a cluster needs to know of a kind only its resource, whether it has a namespace,
//! which of its fields cannot change, and what comes before it.

/// Group and version of an API version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group<'a> {
    /// Empty for the first group of all.
    pub(super) group: &'a str,
    pub(super) version: &'a str,
}

impl<'a> Group<'a> {
    pub(super) fn of(api_version: &'a str) -> Self {
        match api_version.split_once('/') {
            Some((group, version)) => Self { group, version },
            None => Self { group: "", version: api_version },
        }
    }
}

/// A kind that is built in.
#[derive(Debug)]
pub(super) struct Known {
    group: &'static str,
    kind: &'static str,
    /// How its collection is called.
    pub(super) plural: &'static str,
    pub(super) namespaced: bool,
    /// What comes first when objects are made, and last when they are taken away.
    pub(super) rank: u8,
    /// Fields whose change needs a new object, by their paths; a `*` stands for everything but what follows it.
    fixed: &'static str,
}

const fn kind(
    (group, kind, plural): (&'static str, &'static str, &'static str),
    namespaced: bool,
    rank: u8,
    fixed: &'static str,
) -> Known {
    Known { group, kind, plural, namespaced, rank, fixed }
}

/// Places where others live.
pub(super) const PLACE: u8 = 0;
/// Definitions of kinds.
pub(super) const DEFINITION: u8 = 1;
/// Who may do what.
pub(super) const ACCESS: u8 = 2;
/// What workloads read and are limited by.
pub(super) const CONFIG: u8 = 3;
/// Addresses, and what workloads lie on.
pub(super) const BASE: u8 = 4;
/// What runs.
pub(super) const WORKLOAD: u8 = 5;
/// What stands before or watches what runs; and every kind that is not built in.
pub(super) const AROUND: u8 = 6;
/// What looks at each object that is made.
const WEBHOOK: u8 = 7;

const RBAC: &str = "rbac.authorization.k8s.io";
const NETWORK: &str = "networking.k8s.io";
const STORAGE: &str = "storage.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const YES: bool = true;
const NO: bool = false;

/// Of a Pod only these change: images, deadlines, tolerations that are added.
const POD: &str = "spec.* spec.containers spec.initContainers spec.activeDeadlineSeconds spec.tolerations spec.terminationGracePeriodSeconds";
const STATEFUL_SET: &str = "spec.* spec.replicas spec.ordinals spec.template spec.updateStrategy spec.revisionHistoryLimit spec.persistentVolumeClaimRetentionPolicy spec.minReadySeconds";
const CLAIM: &str = "spec.* spec.resources spec.volumeAttributesClassName";
const JOB: &str = "spec.selector spec.template spec.completions spec.completionMode spec.podFailurePolicy spec.successPolicy spec.backoffLimitPerIndex spec.podReplacementPolicy spec.managedBy";

const KINDS: &[Known] = &[
    kind(("", "Namespace", "namespaces"), NO, PLACE, ""),
    kind(
        ("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions"),
        NO,
        DEFINITION,
        "spec.group spec.scope spec.names.kind spec.names.plural",
    ),
    kind(("scheduling.k8s.io", "PriorityClass", "priorityclasses"), NO, DEFINITION, "value preemptionPolicy"),
    kind(
        (STORAGE, "StorageClass", "storageclasses"),
        NO,
        DEFINITION,
        "provisioner parameters reclaimPolicy volumeBindingMode",
    ),
    kind(
        (STORAGE, "CSIDriver", "csidrivers"),
        NO,
        DEFINITION,
        "spec.attachRequired spec.fsGroupPolicy spec.volumeLifecycleModes",
    ),
    kind((STORAGE, "VolumeAttachment", "volumeattachments"), NO, BASE, "spec"),
    kind((STORAGE, "CSIStorageCapacity", "csistoragecapacities"), YES, BASE, "storageClassName nodeTopology"),
    kind(("node.k8s.io", "RuntimeClass", "runtimeclasses"), NO, DEFINITION, "handler"),
    kind((NETWORK, "IngressClass", "ingressclasses"), NO, DEFINITION, "spec.controller"),
    kind((NETWORK, "IPAddress", "ipaddresses"), NO, BASE, "spec"),
    kind((NETWORK, "ServiceCIDR", "servicecidrs"), NO, BASE, "spec"),
    kind(("resource.k8s.io", "DeviceClass", "deviceclasses"), NO, DEFINITION, ""),
    kind(("resource.k8s.io", "ResourceClaim", "resourceclaims"), YES, BASE, "spec"),
    kind(("resource.k8s.io", "ResourceClaimTemplate", "resourceclaimtemplates"), YES, BASE, "spec"),
    kind(("resource.k8s.io", "ResourceSlice", "resourceslices"), NO, BASE, "spec.driver spec.nodeName"),
    kind((RBAC, "ClusterRole", "clusterroles"), NO, ACCESS, ""),
    kind((RBAC, "ClusterRoleBinding", "clusterrolebindings"), NO, ACCESS, "roleRef"),
    kind((RBAC, "Role", "roles"), YES, ACCESS, ""),
    kind((RBAC, "RoleBinding", "rolebindings"), YES, ACCESS, "roleRef"),
    kind(("", "ServiceAccount", "serviceaccounts"), YES, ACCESS, ""),
    kind(
        ("certificates.k8s.io", "CertificateSigningRequest", "certificatesigningrequests"),
        NO,
        ACCESS,
        "spec",
    ),
    kind(("certificates.k8s.io", "ClusterTrustBundle", "clustertrustbundles"), NO, ACCESS, "spec.signerName"),
    kind(("", "ResourceQuota", "resourcequotas"), YES, CONFIG, "spec.scopes spec.scopeSelector"),
    kind(("", "LimitRange", "limitranges"), YES, CONFIG, ""),
    kind(("", "ConfigMap", "configmaps"), YES, CONFIG, ""),
    kind(("", "Secret", "secrets"), YES, CONFIG, "type"),
    kind((NETWORK, "NetworkPolicy", "networkpolicies"), YES, CONFIG, ""),
    kind(("policy", "PodDisruptionBudget", "poddisruptionbudgets"), YES, CONFIG, ""),
    kind(
        ("", "PersistentVolume", "persistentvolumes"),
        NO,
        BASE,
        "spec.* spec.capacity spec.accessModes spec.persistentVolumeReclaimPolicy spec.claimRef spec.mountOptions spec.storageClassName spec.nodeAffinity spec.volumeAttributesClassName",
    ),
    kind(("", "PersistentVolumeClaim", "persistentvolumeclaims"), YES, BASE, CLAIM),
    kind(("", "Service", "services"), YES, BASE, "spec.clusterIP"),
    kind(("", "Endpoints", "endpoints"), YES, BASE, ""),
    kind(("", "PodTemplate", "podtemplates"), YES, BASE, ""),
    kind(("", "Node", "nodes"), NO, BASE, "spec.podCIDR spec.providerID"),
    kind(("discovery.k8s.io", "EndpointSlice", "endpointslices"), YES, BASE, "addressType"),
    kind(("", "Event", "events"), YES, AROUND, ""),
    kind(("", "Pod", "pods"), YES, WORKLOAD, POD),
    kind(("", "ReplicationController", "replicationcontrollers"), YES, WORKLOAD, ""),
    kind(("apps", "Deployment", "deployments"), YES, WORKLOAD, "spec.selector"),
    kind(("apps", "ReplicaSet", "replicasets"), YES, WORKLOAD, "spec.selector"),
    kind(("apps", "StatefulSet", "statefulsets"), YES, WORKLOAD, STATEFUL_SET),
    kind(("apps", "DaemonSet", "daemonsets"), YES, WORKLOAD, "spec.selector"),
    kind(("apps", "ControllerRevision", "controllerrevisions"), YES, WORKLOAD, "data"),
    kind(("batch", "Job", "jobs"), YES, WORKLOAD, JOB),
    kind(("batch", "CronJob", "cronjobs"), YES, WORKLOAD, ""),
    kind(("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers"), YES, AROUND, ""),
    kind((NETWORK, "Ingress", "ingresses"), YES, AROUND, ""),
    kind(("coordination.k8s.io", "Lease", "leases"), YES, CONFIG, ""),
    kind(("apiregistration.k8s.io", "APIService", "apiservices"), NO, AROUND, ""),
    kind(("flowcontrol.apiserver.k8s.io", "FlowSchema", "flowschemas"), NO, CONFIG, ""),
    kind(
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", "prioritylevelconfigurations"),
        NO,
        CONFIG,
        "",
    ),
    kind((ADMISSION, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"), NO, WEBHOOK, ""),
    kind((ADMISSION, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"), NO, WEBHOOK, ""),
    kind((ADMISSION, "ValidatingAdmissionPolicy", "validatingadmissionpolicies"), NO, WEBHOOK, ""),
    kind(
        (ADMISSION, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
        NO,
        WEBHOOK,
        "",
    ),
];

/// What is known of a kind, if it is built in.
pub(super) fn find(api_version: &str, kind: &str) -> Option<&'static Known> {
    let group = Group::of(api_version).group;
    KINDS.iter().find(|known| known.kind == kind && known.group == group)
}

/// What comes first: a kind that is not built in goes with what stands around the workloads.
pub(super) fn rank(api_version: &str, kind: &str) -> u8 {
    find(api_version, kind).map_or(AROUND, |known| known.rank)
}

impl Known {
    /// The field of its kind that cannot change and holds this one, as its names below the object, if there is one. A `*`
    /// holds whatever the patterns after it do not name.
    pub(super) fn fixed(&self, path: &[&str]) -> bool {
        let patterns: Vec<Vec<&str>> = self.fixed.split(' ').map(|each| each.split('.').collect()).collect();
        let Some((first, rest)) = patterns.split_first() else { return false };
        if let [outer @ .., "*"] = first.as_slice() {
            return path.len() > outer.len()
                && path.starts_with(outer)
                && !rest.iter().any(|free| path.starts_with(free));
        }
        !self.fixed.is_empty() && patterns.iter().any(|fixed| path.starts_with(fixed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_whatever_their_version() {
        let resource = |version, kind| find(version, kind).map(|known| (known.plural, known.namespaced));
        assert_eq!(resource("v1", "ConfigMap"), Some(("configmaps", true)));
        assert_eq!(
            resource("autoscaling/v2", "HorizontalPodAutoscaler"),
            Some(("horizontalpodautoscalers", true))
        );
        assert_eq!(resource("networking.k8s.io/v1", "Ingress"), Some(("ingresses", true)));
        assert_eq!(resource("rbac.authorization.k8s.io/v1", "ClusterRole"), Some(("clusterroles", false)));
        assert_eq!(resource("example.com/v1", "ConfigMap"), None, "another group's kind of the same name");
        assert_eq!(rank("example.com/v1", "Thing"), AROUND);
    }

    #[test]
    fn what_cannot_change_is_known() {
        for (version, kind, path, expected) in [
            ("apps/v1", "Deployment", "spec.selector.matchLabels.app", true),
            ("apps/v1", "Deployment", "spec.template.spec.containers", false),
            ("apps/v1", "StatefulSet", "spec.serviceName", true),
            ("apps/v1", "StatefulSet", "spec.template.metadata", false),
            ("apps/v1", "StatefulSet", "metadata.labels", false),
            ("batch/v1", "Job", "spec.template.spec.containers", true),
            ("batch/v1", "Job", "spec.parallelism", false),
            ("v1", "PersistentVolumeClaim", "spec.storageClassName", true),
            ("v1", "PersistentVolumeClaim", "spec.resources.requests.storage", false),
            ("rbac.authorization.k8s.io/v1", "RoleBinding", "roleRef.name", true),
            ("v1", "Secret", "type", true),
            ("v1", "ConfigMap", "data.a", false),
        ] {
            let path: Vec<_> = path.split('.').collect();
            assert_eq!(find(version, kind).unwrap().fixed(&path), expected, "{kind} {path:?}");
        }
    }
}
