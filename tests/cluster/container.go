package main

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Waits before a container that ended is started again: a tenth of a kubelet's, so that a test sees several.
const (
	restartsAtOnce = 100 * time.Millisecond
	backOffMin     = time.Second
	backOffMax     = 10 * time.Second
)

// pullAgain is how long it takes until an image that cannot be pulled is tried again.
const pullAgain = 2 * time.Second

// container is one of a pod, over all its restarts.
type container struct {
	worker *worker
	index  int
	isInit bool

	// What is reported; the worker's mutex guards it.
	state    v1.ContainerState
	last     v1.ContainerState
	id       string
	restarts int32
	ready    bool
	started  bool
}

// task is what runs in a container's place.
type task interface {
	// done gets how it ended, once.
	done() <-chan exit
	// terminate asks it to end, as SIGTERM does.
	terminate()
	// kill ends it.
	kill()
	// check does what a probe says; nil is success.
	check(ctx context.Context, kind probeKind, probe *v1.Probe) error
}

// exit is how a task ended.
type exit struct {
	code    int32
	reason  string
	message string
}

func newContainer(w *worker, spec *v1.Container, isInit bool) *container {
	c := &container{worker: w, isInit: isInit}
	all := w.pod.Load().Spec.Containers
	if isInit {
		all = w.pod.Load().Spec.InitContainers
	}
	for i := range all {
		if all[i].Name == spec.Name {
			c.index = i
		}
	}
	reason := "ContainerCreating"
	if len(w.pod.Load().Spec.InitContainers) > 0 {
		reason = "PodInitializing"
	}
	c.state.Waiting = &v1.ContainerStateWaiting{Reason: reason}
	return c
}

// spec is the container as the object has it now: its image can be changed.
func (c *container) spec() *v1.Container {
	pod := c.worker.pod.Load()
	if c.isInit {
		return &pod.Spec.InitContainers[c.index]
	}
	return &pod.Spec.Containers[c.index]
}

// run starts the container again and again, as the pod's policy has it.
func (c *container) run() {
	w := c.worker
	for backOff := restartsAtOnce; ; {
		if !c.pull() || !c.waitForConfiguration() {
			return
		}
		ended, ran := c.once()
		if w.kept.Err() != nil || !c.isRestarted(ended) {
			return
		}
		if ran > time.Minute {
			backOff = restartsAtOnce
		}
		if backOff >= backOffMin {
			w.event(c, v1.EventTypeWarning, "BackOff", "Back-off restarting failed container %s in pod %s", c.spec().Name, w.formatted())
			c.wait("CrashLoopBackOff", fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", backOff, c.spec().Name, w.formatted()))
		}
		if !sleep(w.kept, backOff) {
			return
		}
		backOff = min(max(2*backOff, backOffMin), backOffMax)
	}
}

// formatted is the pod as a kubelet writes it.
func (w *worker) formatted() string {
	pod := w.pod.Load()
	return fmt.Sprintf("%s_%s(%s)", pod.Name, pod.Namespace, pod.UID)
}

func (c *container) isRestarted(ended exit) bool {
	switch policy := c.worker.pod.Load().Spec.RestartPolicy; {
	case c.isInit:
		return ended.code != 0 && policy != v1.RestartPolicyNever
	case policy == v1.RestartPolicyNever:
		return false
	case policy == v1.RestartPolicyOnFailure:
		return ended.code != 0
	default:
		return true
	}
}

// pull gets the image, for as long as it takes. It is false when the pod is deleted first.
func (c *container) pull() bool {
	w := c.worker
	for {
		image := c.spec().Image
		w.event(c, v1.EventTypeNormal, "Pulling", "Pulling image %q", image)
		if w.outcome() != outcomeNoImage || c.isInit {
			w.event(c, v1.EventTypeNormal, "Pulled", "Successfully pulled image %q in 1ms (1ms including waiting). Image size: 1 bytes.", image)
			return w.kept.Err() == nil
		}
		cause := fmt.Sprintf("rpc error: code = NotFound desc = failed to pull and unpack image %q: failed to resolve reference %q: %s: not found", image, image, image)
		w.event(c, v1.EventTypeWarning, "Failed", "Failed to pull image %q: %s", image, cause)
		w.event(c, v1.EventTypeWarning, "Failed", "Error: ErrImagePull")
		c.wait("ErrImagePull", cause)
		if !sleep(w.kept, 300*time.Millisecond) {
			return false
		}
		w.event(c, v1.EventTypeNormal, "BackOff", "Back-off pulling image %q", image)
		w.event(c, v1.EventTypeWarning, "Failed", "Error: ImagePullBackOff")
		c.wait("ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: ErrImagePull: %s", image, cause))
		if !sleep(w.kept, pullAgain) {
			return false
		}
	}
}

// waitForConfiguration waits for the ConfigMaps and Secrets that the variables come from.
func (c *container) waitForConfiguration() bool {
	w := c.worker
	for told := ""; ; {
		missing := w.missingVariable(c.spec())
		if missing == "" {
			return w.kept.Err() == nil
		}
		if told != missing {
			told = missing
			w.event(c, v1.EventTypeWarning, "Failed", "Error: %s", missing)
			c.wait("CreateContainerConfigError", missing)
		}
		if !sleep(w.kept, 300*time.Millisecond) {
			return false
		}
	}
}

// once runs the container until it ends, or must end, and says how and after how long.
func (c *container) once() (exit, time.Duration) {
	w, spec := c.worker, c.spec()
	begun := metav1.Now()
	if c.id != "" {
		c.set(func() { c.restarts++ })
	}
	id := fmt.Sprintf("test://%s-%s-%d", w.pod.Load().UID, spec.Name, c.restarts)
	log, err := openLog(w.logPath(spec.Name, c.restarts))
	if err != nil {
		return c.ended(id, begun, exit{code: 128, reason: "StartError", message: err.Error()})
	}
	defer log.Close()
	started, err := w.newTask(c, log)
	if err != nil {
		w.event(c, v1.EventTypeWarning, "Failed", "Error: %v", err)
		return c.ended(id, begun, exit{code: 128, reason: "StartError", message: err.Error()})
	}
	w.event(c, v1.EventTypeNormal, "Created", "Created container: %s", spec.Name)
	w.event(c, v1.EventTypeNormal, "Started", "Started container %s", spec.Name)
	c.set(func() {
		c.id = id
		c.become(v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: begun}})
		c.started, c.ready = spec.StartupProbe == nil, false
	})
	probing, stopProbing := context.WithCancel(w.kept)
	defer stopProbing()
	unhealthy := c.probe(probing, started)

	select {
	case ended := <-started.done():
		return c.ended(id, begun, ended)
	case kind := <-unhealthy:
		w.event(c, v1.EventTypeNormal, "Killing", "Container %s failed %s probe, will be restarted", spec.Name, kind)
		deadline := time.Now().Add(w.graceOf(c.probeOf(kind)))
		return c.ended(id, begun, c.stop(started, func() time.Time { return deadline }))
	case <-w.kept.Done():
		stopProbing()
		w.event(c, v1.EventTypeNormal, "Killing", "Stopping container %s", spec.Name)
		return c.ended(id, begun, c.stop(started, w.deadline))
	}
}

// deadline is when the grace of a pod that is being deleted is over. It can be shortened.
func (w *worker) deadline() time.Time {
	if at := w.pod.Load().DeletionTimestamp; at != nil && w.here.Err() == nil {
		return at.Time
	}
	return time.Time{}
}

// graceOf is how long a container may take to end after this probe failed.
func (w *worker) graceOf(probe *v1.Probe) time.Duration {
	seconds := int64(v1.DefaultTerminationGracePeriodSeconds)
	if given := w.pod.Load().Spec.TerminationGracePeriodSeconds; given != nil {
		seconds = *given
	}
	if probe != nil && probe.TerminationGracePeriodSeconds != nil {
		seconds = *probe.TerminationGracePeriodSeconds
	}
	return time.Duration(seconds) * time.Second
}

// stop ends a task: by its hook, by asking, and by force when its grace is over.
func (c *container) stop(t task, deadline func() time.Time) exit {
	go func() {
		c.beforeStop(deadline())
		t.terminate()
	}()
	for {
		select {
		case ended := <-t.done():
			return ended
		case <-time.After(20 * time.Millisecond):
			if time.Now().After(deadline()) {
				t.kill()
				return <-t.done()
			}
		}
	}
}

// ended reports the end of a run.
func (c *container) ended(id string, begun metav1.Time, how exit) (exit, time.Duration) {
	now := metav1.Now()
	c.set(func() {
		c.id = id
		c.become(v1.ContainerState{Terminated: &v1.ContainerStateTerminated{
			ExitCode: how.code, Reason: how.reason, Message: how.message, StartedAt: begun, FinishedAt: now, ContainerID: id,
		}})
		c.ready, c.started = false, false
	})
	return how, now.Sub(begun.Time)
}

// wait reports that the container does not run, and why.
func (c *container) wait(reason, message string) {
	c.set(func() {
		c.become(v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason, Message: message}})
		c.ready, c.started = false, false
	})
}

// become takes another state; an end that was the state is then the last one.
func (c *container) become(state v1.ContainerState) {
	if c.state.Terminated != nil {
		c.last = c.state
	}
	c.state = state
}

// set changes what is reported.
func (c *container) set(change func()) {
	c.worker.mutex.Lock()
	change()
	c.worker.mutex.Unlock()
	c.worker.touch()
}

// succeeded says whether the last run ended well.
func (c *container) succeeded() bool {
	c.worker.mutex.Lock()
	defer c.worker.mutex.Unlock()
	return c.state.Terminated != nil && c.state.Terminated.ExitCode == 0
}

// status is the container as a pod's status has it. The caller holds the worker's mutex.
func (c *container) status() v1.ContainerStatus {
	spec, started := c.spec(), c.started
	status := v1.ContainerStatus{
		Name: spec.Name, Image: spec.Image, State: c.state, LastTerminationState: c.last, RestartCount: c.restarts,
		Ready: c.ready, Started: &started, ContainerID: c.id,
	}
	if c.isInit {
		status.Ready = c.state.Terminated != nil && c.state.Terminated.ExitCode == 0
	}
	if c.id != "" {
		status.ImageID = spec.Image
	}
	return status
}
