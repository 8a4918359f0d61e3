# Who reaches the model, and whom it reaches.

resource "kubernetes_object" "service" {
  manifest = {
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = local.name, namespace = local.namespace, labels = local.labels }
    spec = {
      type     = "ClusterIP"
      selector = local.track
      ports    = [{ name = "http", port = 80, targetPort = "http", protocol = "TCP" }]
    }
  }
  depends_on = [kubernetes_object.namespace]
}

resource "kubernetes_object" "network_policy" {
  manifest = {
    apiVersion = "networking.k8s.io/v1"
    kind       = "NetworkPolicy"
    metadata   = { name = local.name, namespace = local.namespace, labels = local.labels }
    spec = {
      podSelector = { matchLabels = local.pods }
      policyTypes = ["Ingress", "Egress"]
      ingress = [{
        from = concat([{ podSelector = {} }], [
          for namespace in distinct(concat(var.callers, [var.monitoring_namespace])) :
          { namespaceSelector = { matchLabels = { "kubernetes.io/metadata.name" = namespace } } }
        ])
        ports = [{ port = local.port, protocol = "TCP" }]
      }]
      egress = concat(
        [{ ports = [{ port = 53, protocol = "UDP" }, { port = 53, protocol = "TCP" }] }],
        [for port in var.egress_ports : { ports = [{ port = port, protocol = "TCP" }] }],
        # Where Pod Identity gives its credentials.
        [{ to = [{ ipBlock = { cidr = "169.254.170.23/32" } }], ports = [{ port = 80, protocol = "TCP" }] }],
      )
    }
  }
  depends_on = [kubernetes_object.namespace]
}

resource "kubernetes_object" "ingress" {
  count = var.host == null ? 0 : 1
  manifest = {
    apiVersion = "networking.k8s.io/v1"
    kind       = "Ingress"
    metadata = {
      name        = local.name
      namespace   = local.namespace
      labels      = local.labels
      annotations = var.ingress.annotations
    }
    spec = {
      ingressClassName = var.ingress.class_name
      tls              = [{ hosts = [var.host], secretName = coalesce(var.ingress.tls_secret, "${local.name}-tls") }]
      rules = [{
        host = var.host
        http = { paths = [{
          path     = "/"
          pathType = "Prefix"
          backend  = { service = { name = local.name, port = { name = "http" } } }
        }] }
      }]
    }
  }
  depends_on = [kubernetes_object.service]
}
