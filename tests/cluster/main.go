// Command cluster is a Kubernetes cluster for tests, in one process on one machine. etcd, kube-apiserver,
// kube-controller-manager and kube-scheduler are the real ones; the nodes and their kubelets are played (kubelet.go):
// they run no containers, but do what each pod asks for, or run a program of this machine in a container's place.
//
// In: flags. Out: one line of JSON on standard output once the cluster can be used, or a message on standard error and
// exit code 1. It ends when its standard input does, so that it cannot outlive the test that started it, and keeps
// nothing.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	restclient "k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// options is what the command line asks for.
type options struct {
	folder      string
	nodes       string
	programs    pairs
	environment list
	second      time.Duration
	serverFlags list
	verbosity   int
}

func main() {
	var o options
	flag.StringVar(&o.folder, "folder", "", "a folder for certificates, data and logs (default: a temporary one, removed at the end)")
	flag.StringVar(&o.nodes, "nodes", "", "a file of Nodes to play, as YAML or JSON (default: three with processors, two with GPUs)")
	flag.Var(&o.programs, "program", "NAME=PATH: a program of this machine that pods may run; several times")
	flag.Var(&o.environment, "program-env", "NAME=VALUE: a variable that programs get as if their image set it; several times")
	flag.DurationVar(&o.second, "second", time.Second, "how long a second of a probe's delay and period takes; its time-out is not changed")
	flag.Var(&o.serverFlags, "apiserver-flag", "a flag for kube-apiserver; several times")
	flag.IntVar(&o.verbosity, "v", 0, "verbosity of the components' log")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if o.folder == "" {
		temporary, err := os.MkdirTemp("", "mlo-cluster-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		o.folder = temporary
	}
	folder, err := filepath.Abs(o.folder)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	o.folder = folder
	if err := logTo(filepath.Join(folder, "components.log"), o.verbosity); err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()

	begun := time.Now()
	cluster, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer cluster.stop()
	ready := map[string]any{
		"kubeconfig": cluster.files.kubeconfig, "server": cluster.server, "folder": folder, "pid": os.Getpid(),
		"started_ms": time.Since(begun).Milliseconds(),
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-cluster.failed:
		return err
	}
}

// logTo sends what the components log to a file.
func logTo(path string, verbosity int) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{
		"logtostderr": "false", "alsologtostderr": "false", "stderrthreshold": "FATAL", "v": fmt.Sprint(verbosity),
	} {
		if err := flags.Set(name, value); err != nil {
			return err
		}
	}
	klog.SetOutput(file)
	restclient.SetDefaultWarningHandler(restclient.NoWarnings{})
	return nil
}

// list is a flag that can be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(text string) error {
	*l = append(*l, text)
	return nil
}

// pairs is a flag NAME=VALUE that can be given several times.
type pairs map[string]string

func (p *pairs) String() string { return fmt.Sprint(map[string]string(*p)) }

func (p *pairs) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("want NAME=VALUE")
	}
	if *p == nil {
		*p = pairs{}
	}
	(*p)[name] = value
	return nil
}
