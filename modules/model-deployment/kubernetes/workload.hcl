# What runs: the server's pods, what they are told, and who they are.

resource "kubernetes_object" "namespace" {
  count = var.create_namespace ? 1 : 0
  manifest = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata = {
      name   = local.namespace
      labels = { "pod-security.kubernetes.io/enforce" = "restricted" }
    }
  }
}

resource "kubernetes_object" "service_account" {
  manifest = {
    apiVersion = "v1"
    kind       = "ServiceAccount"
    metadata = {
      name        = local.name
      namespace   = local.namespace
      labels      = local.labels
      annotations = var.role_arn == null ? null : { "eks.amazonaws.com/role-arn" = var.role_arn }
    }
    # The server asks nothing of the cluster.
    automountServiceAccountToken = false
  }
  depends_on = [kubernetes_object.namespace]
}

resource "kubernetes_object" "config" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "${local.name}-config", namespace = local.namespace, labels = local.labels }
    data       = merge(local.settings, var.env)
  }
  depends_on = [kubernetes_object.namespace]
}

resource "kubernetes_object" "deployment" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata = {
      name        = local.name
      namespace   = local.namespace
      labels      = local.labels
      annotations = local.annotations
    }
    spec = {
      replicas                = local.replicas
      revisionHistoryLimit    = 10
      progressDeadlineSeconds = 600
      selector                = { matchLabels = local.track }
      # A new pod is ready before an old one goes.
      strategy = { type = "RollingUpdate", rollingUpdate = { maxSurge = 1, maxUnavailable = 0 } }
      template = {
        metadata = {
          labels = merge(local.labels, local.track)
          # Pods read their variables once: others are other pods.
          annotations = merge(local.scraped, var.pod_annotations, {
            "mlifecycle.io/config" = sha256(jsonencode(merge(local.settings, var.env)))
          })
        }
        spec = local.pod
      }
    }
  }

  timeouts {
    create = var.ready_timeout
    update = var.ready_timeout
  }
  depends_on = [kubernetes_object.service_account, kubernetes_object.config]
}

locals {
  tolerations = concat(
    local.gpus > 0 ? [{ key = "nvidia.com/gpu", operator = "Exists", effect = "NoSchedule" }] : [],
    [for toleration in var.tolerations : toleration],
  )

  # What would be empty is left out: a server takes an empty list for another one than none.
  pod = {
    serviceAccountName            = local.name
    automountServiceAccountToken  = false
    enableServiceLinks            = false
    terminationGracePeriodSeconds = local.grace
    nodeSelector                  = var.node_selector
    tolerations                   = length(local.tolerations) > 0 ? local.tolerations : null
    # Over zones, then over nodes; only the pods of one revision are counted, or a rollout could not go on.
    topologySpreadConstraints = [for key, otherwise in {
      "topology.kubernetes.io/zone" = local.default.zones
      "kubernetes.io/hostname"      = "ScheduleAnyway"
      } : {
      maxSkew           = 1
      topologyKey       = key
      whenUnsatisfiable = otherwise
      labelSelector     = { matchLabels = local.track }
      matchLabelKeys    = ["pod-template-hash"]
    }]
    securityContext = {
      runAsNonRoot   = true
      runAsUser      = 1000
      runAsGroup     = 1000
      fsGroup        = 1000
      seccompProfile = { type = "RuntimeDefault" }
    }
    containers = [local.container]
    # The one place that the server may write to.
    volumes = [{ name = "tmp", emptyDir = {} }]
  }

  container = {
    name            = "server"
    image           = var.image
    imagePullPolicy = "IfNotPresent"
    ports           = [{ name = "http", containerPort = local.port, protocol = "TCP" }]
    envFrom         = [{ configMapRef = { name = "${local.name}-config" } }]
    env = length(var.secret_env) == 0 ? null : [for name, from in var.secret_env : {
      name = name, valueFrom = { secretKeyRef = { name = from.secret, key = from.key } }
    }]
    resources = {
      requests = merge({ cpu = local.cpu_request, memory = local.memory_request }, local.devices)
      limits   = merge({ cpu = local.cpu_limit, memory = local.memory_limit }, local.devices)
    }
    startupProbe = {
      httpGet             = { path = local.liveness_path, port = local.liveness_port }
      initialDelaySeconds = 5
      periodSeconds       = 5
      timeoutSeconds      = 3
      failureThreshold    = 30
    }
    livenessProbe = {
      httpGet             = { path = local.liveness_path, port = local.liveness_port }
      initialDelaySeconds = coalesce(try(local.health.initialDelaySeconds, null), 15)
      periodSeconds       = coalesce(try(local.health.periodSeconds, null), 10)
      timeoutSeconds      = 5
      failureThreshold    = 3
    }
    readinessProbe = {
      httpGet = {
        path = coalesce(try(local.readiness.path, null), "/ready")
        port = coalesce(try(local.readiness.port, null), local.port)
      }
      initialDelaySeconds = coalesce(try(local.readiness.initialDelaySeconds, null), 10)
      periodSeconds       = coalesce(try(local.readiness.periodSeconds, null), 5)
      timeoutSeconds      = 3
      failureThreshold    = 3
    }
    lifecycle = { preStop = { sleep = { seconds = local.sleep } } }
    securityContext = {
      runAsNonRoot             = true
      readOnlyRootFilesystem   = true
      allowPrivilegeEscalation = false
      capabilities             = { drop = ["ALL"] }
    }
    volumeMounts = [{ name = "tmp", mountPath = "/tmp" }]
  }

  liveness_path = coalesce(try(local.health.path, null), "/health")
  liveness_port = coalesce(try(local.health.port, null), local.port)
}

resource "kubernetes_object" "autoscaler" {
  manifest = {
    apiVersion = "autoscaling/v2"
    kind       = "HorizontalPodAutoscaler"
    metadata   = { name = local.name, namespace = local.namespace, labels = local.labels }
    spec = {
      scaleTargetRef = { apiVersion = "apps/v1", kind = "Deployment", name = local.name }
      minReplicas    = local.replicas_min
      maxReplicas    = local.replicas_max
      metrics = [for resource, percent in {
        cpu    = coalesce(try(local.scaling.targetCPUUtilization, null), 70)
        memory = coalesce(try(local.scaling.targetMemoryUtilization, null), 80)
        } : {
        type     = "Resource"
        resource = { name = resource, target = { type = "Utilization", averageUtilization = percent } }
      }]
      behavior = {
        # At most four pods a minute, and never more than twice as many.
        scaleUp = {
          stabilizationWindowSeconds = 60
          selectPolicy               = "Min"
          policies = [
            { type = "Pods", value = 4, periodSeconds = 60 },
            { type = "Percent", value = 100, periodSeconds = 60 },
          ]
        }
        # One pod in two minutes.
        scaleDown = {
          stabilizationWindowSeconds = 300
          selectPolicy               = "Max"
          policies                   = [{ type = "Pods", value = 1, periodSeconds = 120 }]
        }
      }
    }
  }
  depends_on = [kubernetes_object.deployment]
}

resource "kubernetes_object" "disruption_budget" {
  manifest = {
    apiVersion = "policy/v1"
    kind       = "PodDisruptionBudget"
    metadata   = { name = local.name, namespace = local.namespace, labels = local.labels }
    spec = {
      maxUnavailable = 1
      selector       = { matchLabels = local.track }
      # A node with a pod that is not ready anyway can be drained.
      unhealthyPodEvictionPolicy = "AlwaysAllow"
    }
  }
  depends_on = [kubernetes_object.namespace]
}
