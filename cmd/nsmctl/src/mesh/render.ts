import type { PlatformKind } from "@nsmkit/mesh";
import { type Command, Option } from "commander";
import type { CommandIo } from "../lab/io.ts";

interface RenderOptions {
  readonly filename: string;
  readonly output: "yaml" | "json";
  readonly platform?: PlatformKind;
  readonly definition?: true;
}

const platforms = ["kubernetes", "openshift", "k3s", "microk8s", "k0s"] as const satisfies readonly PlatformKind[];

/** `nsmctl render`: the objects of a mesh, without a cluster. */
export function renderCommand(program: Command, io: CommandIo): void {
  program
    .command("render")
    .summary("print the Kubernetes objects that the operator makes of an NSM resource")
    .description(
      "Prints every object of the mesh in install order, exactly as nsm-operator applies it; needs no cluster. Certificates are made by the operator and are not printed.",
    )
    .requiredOption("-f, --filename <file>", 'file with the NSM resource; "-" reads the standard input')
    .addOption(
      new Option("-o, --output <form>", "yaml documents, or one json List").choices(["yaml", "json"]).default("yaml"),
    )
    .addOption(
      new Option("--platform <kind>", "distribution, where the resource leaves it open").choices([...platforms]),
    )
    .option("--definition", "begin with the definition of NSM itself and its admission policy")
    .action(async (options: RenderOptions) => {
      // Loaded here, so that other commands start without it.
      const { buildMesh, normalise, nsmAdmissionPolicy, nsmDefinition, renderJson, renderYaml } = await import(
        "@nsmkit/mesh"
      );
      const { located, problemsError, readNsm } = await import("./read-nsm.ts");
      const { nsm, source, others } = await readNsm(options.filename, process.stdin);
      const normalised = normalise(nsm, options.platform === undefined ? {} : { platform: options.platform });
      if (!normalised.ok) throw problemsError(normalised.problems, source);
      if (others.length > 0) io.stderr.write(`left out, not part of the mesh: ${others.join(", ")}\n`);
      for (const warning of normalised.warnings) io.stderr.write(`warning: ${located(warning, source)}\n`);
      const mesh = buildMesh(normalised.spec);
      for (const { secret } of mesh.certificates) {
        io.stderr.write(`the operator adds Secret ${secret.namespace}/${secret.name} and its CA to the webhook\n`);
      }
      const own = [nsmDefinition(), ...nsmAdmissionPolicy()];
      const definition = { name: "crds", objects: own, gate: { kind: "applied" } } as const;
      const phases = options.definition ? [definition, ...mesh.phases] : mesh.phases;
      const printed = { ...mesh, phases };
      io.stdout.write(options.output === "json" ? renderJson(printed) : renderYaml(printed));
    });
}
