import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { programs } from "../../scripts/bundle/entries.ts";
import { checkout, run, toolMissing, toolPath } from "./support.ts";

const dockerfile = await readFile(join(checkout, "Dockerfile"), "utf8");
const stages = new Map(
  dockerfile.split(/^FROM /m).flatMap((text): [string, string][] => {
    const [, name] = /^.* AS (\S+)\n/.exec(text) ?? [];
    return name === undefined ? [] : [[name, text]];
  }),
);

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly volumeMounts?: readonly { readonly name: string; readonly readOnly?: boolean }[];
  readonly securityContext?: {
    readonly privileged?: boolean;
    readonly runAsUser?: number;
    readonly capabilities?: { readonly add?: readonly string[] };
  };
}
interface PodSpec {
  readonly securityContext?: { readonly runAsUser?: number };
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly hostPath?: unknown }[];
}

/** Containers of our image in everything that we ship or render, with the Pod around them. */
const ours = globSync(["deploy/*.yaml", "packages/mesh/testdata/golden/nsmkit/*.yaml", "examples/*/*.yaml"], {
  cwd: checkout,
}).map(async (file) =>
  parseAllDocuments(await readFile(join(checkout, file), "utf8")).flatMap((document) => {
    const object = document.toJS() as { kind?: string; spec?: PodSpec & { template?: { spec?: PodSpec } } } | null;
    const pod = object?.kind === "Pod" ? object.spec : object?.spec?.template?.spec;
    return [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])]
      .filter(({ image }) => image.startsWith("ghcr.io/nsmkit/"))
      .map((container) => ({ file, pod: pod ?? {}, container }));
  }),
);
const containers = (await Promise.all(ours)).flat();
const targetOf = (image: string): string => /^ghcr\.io\/nsmkit\/([^:@]+)/.exec(image)?.[1] ?? "";

test("the Dockerfile has a target for every image of ours in manifests, made meshes and examples", () => {
  assert.ok(containers.length > 10);
  for (const { file, container } of containers)
    assert.ok(stages.has(targetOf(container.image)), `${file}: ${container.image}`);
  assert.equal([...stages.keys()].at(-1), "nsmkit", "the last stage is what docker build makes without --target");
});

test("every command that they start is a program in the image's PATH", () => {
  const known = new Set(["node", ...programs(checkout).map(({ command }) => command)]);
  for (const { file, container } of containers) {
    const [command] = container.command ?? [];
    if (command !== undefined) assert.ok(known.has(command), `${file}: ${container.name} starts ${command}`);
    else assert.match(stages.get(targetOf(container.image)) ?? "", /CMD \["nsm-agent-linux"\]/, `${file}: no command`);
  }
});

test("whoever needs root gets it: from the image, or by asking", () => {
  for (const { file, pod, container } of containers) {
    const [, user = ""] = /^USER (\d+):\d+$/m.exec(stages.get(targetOf(container.image)) ?? "") ?? [];
    assert.notEqual(user, "", `${targetOf(container.image)} names no user by number`);
    const { privileged = false, capabilities, runAsUser } = container.securityContext ?? {};
    const onHost = (container.volumeMounts ?? []).some(
      ({ name, readOnly = false }) =>
        !readOnly && pod.volumes?.find((volume) => volume.name === name)?.hostPath !== undefined,
    );
    // Capabilities of a user that is not root do not reach its programs, and the node's folders are root's.
    if (!privileged && !onHost && (capabilities?.add ?? []).length === 0) continue;
    assert.equal(runAsUser ?? pod.securityContext?.runAsUser ?? Number(user), 0, `${file}: ${container.name}`);
  }
});

test("the image is built with the Node that the tests run on", async () => {
  const { optionalDependencies } = JSON.parse(await readFile(join(checkout, "package.json"), "utf8")) as {
    optionalDependencies: Readonly<Record<string, string>>;
  };
  const [, version] = /^ARG NODE_IMAGE=docker\.io\/library\/node:([\d.]+)-slim$/m.exec(dockerfile) ?? [];
  for (const machine of ["x64", "arm64"]) assert.equal(optionalDependencies[`node-linux-${machine}`], version);
});

describe("docker build's own lint", { skip: toolMissing("dockerfile-lint"), timeout: 30_000 }, () => {
  for (const file of ["Dockerfile", "deploy/olm/bundle.Dockerfile"])
    test(`finds nothing in ${file}`, async () => {
      const { status, stdout, stderr } = await run(toolPath("dockerfile-lint"), [file]);
      assert.equal(status, 0, stdout + stderr);
    });
});
