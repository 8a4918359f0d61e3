package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-base/version"
	"k8s.io/klog/v2"
)

// Two pools, as a cluster for models has them: processors in three zones, and GPUs, tainted so that nothing else goes
// there.
const (
	cpuNodes = 3
	gpuNodes = 2
)

// Between two heartbeats of a node, whose lease lasts four of them.
const (
	heartbeat    = 10 * time.Second
	leaseSeconds = 40
)

// defaultNodes are those of the two pools.
func defaultNodes() []*v1.Node {
	var nodes []*v1.Node
	for i := range cpuNodes {
		nodes = append(nodes, newNode(fmt.Sprintf("cpu-%d", i), "general", "m6i.16xlarge", i, map[v1.ResourceName]string{
			v1.ResourceCPU: "64", v1.ResourceMemory: "256Gi",
		}))
	}
	for i := range gpuNodes {
		node := newNode(fmt.Sprintf("gpu-%d", i), "inference", "g4dn.12xlarge", i, map[v1.ResourceName]string{
			v1.ResourceCPU: "48", v1.ResourceMemory: "192Gi", "nvidia.com/gpu": "4",
		})
		node.Labels["gpu"] = "true"
		node.Labels["nvidia.com/gpu.present"] = "true"
		node.Labels["nvidia.com/gpu.product"] = "Tesla-T4"
		node.Spec.Taints = []v1.Taint{{Key: "nvidia.com/gpu", Value: "true", Effect: v1.TaintEffectNoSchedule}}
		nodes = append(nodes, node)
	}
	return nodes
}

func newNode(name, pool, machine string, zone int, capacity map[v1.ResourceName]string) *v1.Node {
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
			"eks.amazonaws.com/nodegroup": pool, "node.kubernetes.io/instance-type": machine,
			"topology.kubernetes.io/region": "eu-central-1",
			"topology.kubernetes.io/zone":   "eu-central-1" + string(rune('a'+zone)),
		}},
		Status: v1.NodeStatus{Capacity: v1.ResourceList{}},
	}
	for name, quantity := range capacity {
		node.Status.Capacity[name] = resource.MustParse(quantity)
	}
	return node
}

// createNodes creates those of a file, or the default ones.
func (k *kubelets) createNodes(ctx context.Context, path string) error {
	nodes := defaultNodes()
	if path != "" {
		var err error
		if nodes, err = readNodes(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, node := range nodes {
		if _, err := k.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

func readNodes(path string) ([]*v1.Node, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	var nodes []*v1.Node
	for {
		node := &v1.Node{}
		err := decoder.Decode(node)
		if errors.Is(err, io.EOF) {
			return nodes, nil
		}
		if err != nil {
			return nil, err
		}
		if node.Name != "" {
			nodes = append(nodes, node)
		}
	}
}

// beat renews the leases of all nodes until the context ends.
func (k *kubelets) beat(ctx context.Context) {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		nodes, err := k.nodes.List(labels.Everything())
		if err != nil {
			return
		}
		for _, node := range nodes {
			if !isDead(node) {
				k.renew(ctx, node)
			}
		}
	}, heartbeat)
}

// alive says whether the node has a kubelet.
func (k *kubelets) alive(name string) bool {
	node, err := k.nodes.Get(name)
	return err == nil && !isDead(node)
}

func isDead(node *v1.Node) bool { return node.Annotations[annotations+"dead"] == "true" }

func (k *kubelets) renew(ctx context.Context, node *v1.Node) {
	leases := k.client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	now, seconds := metav1.NowMicro(), int32(leaseSeconds)
	lease, err := leases.Get(ctx, node.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		owner := metav1.OwnerReference{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}
		_, err = leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: node.Name, OwnerReferences: []metav1.OwnerReference{owner}},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &node.Name, LeaseDurationSeconds: &seconds, RenewTime: &now},
		}, metav1.CreateOptions{})
	} else if err == nil {
		lease.Spec.RenewTime = &now
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	if err != nil {
		klog.V(2).InfoS("lease", "node", node.Name, "err", err)
	}
}

// nodeSeen reports a node as its kubelet would.
func (k *kubelets) nodeSeen(ctx context.Context, object any) {
	node, ok := object.(*v1.Node)
	if !ok || isDead(node) {
		return
	}
	node = node.DeepCopy()
	before := node.Status.DeepCopy()
	k.report(node)
	if equality.Semantic.DeepEqual(before, &node.Status) {
		return
	}
	go func() {
		k.renew(ctx, node)
		_, err := k.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
		if err != nil && !apierrors.IsConflict(err) {
			klog.InfoS("node status", "node", node.Name, "err", err)
		}
	}()
}

func (k *kubelets) report(node *v1.Node) {
	status := &node.Status
	if status.Capacity == nil {
		status.Capacity = v1.ResourceList{}
	}
	// The server takes what a Node is created with as what it can give: what is added here is added there.
	if status.Allocatable == nil {
		status.Allocatable = status.Capacity.DeepCopy()
	}
	for name, quantity := range map[v1.ResourceName]string{
		v1.ResourceCPU: "8", v1.ResourceMemory: "32Gi", v1.ResourcePods: "110", v1.ResourceEphemeralStorage: "100Gi",
	} {
		if _, ok := status.Capacity[name]; !ok {
			status.Capacity[name] = resource.MustParse(quantity)
		}
		if _, ok := status.Allocatable[name]; !ok {
			status.Allocatable[name] = status.Capacity[name]
		}
	}
	status.Addresses = []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: "127.0.0.1"}, {Type: v1.NodeHostName, Address: node.Name}}
	status.DaemonEndpoints.KubeletEndpoint.Port = k.port
	status.NodeInfo.KubeletVersion, status.NodeInfo.ContainerRuntimeVersion = version.Get().GitVersion, "test://1"
	status.NodeInfo.OperatingSystem, status.NodeInfo.Architecture = "linux", "amd64"

	ready, reason := v1.ConditionTrue, "KubeletReady"
	if node.Annotations[annotations+"ready"] == "false" {
		ready, reason = v1.ConditionFalse, "KubeletNotReady"
	}
	setNodeCondition(status, v1.NodeReady, ready, reason)
	setNodeCondition(status, v1.NodeMemoryPressure, v1.ConditionFalse, "KubeletHasSufficientMemory")
	setNodeCondition(status, v1.NodeDiskPressure, v1.ConditionFalse, "KubeletHasNoDiskPressure")
	setNodeCondition(status, v1.NodePIDPressure, v1.ConditionFalse, "KubeletHasSufficientPID")
}

func setNodeCondition(status *v1.NodeStatus, kind v1.NodeConditionType, is v1.ConditionStatus, reason string) {
	now := metav1.Now()
	wanted := v1.NodeCondition{
		Type: kind, Status: is, Reason: reason, Message: "as the test wants it", LastHeartbeatTime: now, LastTransitionTime: now,
	}
	for i := range status.Conditions {
		if known := &status.Conditions[i]; known.Type == kind {
			if known.Status != is || known.Reason != reason {
				*known = wanted
			}
			return
		}
	}
	status.Conditions = append(status.Conditions, wanted)
}

// usable is nil once the default namespace has its service account, and pods can be scheduled to every node.
func usable(ctx context.Context, client kubernetes.Interface) error {
	if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
		return err
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, node := range nodes.Items {
		for _, taint := range node.Spec.Taints {
			if strings.HasPrefix(taint.Key, "node.kubernetes.io/") {
				return fmt.Errorf("node %s has the taint %s", node.Name, taint.Key)
			}
		}
	}
	return nil
}
