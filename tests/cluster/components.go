package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cliflag "k8s.io/component-base/cli/flag"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	controlleroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// comesUp is how long the cluster may take to be usable; 5 to 8 s on a machine with nothing else to do.
const comesUp = 3 * time.Minute

// Requests a second of the components: the limits that they have by default are for clusters shared by many.
const (
	requestsPerSecond = 300
	requestsAtOnce    = 600
)

// cluster is what runs.
type cluster struct {
	server   string
	files    files
	kubelets *kubelets
	etcd     *embed.Etcd
	network  *network
	// failed gets the error of a component that ended by itself.
	failed chan error
}

// componentFlags are the flag sets of the three components, parsed. They share one registry of feature gates, which is
// why all are parsed before it is set.
type componentFlags struct {
	server      *apiserveroptions.ServerRunOptions
	controllers *controlleroptions.KubeControllerManagerOptions
	scheduler   *scheduleroptions.Options
}

// start brings the components up one after the other and waits until pods can be scheduled.
func start(ctx context.Context, o options) (*cluster, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &cluster{server: "https://" + listener.Addr().String(), failed: make(chan error, 8)}
	if c.files, err = writeFiles(o.folder, c.server); err != nil {
		return nil, err
	}
	if c.network, err = claimNetwork(o.folder); err != nil {
		return nil, err
	}
	var storage string
	if c.etcd, storage, err = startEtcd(o.folder); err != nil {
		return nil, err
	}
	flags, err := c.parse(listener, storage, o.serverFlags)
	if err != nil {
		return nil, err
	}
	if err := c.runServer(ctx, flags.server); err != nil {
		return nil, err
	}
	client, err := c.client("cluster")
	if err != nil {
		return nil, err
	}
	ready := func() error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}
	if err := c.wait(ctx, ready); err != nil {
		return nil, err
	}
	if err := c.runScheduler(ctx, flags.scheduler); err != nil {
		return nil, err
	}
	c.runControllers(ctx, flags.controllers)
	kubeletClient, err := c.client("kubelet")
	if err != nil {
		return nil, err
	}
	if c.kubelets, err = newKubelets(ctx, kubeletClient, c.files, c.network, o); err != nil {
		return nil, err
	}
	if err := c.kubelets.createNodes(ctx, o.nodes); err != nil {
		return nil, err
	}
	c.run(ctx, "kubelets", func() error { return c.kubelets.run(ctx) })
	return c, c.wait(ctx, func() error { return usable(ctx, client) })
}

// stop ends what would outlive the process; all the rest is thrown away.
func (c *cluster) stop() {
	if c.kubelets != nil {
		c.kubelets.killPrograms()
	}
	c.etcd.Close()
}

// run starts a part that goes on until the cluster ends.
func (c *cluster) run(ctx context.Context, name string, part func() error) {
	go func() {
		if err := part(); ctx.Err() == nil {
			c.failed <- fmt.Errorf("%s ended: %w", name, err)
		}
	}()
}

// client is who asks the API server under a name, which managedFields show.
func (c *cluster) client(name string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.files.kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = requestsPerSecond, requestsAtOnce
	config.UserAgent = name + "/" + restclient.DefaultKubernetesUserAgent()
	return kubernetes.NewForConfig(config)
}

// wait asks until there is no error, a component fails, or the time is over.
func (c *cluster) wait(ctx context.Context, ask func() error) error {
	deadline := time.Now().Add(comesUp)
	for {
		err := ask()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not usable after %v: %w", comesUp, err)
		}
		select {
		case <-ctx.Done():
			return errors.New("stopped while it started")
		case err := <-c.failed:
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// startEtcd starts etcd on a free port, without syncing to the disk: its data is thrown away.
func startEtcd(folder string) (*embed.Etcd, string, error) {
	config := embed.NewConfig()
	config.Dir = filepath.Join(folder, "etcd")
	config.LogLevel = "error"
	config.LogOutputs = []string{filepath.Join(folder, "etcd.log")}
	config.UnsafeNoFsync = true
	config.EnableGRPCGateway = false // it would call port 0
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = free, free
	config.ListenPeerUrls, config.AdvertisePeerUrls = free, free
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.MaxRequestBytes = 8 << 20
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, "", fmt.Errorf("etcd: %w", err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
	case <-time.After(comesUp):
		return nil, "", errors.New("etcd did not start")
	}
	return etcd, "http://" + etcd.Clients[0].Addr().String(), nil
}

func (c *cluster) parse(listener net.Listener, storage string, more []string) (componentFlags, error) {
	var f componentFlags
	var err error
	f.server = apiserveroptions.NewServerRunOptions()
	if f.controllers, err = controlleroptions.NewKubeControllerManagerOptions(); err != nil {
		return f, err
	}
	f.scheduler = scheduleroptions.NewOptions()
	controllerFlags := f.controllers.Flags(controllers.KnownControllers(), controllers.ControllersDisabledByDefault(), controllers.ControllerAliases())
	f.controllers.ParsedFlags = &controllerFlags

	serving := f.server.SecureServing
	serving.Listener, serving.BindPort = listener, listener.Addr().(*net.TCPAddr).Port
	serving.ExternalAddress = net.IPv4(127, 0, 0, 1)
	err = errors.Join(
		parseFlags("kube-apiserver", f.server.Flags(), append(c.serverFlags(storage), more...)),
		parseFlags("kube-controller-manager", controllerFlags, c.controllerFlags()),
		parseFlags("kube-scheduler", *f.scheduler.Flags, c.schedulerFlags()),
	)
	if err != nil {
		return f, err
	}
	return f, compatibility.DefaultComponentGlobalsRegistry.Set()
}

func parseFlags(component string, sets cliflag.NamedFlagSets, arguments []string) error {
	all := pflag.NewFlagSet(component, pflag.ContinueOnError)
	for _, set := range sets.FlagSets {
		all.AddFlagSet(set)
	}
	if err := all.Parse(arguments); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	return nil
}

func (c *cluster) serverFlags(storage string) []string {
	f := c.files
	return []string{
		"--bind-address=127.0.0.1",
		// An address that nobody has, so that no default route is needed.
		"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none",
		"--etcd-servers=" + storage,
		"--egress-selector-config-file=" + c.network.egress,
		"--service-cluster-ip-range=10.96.0.0/16",
		"--allow-privileged=true",
		"--authorization-mode=Node,RBAC",
		"--client-ca-file=" + f.ca, "--tls-cert-file=" + f.serverCertificate, "--tls-private-key-file=" + f.serverKey,
		"--requestheader-client-ca-file=" + f.ca, "--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + f.proxyCertificate, "--proxy-client-key-file=" + f.proxyKey,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + f.accountKey, "--service-account-signing-key-file=" + f.accountKey,
		"--kubelet-client-certificate=" + f.adminCertificate, "--kubelet-client-key=" + f.adminKey,
		"--kubelet-preferred-address-types=InternalIP",
	}
}

// controllerFlags let the autoscaler look every two seconds, and believe metrics of pods that have just started.
func (c *cluster) controllerFlags() []string {
	f := c.files
	return []string{
		"--kubeconfig=" + f.kubeconfig, "--secure-port=0", "--leader-elect=false",
		"--root-ca-file=" + f.ca, "--service-account-private-key-file=" + f.accountKey,
		"--cluster-signing-cert-file=" + f.ca, "--cluster-signing-key-file=" + f.caKey,
		fmt.Sprintf("--kube-api-qps=%d", requestsPerSecond), fmt.Sprintf("--kube-api-burst=%d", requestsAtOnce),
		"--horizontal-pod-autoscaler-sync-period=2s",
		"--horizontal-pod-autoscaler-cpu-initialization-period=2s",
		"--horizontal-pod-autoscaler-initial-readiness-delay=1s",
	}
}

func (c *cluster) schedulerFlags() []string {
	return []string{
		"--kubeconfig=" + c.files.kubeconfig, "--secure-port=0", "--leader-elect=false",
		fmt.Sprintf("--kube-api-qps=%d", requestsPerSecond), fmt.Sprintf("--kube-api-burst=%d", requestsAtOnce),
	}
}

func (c *cluster) runServer(ctx context.Context, o *apiserveroptions.ServerRunOptions) error {
	completed, err := o.Complete(ctx)
	if err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	if err := utilerrors.NewAggregate(completed.Validate()); err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	c.run(ctx, "kube-apiserver", func() error { return apiserver.Run(ctx, completed) })
	return nil
}

// runScheduler comes first: a component's clients are called as the program is, and managedFields show that name.
func (c *cluster) runScheduler(ctx context.Context, o *scheduleroptions.Options) error {
	os.Args[0] = "kube-scheduler"
	config, s, err := scheduler.Setup(ctx, o)
	if err != nil {
		return fmt.Errorf("kube-scheduler: %w", err)
	}
	c.run(ctx, "kube-scheduler", func() error { return scheduler.Run(ctx, config, s) })
	return nil
}

func (c *cluster) runControllers(ctx context.Context, o *controlleroptions.KubeControllerManagerOptions) {
	os.Args[0] = "kube-controller-manager"
	c.run(ctx, "kube-controller-manager", func() error {
		config, err := o.Config(controllers.KnownControllers(), controllers.ControllersDisabledByDefault(), controllers.ControllerAliases())
		if err != nil {
			return err
		}
		return controllers.Run(ctx, config.Complete())
	})
}
