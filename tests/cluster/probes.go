package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// probeKind is which of a container's probes it is, as a kubelet writes it in the middle of a sentence.
type probeKind string

const (
	startup   probeKind = "startup"
	liveness  probeKind = "liveness"
	readiness probeKind = "readiness"
)

// title is the kind as a sentence begins with it.
func (k probeKind) title() string {
	return map[probeKind]string{startup: "Startup", liveness: "Liveness", readiness: "Readiness"}[k]
}

// firstProbe is how long the first probe waits that has no delay: a program listens after a moment.
const firstProbe = 100 * time.Millisecond

func (c *container) probeOf(kind probeKind) *v1.Probe {
	spec := c.spec()
	return map[probeKind]*v1.Probe{startup: spec.StartupProbe, liveness: spec.LivenessProbe, readiness: spec.ReadinessProbe}[kind]
}

// probe asks a task as the container's probes say, until the context ends: first whether it has started, then both
// whether it lives and whether it is ready. What comes out is the probe for which the container must be restarted.
func (c *container) probe(ctx context.Context, t task) <-chan probeKind {
	unhealthy := make(chan probeKind, 2)
	begun := time.Now()
	fails := func(kind probeKind) func(bool) {
		return func(ok bool) {
			if !ok {
				unhealthy <- kind
			}
		}
	}
	go func() {
		if c.probeOf(startup) != nil {
			if !c.askUntilStarted(ctx, t, begun, fails(startup)) {
				return
			}
			c.set(func() { c.started = true })
		}
		if c.probeOf(liveness) != nil {
			go c.keepAsking(ctx, t, liveness, begun, fails(liveness))
		}
		if c.probeOf(readiness) != nil || c.isNeverReady() {
			c.keepAsking(ctx, t, readiness, begun, func(ok bool) { c.set(func() { c.ready = ok }) })
		} else {
			c.set(func() { c.ready = ctx.Err() == nil })
		}
	}()
	return unhealthy
}

// isNeverReady says whether the pod must not be ready although it has no probe that could say so.
func (c *container) isNeverReady() bool { return c.worker.outcome() == outcomeNeverReady }

// askUntilStarted is true once the startup probe succeeded.
func (c *container) askUntilStarted(ctx context.Context, t task, begun time.Time, verdict func(bool)) bool {
	started, stop := context.WithCancel(ctx)
	defer stop()
	ok := false
	c.keepAsking(started, t, startup, begun, func(success bool) {
		ok = success
		if !success {
			verdict(false)
		}
		stop()
	})
	return ok && ctx.Err() == nil
}

// keepAsking asks one probe again and again, and gives its verdict each time that as many answers in a row agree as the
// probe wants.
func (c *container) keepAsking(ctx context.Context, t task, kind probeKind, begun time.Time, verdict func(bool)) {
	probe := c.probeOf(kind)
	if probe == nil {
		probe = &v1.Probe{PeriodSeconds: 1, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 3}
	}
	second := c.worker.kubelets.options.second
	first := time.Duration(probe.InitialDelaySeconds)*second - time.Since(begun)
	if !sleep(ctx, max(first, firstProbe)) {
		return
	}
	inARow, before := int32(0), false
	for {
		limited, cancel := context.WithTimeout(ctx, time.Duration(max(probe.TimeoutSeconds, 1))*time.Second)
		err := t.check(limited, kind, probe)
		cancel()
		if ctx.Err() != nil {
			return
		}
		ok := err == nil
		if !ok {
			c.worker.event(c, v1.EventTypeWarning, "Unhealthy", "%s probe failed: %v", kind.title(), err)
		}
		if ok != before {
			inARow = 0
		}
		inARow, before = inARow+1, ok
		wanted := max(probe.FailureThreshold, 1)
		if ok {
			wanted = max(probe.SuccessThreshold, 1)
		}
		if inARow == wanted {
			verdict(ok)
		}
		if !sleep(ctx, time.Duration(max(probe.PeriodSeconds, 1))*second) {
			return
		}
	}
}

// ask does what a probe of a program says.
func (c *container) ask(ctx context.Context, probe *v1.Probe) error {
	switch {
	case probe.HTTPGet != nil:
		return c.get(ctx, probe.HTTPGet)
	case probe.TCPSocket != nil:
		port, err := portOf(probe.TCPSocket.Port, c.spec())
		if err != nil {
			return err
		}
		connection, err := c.worker.dial(ctx, "tcp", net.JoinHostPort(c.worker.podAddress(), strconv.Itoa(port)))
		if err == nil {
			connection.Close()
		}
		return err
	default:
		return errors.New("only probes by HTTP and TCP are done here")
	}
}

// dial goes to where a pod's program listens, whose address it is not.
func (w *worker) dial(ctx context.Context, network, address string) (net.Conn, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, network, w.kubelets.network.local(address))
	var failed *net.OpError
	if errors.As(err, &failed) {
		failed.Addr = podAddress(address)
	}
	return connection, err
}

// podAddress is an address and port as an error shows it.
type podAddress string

func (podAddress) Network() string  { return "tcp" }
func (a podAddress) String() string { return string(a) }

// get asks a URL of the pod as a kubelet does. An answer below 400 is success.
func (c *container) get(ctx context.Context, action *v1.HTTPGetAction) error {
	port, err := portOf(action.Port, c.spec())
	if err != nil {
		return err
	}
	host := action.Host
	if host == "" {
		host = c.worker.podAddress()
	}
	target := url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(port))}
	if action.Scheme == v1.URISchemeHTTPS {
		target.Scheme = "https"
	}
	path, err := url.Parse(action.Path)
	if err != nil {
		return err
	}
	target.Path, target.RawQuery = path.Path, path.RawQuery
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "kube-probe/1.33")
	for _, header := range action.HTTPHeaders {
		request.Header.Add(header.Name, header.Value)
	}
	transport := &http.Transport{
		DisableKeepAlives: true, DialContext: c.worker.dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, 10<<10))
	if answer.StatusCode >= 400 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", answer.StatusCode)
	}
	return nil
}

// portOf is the number of a port that may have a name in the container.
func portOf(port intstr.IntOrString, spec *v1.Container) (int, error) {
	if port.Type == intstr.Int {
		return port.IntValue(), nil
	}
	for _, known := range spec.Ports {
		if known.Name == port.StrVal {
			return int(known.ContainerPort), nil
		}
	}
	return 0, fmt.Errorf("couldn't find port: %s", port.StrVal)
}
