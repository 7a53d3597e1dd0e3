/** The fields of an NSM's spec, by generation. The 2020 names are those of the first operator, the 2023 names those of the second. */
import type { Fields } from "./field.ts";

const dnsLabel = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/** A host, optional port, path, tag and digest, as container runtimes read them. */
const image = "^[A-Za-z0-9]([A-Za-z0-9._:@-]|/[A-Za-z0-9])*$";
/** The same without tag and digest; a stroke at the end does no harm. */
const repository = "^[A-Za-z0-9]([A-Za-z0-9._:-]|/[A-Za-z0-9])*/?$";
const prefix = "^[0-9A-Fa-f.:]+/[0-9]{1,3}$";
const absolutePath = "^/[^\\s,$]*$";

export const pullPolicies = ["Always", "IfNotPresent", "Never"] as const;
export const platformKinds = ["kubernetes", "openshift", "k3s", "microk8s", "k0s"] as const;
export const logLevels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;

const namespace = {
  kind: "string",
  pattern: dnsLabel,
  maxLength: 63,
  expect: "a namespace name like nsm-system",
  default: "the namespace of the NSM",
  text: "Namespace of the mesh's Pods. One that is not the NSM's own is created, labelled for privileged Pods, and removed with the mesh",
} as const;

const platform = {
  kind: "object",
  default: "detected by the operator",
  text: "What is special about this cluster",
  fields: {
    kind: {
      kind: "string",
      values: platformKinds,
      default: "detected, else kubernetes",
      text: "Distribution: decides about security context constraints, the kubelet's folder and the prefixes",
    },
    kubeletRoot: {
      kind: "string",
      pattern: absolutePath,
      expect: "an absolute path like /var/lib/kubelet",
      default:
        "by kind: /var/lib/kubelet, on k0s /var/lib/k0s/kubelet, on microk8s /var/snap/microk8s/common/var/lib/kubelet",
      text: "The kubelet's folder on the nodes",
    },
    excludedPrefixes: {
      kind: "list",
      maxItems: 64,
      default: "detected",
      text: "IP prefixes of Pods, Services and nodes, which endpoints must not hand out",
      item: { kind: "string", pattern: prefix, expect: "a prefix like 10.244.0.0/16", text: "An IP prefix" },
    },
    ipFamily: {
      kind: "string",
      values: ["IPv4", "IPv6"],
      default: "detected, else IPv4",
      text: "Family of the Pods' addresses, on clusters of both the first one: decides how programs are told to listen",
    },
  },
} as const;

const imagePullSecrets = {
  kind: "list",
  maxItems: 16,
  text: "Secrets with the credentials for images: in the mesh's namespace and, for a SPIRE of the mesh, in spire too",
  item: {
    kind: "string",
    pattern: dnsLabel,
    maxLength: 63,
    expect: "the name of a Secret",
    text: "Name of a Secret",
  },
} as const;

export const fields2020 = {
  registry: {
    kind: "string",
    pattern: image,
    expect: "a host like docker.io",
    default: "docker.io",
    text: "Image registry; another than docker.io is a mirror that holds every image, SPIRE's and Jaeger's too, under org",
  },
  org: {
    kind: "string",
    pattern: image,
    expect: "an organisation like networkservicemesh",
    default: "networkservicemesh",
    text: "Organisation in the image registry",
  },
  tag: {
    kind: "string",
    pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$",
    expect: "an image tag like v0.2.0",
    default: "version, else v0.2.0",
    text: "Tag of every image",
  },
  version: {
    kind: "string",
    pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$",
    expect: "an image tag like v0.2.0",
    default: "v0.2.0",
    text: "Tag of every image, in documents of spring 2020",
  },
  pullPolicy: {
    kind: "string",
    values: pullPolicies,
    default: "IfNotPresent",
    text: "When the nodes fetch images",
  },
  webhookName: {
    kind: "string",
    pattern: dnsLabel,
    maxLength: 50,
    expect: "a name like nsm-admission-webhook",
    default: "nsm-admission-webhook",
    text: "Name of the admission webhook's Deployment; its Service, Secret and configuration are named after it",
  },
  replicas: { kind: "integer", min: 1, max: 20, default: "1", text: "Replicas of the admission webhook" },
  insecure: {
    kind: "flag",
    default: "true without SPIRE, false with it",
    text: "Whether the mesh's programs talk without TLS",
  },
  forwardingPlaneName: {
    kind: "string",
    pattern: dnsLabel,
    maxLength: 40,
    expect: "vpp or kernel",
    default: "vpp",
    text: "Data plane; part of the DaemonSet's name",
  },
  forwardingPlaneImage: {
    kind: "string",
    pattern: "^[a-z0-9][a-z0-9._/-]*$",
    maxLength: 63,
    expect: "an image name like vppagent-forwarder",
    default: "by data plane: vppagent-forwarder, kernel-forwarder",
    text: "Image of the data plane, without registry, organisation and tag",
  },
  spire: { kind: "flag", default: "false", text: "Install SPIRE and give the mesh's programs identities of it" },
  jaegerTracing: { kind: "flag", default: "false", text: "Install Jaeger and send it traces of all programs" },
  namespace,
  platform,
  imagePullSecrets,
} as const satisfies Fields;

const envVars = {
  kind: "list",
  key: "name",
  maxItems: 128,
  text: "Environment variables; they win over ours of the same name",
  item: {
    kind: "object",
    text: "A variable, as in a Pod",
    fields: {
      name: {
        kind: "string",
        required: true,
        pattern: "^[A-Za-z_][A-Za-z0-9_.-]*$",
        expect: "a variable name like NSM_LOG_LEVEL",
        text: "Name of the variable",
      },
      value: { kind: "string", text: "Its value" },
      valueFrom: { kind: "passed", text: "Where its value comes from, as in a Pod" },
    },
  },
} as const;

const resources = {
  kind: "object",
  default: "upstream's, by component",
  text: "CPU and memory; replaces ours",
  fields: {
    requests: { kind: "map", text: "What the scheduler sets aside" },
    limits: { kind: "map", text: "What must not be exceeded" },
  },
} as const;

const imageField = (what: string) =>
  ({
    kind: "string",
    pattern: image,
    expect: "an image like ghcr.io/networkservicemesh/cmd-nsmgr:v1.18.0",
    default: "by provider and version",
    text: `Image of ${what}`,
  }) as const;

export const fields2023 = {
  version: {
    kind: "string",
    pattern: "^v?[0-9]+\\.[0-9]+\\.[0-9]+([-+][0-9A-Za-z.-]+)?$",
    expect: "a release like v1.18.0",
    default: "required for provider upstream; this operator's own for nsmkit",
    text: "Release of Network Service Mesh. A changed version upgrades the mesh step by step",
  },
  provider: {
    kind: "string",
    values: ["upstream", "nsmkit"],
    default: "upstream",
    text: "Whose programs: upstream's NSM, or our own from one image",
  },
  namespace,
  platform,
  nsmPullPolicy: {
    kind: "string",
    values: pullPolicies,
    default: "IfNotPresent",
    text: "When the nodes fetch images",
  },
  nsmLogLevel: {
    kind: "string",
    pattern: "^(TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|trace|debug|info|warn|warning|error|fatal)$",
    expect: "TRACE, DEBUG, INFO, WARN, ERROR or FATAL",
    default: "INFO",
    text: "Least serious level that the programs log",
  },
  imageRepository: {
    kind: "string",
    pattern: repository,
    expect: "a repository like registry.example.org/nsm",
    default: "ghcr.io/networkservicemesh, for nsmkit ghcr.io/nsmkit",
    text: "A mirror that holds every default image under its own name and tag: cmd-nsmgr, spire-server, all-in-one …",
  },
  imagePullSecrets,
  spire: {
    kind: "string",
    values: ["managed", "external", "none"],
    default: "external; for nsmkit none",
    text: "Who runs SPIRE: the operator, somebody else, or nobody (no TLS; only nsmkit's programs can)",
  },
  spireAgentSocket: {
    kind: "string",
    pattern: "^unix:///[^\\s,$]+$",
    expect: "a URL like unix:///run/spire/sockets/agent.sock",
    default: "unix:///run/spire/sockets/agent.sock",
    text: "SPIFFE Workload API on the nodes",
  },
  trustDomain: {
    kind: "string",
    pattern: "^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$",
    maxLength: 253,
    expect: "a trust domain like k8s.nsm",
    default: "k8s.nsm",
    text: "Trust domain of a managed SPIRE",
  },
  csiDrivers: {
    kind: "flag",
    default: "false",
    text: "Install the CSI drivers by which Pods in namespaces of Pod Security baseline or restricted reach mesh and SPIRE; upstream's programs from v1.10.0 on",
  },
  registry: {
    kind: "object",
    required: true,
    example: "registry: {type: k8s}",
    text: "Registry of network services",
    fields: {
      type: {
        kind: "string",
        required: true,
        values: ["k8s", "memory"],
        text: "Where entries are kept: custom resources, or memory (then one replica)",
      },
      replicaCount: { kind: "integer", min: 1, max: 20, default: "1", text: "Replicas" },
      image: imageField("the registry"),
      envVars,
      resources,
      hostPort: {
        kind: "flag",
        default: "false",
        text: "Listen on port 5002 of the node too, for clients outside; allows one replica for each node",
      },
    },
  },
  nsmgr: {
    kind: "object",
    text: "Manager of each node",
    fields: { image: imageField("the manager"), envVars, resources },
  },
  exclPref: {
    kind: "object",
    text: "Collector of excluded prefixes beside each upstream manager",
    fields: { exclPrefImage: imageField("the collector"), envVars, resources },
  },
  forwarders: {
    kind: "list",
    required: true,
    example: "forwarders: [{type: vpp}]",
    maxItems: 8,
    text: "Data planes; each gets a DaemonSet of its own",
    item: {
      kind: "object",
      text: "A data plane",
      fields: {
        type: {
          kind: "string",
          required: true,
          values: ["vpp", "ovs", "sriov", "kernel"],
          text: "Kind of data plane; kernel with provider nsmkit, the others with upstream",
        },
        name: {
          kind: "string",
          pattern: dnsLabel,
          maxLength: 50,
          expect: "a name like forwarder-vpp",
          default: "forwarder- and the type",
          text: "Name of the DaemonSet; unlike the others'",
        },
        image: imageField("the data plane"),
        envVars,
        resources,
        nodeSelector: { kind: "map", text: "Labels of the nodes it runs on" },
      },
    },
  },
  webhook: {
    kind: "object",
    default: "not installed",
    text: "Admission webhook that adds a client to annotated Pods; installed when this is given",
    fields: {
      image: imageField("the webhook"),
      envVars,
      resources,
      replicas: {
        kind: "integer",
        min: 1,
        max: 10,
        default: "1",
        text: "Replicas; more than one from v1.12.0 on, older ones each register themselves",
      },
      failurePolicy: {
        kind: "string",
        values: ["Ignore", "Fail"],
        default: "Ignore",
        text: "With Fail a Pod that carries the annotation itself waits for the webhook; namespace annotations are then not used",
      },
    },
  },
  jaegerTracing: {
    kind: "flag",
    default: "false",
    text: "Install Jaeger and an OpenTelemetry collector and send them traces and metrics of upstream's programs",
  },
} as const satisfies Fields;
