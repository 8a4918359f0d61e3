package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
)

// Defaults of the annotations that are durations.
const (
	startDelay = 200 * time.Millisecond
	runTime    = 300 * time.Millisecond
	stopTime   = 100 * time.Millisecond
)

// worker walks one pod from the node that it is bound to until its object is gone.
type worker struct {
	kubelets *kubelets
	recorder record.EventRecorder
	// pod is the object as it was last seen.
	pod atomic.Pointer[v1.Pod]
	// here ends when the object is gone; kept ends before it, when the object is being deleted.
	here, kept context.Context
	leave, end context.CancelFunc
	// changed has one entry when what is here has not been reported yet.
	changed chan struct{}

	mutex      sync.Mutex
	started    metav1.Time
	address    string
	waits      v1.ContainerStateWaiting
	init       []*container
	containers []*container
}

func (k *kubelets) newWorker(ctx context.Context, pod *v1.Pod) *worker {
	w := &worker{
		kubelets: k, recorder: k.recorder(pod.Spec.NodeName), changed: make(chan struct{}, 1), started: metav1.Now(),
		waits: v1.ContainerStateWaiting{Reason: "ContainerCreating"},
	}
	w.here, w.leave = context.WithCancel(ctx)
	w.kept, w.end = context.WithCancel(w.here)
	w.pod.Store(pod)
	for i := range pod.Spec.InitContainers {
		w.init = append(w.init, newContainer(w, &pod.Spec.InitContainers[i], true))
	}
	for i := range pod.Spec.Containers {
		w.containers = append(w.containers, newContainer(w, &pod.Spec.Containers[i], false))
	}
	return w
}

// see takes a newer version of the object.
func (w *worker) see(pod *v1.Pod) {
	w.pod.Store(pod)
	if pod.DeletionTimestamp != nil {
		w.end()
	}
}

// run goes through the life of the pod. Nothing happens while its node is dead.
func (w *worker) run() {
	reporting := make(chan struct{})
	go func() {
		w.reportChanges()
		close(reporting)
	}()
	if w.waitForNode() && w.begin() {
		var all sync.WaitGroup
		for _, c := range w.containers {
			all.Add(1)
			go func() {
				defer all.Done()
				c.run()
			}()
		}
		all.Wait()
		w.touch()
	}
	<-w.kept.Done()
	w.remove()
	<-reporting
}

func (w *worker) waitForNode() bool {
	for !w.kubelets.alive(w.pod.Load().Spec.NodeName) {
		if !sleep(w.here, time.Second) {
			return false
		}
	}
	return w.kept.Err() == nil
}

// begin waits for what the pod needs and lets its init containers come and go. It is false when the pod is deleted first.
func (w *worker) begin() bool {
	w.touch()
	if !sleep(w.kept, w.duration("start-delay", startDelay)) {
		return false
	}
	for w.outcome() == outcomePending {
		if !sleep(w.kept, time.Second) {
			return false
		}
	}
	for told := ""; ; {
		volume, missing := w.missingVolume()
		if missing == "" {
			break
		}
		if told != missing {
			told = missing
			w.event(nil, v1.EventTypeWarning, "FailedMount", "MountVolume.SetUp failed for volume %q : %s", volume, missing)
		}
		if !sleep(w.kept, 300*time.Millisecond) {
			return false
		}
	}
	w.mutex.Lock()
	w.address = w.kubelets.network.next()
	w.mutex.Unlock()
	for _, c := range w.init {
		if c.run(); w.kept.Err() != nil || !c.succeeded() {
			return false
		}
	}
	return w.kept.Err() == nil
}

// remove takes the object away once its containers have ended.
func (w *worker) remove() {
	if w.here.Err() != nil || !w.waitForNodeToRemove() {
		return
	}
	pod := w.pod.Load()
	now := int64(0)
	options := metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}
	for {
		err := w.kubelets.client.CoreV1().Pods(pod.Namespace).Delete(w.here, pod.Name, options)
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return
		}
		klog.InfoS("deleting a pod", "pod", pod.Name, "err", err)
		if !sleep(w.here, time.Second) {
			return
		}
	}
}

func (w *worker) waitForNodeToRemove() bool {
	for !w.kubelets.alive(w.pod.Load().Spec.NodeName) {
		if !sleep(w.here, time.Second) {
			return false
		}
	}
	return true
}

// touch lets the state be reported.
func (w *worker) touch() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// event writes one about the pod, or about one of its containers.
func (w *worker) event(c *container, kind, reason, format string, values ...any) {
	pod := w.pod.Load()
	about := &v1.ObjectReference{
		APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
	}
	if c != nil {
		about.FieldPath = fmt.Sprintf("spec.containers{%s}", c.spec().Name)
		if c.isInit {
			about.FieldPath = fmt.Sprintf("spec.initContainers{%s}", c.spec().Name)
		}
	}
	w.recorder.Eventf(about, kind, reason, format, values...)
}

// outcome is what becomes of the pod.
func (w *worker) outcome() string {
	pod := w.pod.Load()
	if outcome := pod.Annotations[annotations+"outcome"]; outcomes[outcome] {
		return outcome
	}
	for _, c := range pod.Spec.Containers {
		if tag := imageTag(c.Image); outcomes[tag] {
			return tag
		}
	}
	if pod.Spec.RestartPolicy == v1.RestartPolicyAlways {
		return outcomeReady
	}
	return outcomeSucceed
}

// imageTag is `1.0` of `registry:5000/name:1.0@sha256:…`.
func imageTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return tag
}

// duration is the value of an annotation.
func (w *worker) duration(name string, otherwise time.Duration) time.Duration {
	if given, err := time.ParseDuration(w.pod.Load().Annotations[annotations+name]); err == nil {
		return given
	}
	return otherwise
}

func (w *worker) annotation(name string) string { return w.pod.Load().Annotations[annotations+name] }

// podAddress is the pod's, or nothing as long as it has none.
func (w *worker) podAddress() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.address
}
