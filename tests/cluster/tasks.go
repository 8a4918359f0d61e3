package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
)

// newTask starts what the pod asks for in the container's place.
func (w *worker) newTask(c *container, log *logFile) (task, error) {
	if w.outcome() == outcomeProcess && !c.isInit {
		return w.startProgram(c, log)
	}
	if text := w.annotation("log"); text != "" {
		fmt.Fprintln(log, text)
	}
	outcome := w.outcome()
	if c.isInit {
		outcome = outcomeSucceed
	}
	return w.play(outcome), nil
}

// played is a task that only behaves like one.
type played struct {
	outcome    string
	asked      chan struct{}
	killed     chan struct{}
	askOnce    sync.Once
	killOnce   sync.Once
	ended      chan exit
	stopTime   time.Duration
	ignoreTerm bool
}

func (w *worker) play(outcome string) *played {
	p := &played{
		outcome: outcome, asked: make(chan struct{}), killed: make(chan struct{}), ended: make(chan exit, 1),
		stopTime: w.duration("stop-time", stopTime), ignoreTerm: w.annotation("ignore-term") == "true",
	}
	go p.run(w.duration("run-time", runTime))
	return p
}

// run waits for the task's own end, or for the one that it is given.
func (p *played) run(runTime time.Duration) {
	var byItself <-chan time.Time
	ends := exit{reason: "Completed"}
	switch p.outcome {
	case outcomeSucceed:
		byItself = time.After(runTime)
	case outcomeCrash, outcomeFail:
		byItself, ends = time.After(runTime), exit{code: 1, reason: "Error"}
	case outcomeOutOfMemory:
		byItself, ends = time.After(runTime), exit{code: 137, reason: "OOMKilled"}
	}
	asked := p.asked
	if p.ignoreTerm {
		asked = nil
	}
	select {
	case <-byItself:
		p.ended <- ends
	case <-p.killed:
		p.ended <- exit{code: 137, reason: "Error"}
	case <-asked:
		select {
		case <-time.After(p.stopTime):
			p.ended <- exit{reason: "Completed"}
		case <-p.killed:
			p.ended <- exit{code: 137, reason: "Error"}
		}
	}
}

func (p *played) done() <-chan exit { return p.ended }
func (p *played) terminate()        { p.askOnce.Do(func() { close(p.asked) }) }
func (p *played) kill()             { p.killOnce.Do(func() { close(p.killed) }) }

func (p *played) check(_ context.Context, kind probeKind, _ *v1.Probe) error {
	if p.outcome == outcomeNeverReady && kind == readiness || p.outcome == outcomeUnhealthy && kind == liveness {
		return errors.New("HTTP probe failed with statuscode: 503")
	}
	return nil
}

// program is a task that is a process of this machine, in a process group of its own.
type program struct {
	container *container
	command   *exec.Cmd
	ended     chan exit
}

// startProgram runs a program with the container's arguments and variables. What the container writes 0.0.0.0 for is the
// pod's address here, and what it mounts lies in a folder.
func (w *worker) startProgram(c *container, log *logFile) (task, error) {
	spec := c.spec()
	path, err := w.programPath(spec)
	if err != nil {
		return nil, err
	}
	paths, err := w.mount(spec)
	if err != nil {
		return nil, err
	}
	variables, err := w.variables(spec)
	if err != nil {
		return nil, err
	}
	arguments := spec.Args
	if len(spec.Command) > 1 {
		arguments = append(slices.Clone(spec.Command[1:]), arguments...)
	}
	command := exec.Command(path)
	for _, argument := range arguments {
		command.Args = append(command.Args, paths.translate(variables.expand(argument)))
	}
	command.Env = slices.Clone(w.kubelets.options.environment)
	for _, name := range variables.names {
		command.Env = append(command.Env, name+"="+paths.translate(variables.values[name]))
	}
	given := map[string]string{}
	if text := w.annotation("environment"); text != "" {
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return nil, fmt.Errorf("the annotation %senvironment is no JSON object of texts: %w", annotations, err)
		}
	}
	for name, value := range given {
		command.Env = append(command.Env, name+"="+value)
	}
	command.Dir = w.folder()
	command.Stdout, command.Stderr = log, log
	// A child of a thread that ends is told so: the runtime keeps its threads, so that is the end of this process.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &program{container: c, command: command, ended: make(chan exit, 1)}
	w.kubelets.keep(p, true)
	go p.wait()
	return p, nil
}

// programPath is what the container runs: the program that the pod's annotation names, else the container's command,
// else the only one there is.
func (w *worker) programPath(spec *v1.Container) (string, error) {
	programs := w.kubelets.options.programs
	name := w.annotation("program")
	if name == "" && len(spec.Command) > 0 {
		name = filepath.Base(spec.Command[0])
	}
	for known, path := range programs {
		if known == name || name == "" && len(programs) == 1 {
			return path, nil
		}
	}
	return "", fmt.Errorf("exec: %q: executable file not found in $PATH", name)
}

func (k *kubelets) keep(p *program, running bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if running {
		k.programs[p] = struct{}{}
	} else {
		delete(k.programs, p)
	}
}

func (p *program) wait() {
	err := p.command.Wait()
	p.container.worker.kubelets.keep(p, false)
	ended := exit{reason: "Completed"}
	if err != nil {
		ended = exit{code: 1, reason: "Error"}
	}
	if status, ok := p.command.ProcessState.Sys().(syscall.WaitStatus); ok {
		if ended.code = int32(status.ExitStatus()); status.Signaled() {
			ended.code = 128 + int32(status.Signal())
		}
	}
	p.ended <- ended
}

func (p *program) done() <-chan exit { return p.ended }
func (p *program) terminate()        { p.signal(syscall.SIGTERM) }
func (p *program) kill()             { p.signal(syscall.SIGKILL) }

// signal reaches the whole group of processes.
func (p *program) signal(signal syscall.Signal) {
	syscall.Kill(-p.command.Process.Pid, signal)
}

func (p *program) check(ctx context.Context, _ probeKind, probe *v1.Probe) error {
	return p.container.ask(ctx, probe)
}

// beforeStop does what the container's preStop hook says, until the deadline.
func (c *container) beforeStop(deadline time.Time) {
	lifecycle := c.spec().Lifecycle
	if lifecycle == nil || lifecycle.PreStop == nil {
		return
	}
	ctx, cancel := context.WithDeadline(c.worker.here, deadline)
	defer cancel()
	var err error
	switch hook := lifecycle.PreStop; {
	case hook.Sleep != nil:
		sleep(ctx, time.Duration(hook.Sleep.Seconds)*time.Second)
	case hook.HTTPGet != nil:
		err = c.get(ctx, hook.HTTPGet)
	case hook.Exec != nil && len(hook.Exec.Command) > 0:
		command := exec.CommandContext(ctx, hook.Exec.Command[0], hook.Exec.Command[1:]...)
		command.Env = []string{"PATH=" + os.Getenv("PATH")}
		err = command.Run()
	}
	if err != nil {
		c.worker.event(c, v1.EventTypeWarning, "FailedPreStopHook", "PreStopHook failed")
	}
}
