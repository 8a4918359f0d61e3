package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
)

// logFile takes what a container writes: each line with its time before it.
type logFile struct {
	mutex sync.Mutex
	file  *os.File
	// rest is the beginning of a line whose end has not come.
	rest []byte
}

func openLog(path string) (*logFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	return &logFile{file: file}, err
}

func (l *logFile) Write(bytes []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.rest = append(l.rest, bytes...)
	for {
		at := strings.IndexByte(string(l.rest), '\n')
		if at < 0 {
			return len(bytes), nil
		}
		if err := l.line(l.rest[:at]); err != nil {
			return 0, err
		}
		l.rest = l.rest[at+1:]
	}
}

func (l *logFile) line(text []byte) error {
	_, err := fmt.Fprintf(l.file, "%s %s\n", time.Now().UTC().Format(time.RFC3339Nano), text)
	return err
}

// Close writes a last line that has no end, too.
func (l *logFile) Close() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if len(l.rest) > 0 {
		l.line(l.rest)
	}
	return l.file.Close()
}

// serve answers the API server as a kubelet does when it is asked for logs, for all nodes.
func (k *kubelets) serve(ctx context.Context, f files) error {
	certificate, err := tls.LoadX509KeyPair(f.serverCertificate, f.serverKey)
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return err
	}
	k.port = int32(listener.Addr().(*net.TCPAddr).Port)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.answerLogs)
	server := &http.Server{Handler: mux, BaseContext: func(net.Listener) context.Context { return ctx }}
	go server.Serve(listener)
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	return nil
}

func (k *kubelets) answerLogs(out http.ResponseWriter, request *http.Request) {
	pod, err := k.pods.Pods(request.PathValue("namespace")).Get(request.PathValue("pod"))
	if err != nil {
		http.Error(out, err.Error(), http.StatusNotFound)
		return
	}
	query, err := readLogQuery(request.URL.Query())
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	id, err := loggedRun(pod, request.PathValue("container"), query.previous)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	run, _ := strconv.Atoi(id[strings.LastIndex(id, "-")+1:])
	w := k.worker(pod.UID)
	if w == nil {
		http.Error(out, "the pod is gone", http.StatusNotFound)
		return
	}
	running := func() bool {
		now, err := loggedRun(w.pod.Load(), request.PathValue("container"), query.previous)
		return err == nil && now == id && isRunning(w.pod.Load(), request.PathValue("container")) && w.here.Err() == nil
	}
	query.write(request.Context(), out, w.logPath(request.PathValue("container"), int32(run)), running)
}

func statusOf(pod *v1.Pod, container string) *v1.ContainerStatus {
	all := append(append([]v1.ContainerStatus{}, pod.Status.ContainerStatuses...), pod.Status.InitContainerStatuses...)
	for i := range all {
		if all[i].Name == container {
			return &all[i]
		}
	}
	return nil
}

func isRunning(pod *v1.Pod, container string) bool {
	status := statusOf(pod, container)
	return status != nil && status.State.Running != nil
}

// loggedRun is the ID of the run of a container whose log is meant, or why there is none, in a kubelet's words.
func loggedRun(pod *v1.Pod, container string, previous bool) (string, error) {
	status := statusOf(pod, container)
	if status == nil {
		return "", fmt.Errorf("container %q in pod %q is not available", container, pod.Name)
	}
	last := status.LastTerminationState.Terminated
	switch waiting := status.State.Waiting; {
	case previous && last == nil:
		return "", fmt.Errorf("previous terminated container %q in pod %q not found", container, pod.Name)
	case previous:
		return last.ContainerID, nil
	case status.State.Running != nil:
		return status.ContainerID, nil
	case status.State.Terminated != nil:
		return status.State.Terminated.ContainerID, nil
	case last != nil:
		return last.ContainerID, nil
	case waiting != nil && waiting.Reason == "ErrImagePull":
		return "", fmt.Errorf("container %q in pod %q is waiting to start: image can't be pulled", container, pod.Name)
	case waiting != nil && waiting.Reason == "ImagePullBackOff":
		return "", fmt.Errorf("container %q in pod %q is waiting to start: trying and failing to pull image", container, pod.Name)
	case waiting != nil:
		return "", fmt.Errorf("container %q in pod %q is waiting to start: %s", container, pod.Name, waiting.Reason)
	}
	return "", fmt.Errorf("container %q in pod %q is waiting to start - no logs yet", container, pod.Name)
}

// logQuery is what of a log is wanted.
type logQuery struct {
	previous, follow, timestamps bool
	since                        time.Time
	// tail is the last lines, and limit the bytes at most; -1 is all.
	tail, limit int
}

func readLogQuery(values url.Values) (logQuery, error) {
	q := logQuery{tail: -1, limit: -1}
	var problems []error
	flag := func(name string) bool {
		is, err := strconv.ParseBool(values.Get(name))
		return is && err == nil
	}
	number := func(name string, otherwise int) int {
		if values.Get(name) == "" {
			return otherwise
		}
		n, err := strconv.Atoi(values.Get(name))
		problems = append(problems, err)
		return n
	}
	q.previous, q.follow, q.timestamps = flag("previous"), flag("follow"), flag("timestamps")
	q.tail, q.limit = number("tailLines", -1), number("limitBytes", -1)
	if seconds := number("sinceSeconds", 0); seconds > 0 {
		q.since = time.Now().Add(-time.Duration(seconds) * time.Second)
	}
	if text := values.Get("sinceTime"); text != "" {
		var err error
		q.since, err = time.Parse(time.RFC3339, text)
		problems = append(problems, err)
	}
	return q, errors.Join(problems...)
}

// write sends the wanted lines of a log, and those that still come as long as the container runs.
func (q logQuery) write(ctx context.Context, out http.ResponseWriter, path string, running func() bool) {
	content, err := os.ReadFile(path)
	if err != nil {
		http.Error(out, err.Error(), http.StatusNotFound)
		return
	}
	content = content[:bytes.LastIndexByte(content, '\n')+1]
	lines := strings.SplitAfter(string(content), "\n")
	lines = lines[:len(lines)-1]
	if q.tail >= 0 && len(lines) > q.tail {
		lines = lines[len(lines)-q.tail:]
	}
	out.Header().Set("Content-Type", "text/plain")
	left := q.limit
	for _, line := range lines {
		if !q.send(out, line, &left) {
			return
		}
	}
	flush(out)
	if q.follow {
		q.continueWith(ctx, out, path, int64(len(content)), &left, running)
	}
}

// send writes one line, if it is wanted. It is false when nothing more is.
func (q logQuery) send(out io.Writer, line string, left *int) bool {
	at, text, _ := strings.Cut(line, " ")
	written, err := time.Parse(time.RFC3339Nano, at)
	if err == nil && written.Before(q.since) {
		return true
	}
	if q.timestamps {
		text = line
	}
	if *left >= 0 {
		text = text[:min(len(text), *left)]
		*left -= len(text)
	}
	_, err = io.WriteString(out, text)
	return err == nil && *left != 0
}

func (q logQuery) continueWith(ctx context.Context, out http.ResponseWriter, path string, from int64, left *int, running func() bool) {
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	file.Seek(from, io.SeekStart)
	reader, begun := bufio.NewReader(file), ""
	for {
		goesOn := running() // before it is read: what was written last is not lost
		text, err := reader.ReadString('\n')
		begun += text
		switch {
		case err == nil:
			if !q.send(out, begun, left) {
				return
			}
			begun = ""
			flush(out)
		case !goesOn, !sleep(ctx, 100*time.Millisecond):
			return
		}
	}
}

func flush(out http.ResponseWriter) {
	if flusher, ok := out.(http.Flusher); ok {
		flusher.Flush()
	}
}
