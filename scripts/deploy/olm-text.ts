/** What users of OLM's catalogues read about the operator. */
export const description = `Network Service Mesh connects workloads on layers 2 and 3, beside the cluster's own network: a client asks for a network
service by its name and gets an interface to it. This operator runs such a mesh as one \`NSM\` resource declares it.

* **Install**: registry, a manager and data planes on every node, the admission webhook, and SPIRE and Jaeger if wanted.
* **Configure and repair**: every field may change at any time; what was edited or deleted comes back within seconds.
* **Upgrade**: a changed \`version\` moves the mesh release by release, waits for health, and goes back when it must.
* **Remove**: deleting the resource leaves nothing of the mesh, webhook configurations first.

It runs upstream's programs (every release from v1.0.0 on) or, with \`provider: nsmkit\`, its own from one image. Documents
written for the operators of 2020 and 2023 are accepted unchanged.

### Before you begin

Data planes are privileged Pods: the mesh's namespace must allow them
(\`pod-security.kubernetes.io/enforce: privileged\`). A mesh that brings its own SPIRE (\`spire: managed\`) needs
\`deploy/operator-spire.yaml\` with the namespace of this operator in its RoleBinding.

The operator keeps the certificate and the configuration of its validating webhook itself.
`;
