package main

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
)

// kubelets plays the kubelets of all nodes: nodes are kept ready (nodes.go), and each pod that is bound to one has a
// worker (pod.go), which walks it through the states that a kubelet would report.
//
// What a pod does is said by its annotations, all of them below `cluster.test/`, or by the tag of its image:
//
//	outcome            one of the outcomes below; without it the tag of the image, if that is one; else `ready`,
//	                   or `succeed` in a pod that is not restarted (of a Job)
//	start-delay        how long it takes until its containers start (200ms)
//	run-time           how long a container runs that ends by itself (300ms)
//	stop-time          how long it takes to end when it is told to (100ms)
//	ignore-term        "true": it does not end when it is told to, but is killed when its grace is over
//	cpu, memory        what each container uses, for the autoscaler; without one nothing is measured
//	log                what each container writes when it starts
//	program            outcome `process`: the name of the program, one that -program gave; the first without it
//	environment        outcome `process`: a JSON object of variables that count more than the container's
//
// A node's annotations: `ready: "false"` is not ready, `dead: "true"` stops its kubelet.
type kubelets struct {
	client      kubernetes.Interface
	informers   informers.SharedInformerFactory
	pods        corelisters.PodLister
	nodes       corelisters.NodeLister
	secrets     corelisters.SecretLister
	configMaps  corelisters.ConfigMapLister
	broadcaster record.EventBroadcaster
	network     *network
	options     options
	folder      string
	port        int32

	mutex    sync.Mutex
	workers  map[types.UID]*worker
	programs map[*program]struct{}
}

// annotations is the prefix of ours.
const annotations = "cluster.test/"

// Outcomes of a pod.
const (
	outcomeReady       = "ready"         // runs and is ready, as its probes say
	outcomeNeverReady  = "never-ready"   // runs, and its readiness probe fails
	outcomeUnhealthy   = "unhealthy"     // runs, and its liveness probe fails
	outcomeCrash       = "crash"         // ends with exit code 1 after a while
	outcomeOutOfMemory = "out-of-memory" // is killed for its memory after a while
	outcomeNoImage     = "no-image"      // its image cannot be pulled
	outcomePending     = "pending"       // its containers are never created
	outcomeSucceed     = "succeed"       // ends with exit code 0 after a while
	outcomeFail        = "fail"          // ends with exit code 1 after a while
	outcomeProcess     = "process"       // a program of this machine runs in its place
)

var outcomes = map[string]bool{
	outcomeReady: true, outcomeNeverReady: true, outcomeUnhealthy: true, outcomeCrash: true, outcomeOutOfMemory: true,
	outcomeNoImage: true, outcomePending: true, outcomeSucceed: true, outcomeFail: true, outcomeProcess: true,
}

func newKubelets(ctx context.Context, client kubernetes.Interface, f files, n *network, o options) (*kubelets, error) {
	factory := informers.NewSharedInformerFactory(client, 0)
	core := factory.Core().V1()
	k := &kubelets{
		client: client, informers: factory, network: n, options: o, folder: filepath.Join(o.folder, "pods"),
		pods: core.Pods().Lister(), nodes: core.Nodes().Lister(),
		secrets: core.Secrets().Lister(), configMaps: core.ConfigMaps().Lister(),
		broadcaster: record.NewBroadcaster(record.WithContext(ctx)),
		workers:     map[types.UID]*worker{}, programs: map[*program]struct{}{},
	}
	core.Secrets().Informer()
	core.ConfigMaps().Informer()
	k.broadcaster.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	_, podsErr := core.Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { k.podSeen(ctx, o) },
		UpdateFunc: func(_, o any) { k.podSeen(ctx, o) },
		DeleteFunc: k.podGone,
	})
	_, nodesErr := core.Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { k.nodeSeen(ctx, o) },
		UpdateFunc: func(_, o any) { k.nodeSeen(ctx, o) },
	})
	return k, errors.Join(podsErr, nodesErr, k.serve(ctx, f))
}

// run plays until the context ends.
func (k *kubelets) run(ctx context.Context) error {
	k.informers.Start(ctx.Done())
	k.informers.WaitForCacheSync(ctx.Done())
	go k.measure(ctx)
	k.beat(ctx)
	return ctx.Err()
}

// podSeen gives a pod that is bound to a node its worker, and tells it what changed.
func (k *kubelets) podSeen(ctx context.Context, object any) {
	pod, ok := object.(*v1.Pod)
	if !ok || pod.Spec.NodeName == "" {
		return
	}
	k.mutex.Lock()
	w := k.workers[pod.UID]
	if w == nil {
		if isTerminal(pod) && pod.DeletionTimestamp == nil {
			k.mutex.Unlock()
			return
		}
		w = k.newWorker(ctx, pod)
		k.workers[pod.UID] = w
		go w.run()
	}
	k.mutex.Unlock()
	w.see(pod)
}

func (k *kubelets) podGone(object any) {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	pod, ok := object.(*v1.Pod)
	if !ok {
		return
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if w := k.workers[pod.UID]; w != nil {
		w.leave()
		delete(k.workers, pod.UID)
	}
}

// worker is the one of a pod, if it is here.
func (k *kubelets) worker(uid types.UID) *worker {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.workers[uid]
}

// recorder writes events in the name of a node's kubelet.
func (k *kubelets) recorder(node string) record.EventRecorder {
	return k.broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet", Host: node})
}

// killPrograms ends every program that still runs.
func (k *kubelets) killPrograms() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for p := range k.programs {
		p.kill()
	}
}

func isTerminal(pod *v1.Pod) bool {
	return pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed
}

// sleep waits, and says whether the context is still there afterwards.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
