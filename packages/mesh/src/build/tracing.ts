import type { MeshSpec } from "../spec/mesh-spec.ts";
import { meshObject, podMetadata } from "./object.ts";
import type { MeshObject } from "./phase.ts";
import { anyAddress, bracketed, configured, confined, imageAt, pullSecrets } from "./pod.ts";

interface Port {
  readonly name: string;
  readonly port: number;
  readonly protocol?: "TCP" | "UDP";
}

interface ServerOptions {
  readonly name: string;
  readonly image: string;
  readonly account: string;
  readonly ports: readonly Port[];
  readonly ready: { readonly path: string; readonly port: number };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly pod?: Readonly<Record<string, unknown>>;
  readonly container?: Readonly<Record<string, unknown>>;
}

function server(mesh: MeshSpec, options: ServerOptions): MeshObject[] {
  const { name, ports } = options;
  const selector = { app: name };
  const labels = { component: "tracing", labels: selector };
  return [
    meshObject(mesh, "Service", name, labels, {
      spec: {
        type: "ClusterIP",
        selector,
        ports: ports.map(({ protocol = "TCP", ...port }) => ({ ...port, targetPort: port.port, protocol })),
      },
    }),
    meshObject(mesh, "Deployment", name, labels, {
      spec: {
        replicas: 1,
        selector: { matchLabels: selector },
        template: {
          metadata: podMetadata(mesh, "tracing", selector, {}, options.annotations),
          spec: {
            serviceAccountName: options.account,
            automountServiceAccountToken: false,
            ...pullSecrets(mesh),
            ...options.pod,
            containers: [
              {
                name,
                image: imageAt(mesh, options.image),
                imagePullPolicy: mesh.pullPolicy,
                ...options.container,
                securityContext: confined,
                ports: ports.map(({ name, port, protocol = "TCP" }) => ({ name, containerPort: port, protocol })),
                readinessProbe: { httpGet: options.ready, periodSeconds: 5 },
                resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "512Mi" } },
              },
            ],
          },
        },
      },
    }),
  ];
}

const collectorConfig = (any: string): string => `receivers:
  otlp:
    protocols:
      grpc:
        endpoint: "${any}:4317"
processors:
  batch: {}
extensions:
  health_check:
    endpoint: "${any}:13133"
exporters:
  jaeger:
    endpoint: jaeger:14250
    insecure: true
  prometheus:
    endpoint: "${any}:8889"
service:
  extensions: [health_check]
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [jaeger]}
    metrics: {receivers: [otlp], processors: [batch], exporters: [prometheus]}
`;

/** Jaeger, and the collector that current programs send traces and metrics to, as upstream tests them. */
export function modernTracing(mesh: MeshSpec, account: string): MeshObject[] {
  const config = meshObject(
    mesh,
    "ConfigMap",
    "otel-collector",
    { component: "tracing" },
    { data: { "collector.yaml": collectorConfig(bracketed(anyAddress(mesh.platform.ipFamily))) } },
  );
  return [
    ...server(mesh, {
      name: "jaeger",
      image: "jaegertracing/all-in-one:1.36",
      account,
      ports: [
        { name: "http", port: 16686 },
        { name: "grpc", port: 14250 },
      ],
      ready: { path: "/", port: 16686 },
    }),
    config,
    ...server(mesh, {
      name: "otel-collector",
      image: "otel/opentelemetry-collector:0.35.0",
      account,
      ports: [
        { name: "otlp", port: 4317 },
        { name: "metrics", port: 8889 },
      ],
      ready: { path: "/", port: 13133 },
      annotations: configured(config),
      container: {
        args: ["--config=/etc/otel/collector.yaml"],
        volumeMounts: [{ name: "config", mountPath: "/etc/otel", readOnly: true }],
      },
      pod: { volumes: [{ name: "config", configMap: { name: "otel-collector" } }] },
    }),
  ];
}

/** The Jaeger that v0.2's programs send spans to over UDP. */
export function legacyTracing(mesh: MeshSpec, account: string): MeshObject[] {
  return server(mesh, {
    name: "jaeger",
    image: "jaegertracing/all-in-one:1.14.0",
    account,
    ports: [
      { name: "http", port: 16686 },
      { name: "agent", port: 6831, protocol: "UDP" },
    ],
    ready: { path: "/", port: 16686 },
  });
}
