package main

import (
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
)

// reportChanges writes the pod's status whenever it changed, until the object is gone. A dead node reports nothing.
func (w *worker) reportChanges() {
	for {
		select {
		case <-w.here.Done():
			return
		case <-w.changed:
		}
		for !w.report() {
			if !sleep(w.here, 50*time.Millisecond) {
				return
			}
		}
	}
}

// report writes the status once. It is false when it must be tried again.
func (w *worker) report() bool {
	pod := w.pod.Load()
	if !w.kubelets.alive(pod.Spec.NodeName) {
		return false
	}
	pods := w.kubelets.client.CoreV1().Pods(pod.Namespace)
	pod = pod.DeepCopy()
	w.fill(pod)
	if equality.Semantic.DeepEqual(&w.pod.Load().Status, &pod.Status) {
		return true
	}
	_, err := pods.UpdateStatus(w.here, pod, metav1.UpdateOptions{})
	switch {
	case err == nil, apierrors.IsNotFound(err), w.here.Err() != nil:
		return true
	case apierrors.IsConflict(err):
		// Somebody else changed the object: the change will be seen, or is asked for if the watch is slow.
		if newer, err := pods.Get(w.here, pod.Name, metav1.GetOptions{}); err == nil && newer.UID == pod.UID {
			w.see(newer)
		}
		return false
	default:
		klog.InfoS("pod status", "pod", pod.Name, "err", err)
		return false
	}
}

// fill puts what is known of the pod into its status. What others wrote there stays.
func (w *worker) fill(pod *v1.Pod) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	status := &pod.Status
	status.StartTime = &w.started
	status.HostIP, status.HostIPs = "127.0.0.1", []v1.HostIP{{IP: "127.0.0.1"}}
	if w.address != "" {
		status.PodIP, status.PodIPs = w.address, []v1.PodIP{{IP: w.address}}
	}
	status.InitContainerStatuses, status.ContainerStatuses = nil, nil
	for _, c := range w.init {
		status.InitContainerStatuses = append(status.InitContainerStatuses, c.status())
	}
	for _, c := range w.containers {
		status.ContainerStatuses = append(status.ContainerStatuses, c.status())
	}
	status.Phase = phase(pod)
	fillConditions(pod)
}

// phase is what the states of the containers come to.
func phase(pod *v1.Pod) v1.PodPhase {
	for _, c := range pod.Status.InitContainerStatuses {
		switch ended := c.State.Terminated; {
		case ended == nil:
			return v1.PodPending
		case ended.ExitCode != 0 && pod.Spec.RestartPolicy == v1.RestartPolicyNever:
			return v1.PodFailed
		case ended.ExitCode != 0:
			return v1.PodPending
		}
	}
	waiting, goesOn, failed := false, false, false
	for _, c := range pod.Status.ContainerStatuses {
		switch ended := c.State.Terminated; {
		case c.State.Waiting != nil && c.LastTerminationState.Terminated == nil:
			waiting = true
		case ended == nil:
			goesOn = true
		case pod.DeletionTimestamp == nil && isRestartedBy(pod.Spec.RestartPolicy, ended.ExitCode):
			goesOn = true
		case ended.ExitCode != 0:
			failed = true
		}
	}
	switch {
	case waiting:
		return v1.PodPending
	case goesOn:
		return v1.PodRunning
	case failed:
		return v1.PodFailed
	default:
		return v1.PodSucceeded
	}
}

func isRestartedBy(policy v1.RestartPolicy, code int32) bool {
	return policy == v1.RestartPolicyAlways || policy == v1.RestartPolicyOnFailure && code != 0
}

func fillConditions(pod *v1.Pod) {
	status := &pod.Status
	initialized, ready := true, true
	for _, c := range status.InitContainerStatuses {
		initialized = initialized && c.Ready
	}
	for _, c := range status.ContainerStatuses {
		ready = ready && c.Ready
	}
	notInitialized, notReady := "ContainersNotInitialized", "ContainersNotReady"
	if isTerminal(pod) {
		notReady = "PodCompleted"
		if status.Phase == v1.PodFailed {
			notReady = "PodFailed"
		}
	}
	setCondition(status, v1.PodReadyToStartContainers, status.PodIP != "", "")
	setCondition(status, v1.PodInitialized, initialized, notInitialized)
	setCondition(status, v1.ContainersReady, ready, notReady)
	for _, gate := range pod.Spec.ReadinessGates {
		if !hasCondition(status, gate.ConditionType) {
			ready, notReady = false, "ReadinessGatesNotReady"
		}
	}
	setCondition(status, v1.PodReady, ready, notReady)
}

func hasCondition(status *v1.PodStatus, kind v1.PodConditionType) bool {
	for _, condition := range status.Conditions {
		if condition.Type == kind {
			return condition.Status == v1.ConditionTrue
		}
	}
	return false
}

// setCondition sets one; `reason` is why it is not so.
func setCondition(status *v1.PodStatus, kind v1.PodConditionType, is bool, reason string) {
	wanted := v1.PodCondition{Type: kind, Status: v1.ConditionTrue, LastTransitionTime: metav1.Now()}
	if !is {
		wanted.Status, wanted.Reason = v1.ConditionFalse, reason
	}
	for i := range status.Conditions {
		if known := &status.Conditions[i]; known.Type == kind {
			if known.Status == wanted.Status {
				wanted.LastTransitionTime = known.LastTransitionTime
			}
			*known = wanted
			return
		}
	}
	status.Conditions = append(status.Conditions, wanted)
}
