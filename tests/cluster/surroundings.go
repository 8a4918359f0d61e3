package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/kubernetes/pkg/api/v1/resource"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// folder is where what belongs to the pod lies on this machine.
func (w *worker) folder() string {
	return filepath.Join(w.kubelets.folder, string(w.pod.Load().UID))
}

// configMap is the data of one of the pod's namespace. `missing` says why there is none; one that is optional is empty.
func (w *worker) configMap(name string, optional *bool) (data map[string]string, missing string) {
	object, err := w.kubelets.configMaps.ConfigMaps(w.pod.Load().Namespace).Get(name)
	if err == nil {
		return object.Data, ""
	}
	return nil, absent("configmap", name, optional, err)
}

// secret is the data of one of the pod's namespace, as configMap.
func (w *worker) secret(name string, optional *bool) (data map[string]string, missing string) {
	object, err := w.kubelets.secrets.Secrets(w.pod.Load().Namespace).Get(name)
	if err != nil {
		return nil, absent("secret", name, optional, err)
	}
	data = map[string]string{}
	for key, value := range object.Data {
		data[key] = string(value)
	}
	return data, ""
}

func absent(kind, name string, optional *bool, err error) string {
	if optional != nil && *optional || !apierrors.IsNotFound(err) {
		return ""
	}
	return fmt.Sprintf("%s %q not found", kind, name)
}

// missingVolume names the first volume whose ConfigMap or Secret is not there, and what is missing.
func (w *worker) missingVolume() (volume, missing string) {
	for _, v := range w.pod.Load().Spec.Volumes {
		switch {
		case v.Secret != nil:
			_, missing = w.secret(v.Secret.SecretName, v.Secret.Optional)
		case v.ConfigMap != nil:
			_, missing = w.configMap(v.ConfigMap.Name, v.ConfigMap.Optional)
		}
		if missing != "" {
			return v.Name, missing
		}
	}
	return "", ""
}

// missingVariable says what is missing that a container's variables come from.
func (w *worker) missingVariable(spec *v1.Container) string {
	_, err := w.variables(spec)
	if err != nil {
		return err.Error()
	}
	return ""
}

// variables are those of a container, in the order in which it has them.
type variables struct {
	names  []string
	values map[string]string
}

func (v *variables) set(name, value string) {
	if _, known := v.values[name]; !known {
		v.names = append(v.names, name)
	}
	v.values[name] = value
}

// expand puts values in the place of `$(NAME)`.
func (v *variables) expand(text string) string {
	return expansion.Expand(text, expansion.MappingFuncFor(v.values))
}

// variables makes up a container's. The error names what is missing for them.
func (w *worker) variables(spec *v1.Container) (*variables, error) {
	all := &variables{values: map[string]string{}}
	for _, from := range spec.EnvFrom {
		var data map[string]string
		var missing string
		switch {
		case from.ConfigMapRef != nil:
			data, missing = w.configMap(from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
		case from.SecretRef != nil:
			data, missing = w.secret(from.SecretRef.Name, from.SecretRef.Optional)
		}
		if missing != "" {
			return nil, fmt.Errorf("%s", missing)
		}
		for key, value := range data {
			all.set(from.Prefix+key, value)
		}
	}
	for _, variable := range spec.Env {
		value, err := all.expand(variable.Value), error(nil)
		if variable.ValueFrom != nil {
			value, err = w.valueFrom(variable.ValueFrom, spec)
		}
		if err != nil {
			return nil, err
		}
		all.set(variable.Name, value)
	}
	return all, nil
}

// valueFrom is a variable's value that is kept elsewhere.
func (w *worker) valueFrom(from *v1.EnvVarSource, spec *v1.Container) (string, error) {
	pod := w.pod.Load()
	switch {
	case from.ConfigMapKeyRef != nil:
		r := from.ConfigMapKeyRef
		data, missing := w.configMap(r.Name, r.Optional)
		return keyOf(data, r.Key, r.Optional, missing, "configmap", r.Name)
	case from.SecretKeyRef != nil:
		r := from.SecretKeyRef
		data, missing := w.secret(r.Name, r.Optional)
		return keyOf(data, r.Key, r.Optional, missing, "secret", r.Name)
	case from.ResourceFieldRef != nil:
		return resource.ExtractContainerResourceValue(from.ResourceFieldRef, spec)
	case from.FieldRef != nil:
		switch from.FieldRef.FieldPath {
		case "spec.nodeName":
			return pod.Spec.NodeName, nil
		case "spec.serviceAccountName":
			return pod.Spec.ServiceAccountName, nil
		case "status.hostIP", "status.hostIPs":
			return "127.0.0.1", nil
		case "status.podIP", "status.podIPs":
			return w.podAddress(), nil
		}
		return fieldpath.ExtractFieldPathAsString(pod, from.FieldRef.FieldPath)
	}
	return "", nil
}

func keyOf(data map[string]string, key string, optional *bool, missing, kind, name string) (string, error) {
	if missing != "" {
		return "", fmt.Errorf("%s", missing)
	}
	value, known := data[key]
	if !known && (optional == nil || !*optional) {
		return "", fmt.Errorf("couldn't find key %s in %s %s", key, kind, name)
	}
	return value, nil
}

// paths leads from paths and addresses in a container to those on this machine.
type paths struct {
	address string
	mounts  []mountedAt
}

// mountedAt is a path in the container and the folder that stands for it.
type mountedAt struct{ path, folder string }

// translate puts the pod's own address for "all addresses", which it would share with every pod of this machine, and
// folders for what is mounted: at the beginning of a text, or after a `=` in it, as arguments have it.
func (p *paths) translate(text string) string {
	before, value := "", text
	if at := strings.Index(text, "="); at >= 0 && strings.HasPrefix(text, "-") {
		before, value = text[:at+1], text[at+1:]
	}
	for _, any := range []string{"0.0.0.0", "[::]"} {
		if rest, ok := strings.CutPrefix(value, any); ok && (rest == "" || rest[0] == ':') {
			return before + p.address + rest
		}
	}
	for _, mount := range p.mounts {
		if rest, ok := strings.CutPrefix(value, mount.path); ok && (rest == "" || rest[0] == '/') {
			return before + mount.folder + rest
		}
	}
	return text
}

// mount makes a folder of each volume that the container mounts. What a test needs of them is here: files of ConfigMaps
// and Secrets, paths of the machine, and empty folders.
func (w *worker) mount(spec *v1.Container) (*paths, error) {
	p := &paths{address: w.kubelets.network.local(w.podAddress())}
	if err := os.MkdirAll(w.folder(), 0o700); err != nil {
		return nil, err
	}
	for _, mount := range spec.VolumeMounts {
		folder := filepath.Join(w.folder(), "volumes", mount.Name)
		for _, volume := range w.pod.Load().Spec.Volumes {
			if volume.Name != mount.Name {
				continue
			}
			if volume.HostPath != nil {
				folder = volume.HostPath.Path
			} else if err := w.writeVolume(folder, &volume); err != nil {
				return nil, err
			}
		}
		p.mounts = append(p.mounts, mountedAt{strings.TrimSuffix(mount.MountPath, "/"), filepath.Join(folder, mount.SubPath)})
	}
	return p, nil
}

func (w *worker) writeVolume(folder string, volume *v1.Volume) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	var data map[string]string
	var items []v1.KeyToPath
	switch {
	case volume.ConfigMap != nil:
		data, _ = w.configMap(volume.ConfigMap.Name, volume.ConfigMap.Optional)
		items = volume.ConfigMap.Items
	case volume.Secret != nil:
		data, _ = w.secret(volume.Secret.SecretName, volume.Secret.Optional)
		items = volume.Secret.Items
	}
	if len(items) == 0 {
		for key := range data {
			items = append(items, v1.KeyToPath{Key: key, Path: key})
		}
	}
	for _, item := range items {
		path := filepath.Join(folder, item.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(data[item.Key]), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// logPath is where a run of a container writes its log.
func (w *worker) logPath(container string, run int32) string {
	return filepath.Join(w.folder(), "logs", container, strconv.Itoa(int(run))+".log")
}
