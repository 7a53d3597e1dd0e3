import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { insideDirectory } from "../host/places.ts";
import { meshSocketDirectory, meshSocketUrl, type NodeSpec } from "../spec/spec.ts";
import type { SupervisorContext } from "./context.ts";
import { LogFile } from "./log-file.ts";
import { ManagedProcess } from "./managed-process.ts";
import { Sandbox } from "./sandbox.ts";

/** A node of the lab: namespaces with a network service manager and a forwarder, like a cluster's host. */
export class LabNode {
  readonly spec: NodeSpec;
  readonly sandbox: Sandbox;
  readonly programs: readonly ManagedProcess[];

  private constructor(spec: NodeSpec, sandbox: Sandbox, programs: readonly ManagedProcess[]) {
    this.spec = spec;
    this.sandbox = sandbox;
    this.programs = programs;
  }

  static async open(spec: NodeSpec, context: SupervisorContext): Promise<LabNode> {
    const mesh = meshDirectory(spec.name);
    await mkdir(mesh, { recursive: true });
    context.root.ensureMountPoint(meshSocketDirectory, "directory");
    const sandbox = await Sandbox.open({
      name: `node ${spec.name}`,
      hostname: spec.name,
      mounts: [{ source: mesh, target: meshSocketDirectory, readOnly: false }],
      sysctls: [],
      netlink: context.netlink,
      env: context.env,
    });
    const address = spec.address.split("/")[0] ?? "";
    const program = (name: string, command: string, env: Record<string, string>): ManagedProcess =>
      new ManagedProcess({
        name,
        start: () => sandbox.spawn([command], { env: { NODE_NAME: spec.name, ...env }, workingDir: "/" }),
        restart: "Always",
        log: new LogFile(join(insideDirectory, "logs", spec.name, `${name}.log`)),
        onChange: context.onChange,
      });
    return new LabNode(spec, sandbox, [
      program("nsmgr", "nsmgr", {
        NSM_NAME: `nsmgr-${spec.name}`,
        NSM_LISTEN_ON: `${meshSocketUrl},tcp://${address}:5001`,
        NSM_REGISTRY_URL: context.registryUrl,
      }),
      program("forwarder", "nsm-forwarder", {
        NSM_NAME: `forwarder-${spec.name}`,
        NSM_CONNECT_TO: meshSocketUrl,
        NSM_LISTEN_ON: `unix://${meshSocketDirectory}/forwarder.sock`,
        NSM_TUNNEL_IP: address,
      }),
    ]);
  }

  start(): void {
    for (const program of this.programs) program.start();
  }

  get ready(): boolean {
    return (
      this.programs.every((program) => program.state.state === "running") &&
      existsSync(join(meshDirectory(this.spec.name), "nsm.io.sock")) &&
      existsSync(join(meshDirectory(this.spec.name), "forwarder.sock"))
    );
  }

  async close(options: { graceMs?: number } = {}): Promise<void> {
    await Promise.all(this.programs.map((program) => program.stop(options.graceMs ?? 2000)));
    await this.sandbox.close();
  }
}

export function meshDirectory(node: string): string {
  return join(insideDirectory, "nodes", node, "mesh");
}

export function nodeFiles(node: string): string {
  return join(insideDirectory, "nodes", node, "files");
}
