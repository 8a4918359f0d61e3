package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// measureEach is the time between two measurements of a pod.
const measureEach = 2 * time.Second

// metricsDefinition stands in for the metrics server: what pods use is an object for each, which the autoscaler finds
// where it would find that server's answers.
const metricsDefinition = `{
  "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
  "metadata": {"name": "pods.metrics.k8s.io", "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"}},
  "spec": {
    "group": "metrics.k8s.io", "scope": "Namespaced",
    "names": {"plural": "pods", "kind": "PodMetrics", "listKind": "PodMetricsList"},
    "versions": [{"name": "v1beta1", "served": true, "storage": true, "schema": {
      "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]
  }
}`

// measure writes, until the context ends, what the running pods use that have an annotation `cpu` or `memory`: it is what
// that says, for each container.
func (k *kubelets) measure(ctx context.Context) {
	rest := k.client.Discovery().RESTClient()
	path := "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	err := rest.Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body([]byte(metricsDefinition)).Do(ctx).Error()
	if err != nil && !apierrors.IsAlreadyExists(err) {
		klog.InfoS("metrics", "err", err)
	}
	for sleep(ctx, measureEach) {
		pods, err := k.pods.List(labels.Everything())
		if err != nil {
			continue
		}
		for _, pod := range pods {
			cpu, memory := pod.Annotations[annotations+"cpu"], pod.Annotations[annotations+"memory"]
			if pod.Status.Phase == v1.PodRunning && pod.DeletionTimestamp == nil && cpu+memory != "" {
				k.writeMetrics(ctx, pod, usage{CPU: or(cpu, "1m"), Memory: or(memory, "1Mi")})
			}
		}
	}
}

// usage is what a container uses.
type usage struct {
	CPU    string `json:"cpu"`
	Memory string `json:"memory"`
}

func or(given, otherwise string) string {
	if given == "" {
		return otherwise
	}
	return given
}

func (k *kubelets) writeMetrics(ctx context.Context, pod *v1.Pod, of usage) {
	type container struct {
		Name  string `json:"name"`
		Usage usage  `json:"usage"`
	}
	var containers []container
	for _, c := range pod.Spec.Containers {
		containers = append(containers, container{c.Name, of})
	}
	owner := metav1.OwnerReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics",
		"metadata": map[string]any{
			"name": pod.Name, "namespace": pod.Namespace, "labels": pod.Labels, "ownerReferences": []metav1.OwnerReference{owner},
		},
		"timestamp": metav1.Now(), "window": "1s", "containers": containers,
	})
	if err == nil {
		path := fmt.Sprintf("/apis/metrics.k8s.io/v1beta1/namespaces/%s/pods/%s", pod.Namespace, pod.Name)
		request := k.client.Discovery().RESTClient().Patch(types.ApplyPatchType).AbsPath(path)
		err = request.Param("fieldManager", "metrics-server").Param("force", "true").Body(body).Do(ctx).Error()
	}
	if err != nil {
		klog.V(2).InfoS("metrics", "pod", pod.Name, "err", err)
	}
}
