import { allModels } from "@nsmkit/api/model/vpp";
import { isCodedError } from "@nsmkit/core";
import { readDocuments } from "../documents/yaml.ts";
import { type BuiltLab, buildLab } from "./build.ts";

/** For tests: the lab of a YAML text. */
export function labOf(text: string): BuiltLab {
  return buildLab({ sources: readDocuments(text, "lab.yaml"), paths: ["/labs/My Lab"] }, { models: allModels });
}

/** For tests: what is wrong with a YAML text, one line per problem. */
export function problemsOf(text: string): string[] {
  try {
    labOf(text);
  } catch (error) {
    if (isCodedError(error, "INVALID_CONFIG")) return error.message.split("\n");
    throw error;
  }
  return [];
}

/** For tests: a Pod with an agent, `more` being lines of its spec. */
export function agentPod(name: string, more = ""): string {
  return `
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  containers:
    - name: agent
      image: registry.example/cnf/nsm-agent-linux:v3.1.0
      env: [{name: MICROSERVICE_LABEL, value: ${name}}]
      resources: {limits: {networkservicemesh.io/socket: 1}}
${more}`;
}

/** For tests: a CNFConfiguration with one item, its data being indented by ten spaces. */
export function configuration(name: string, kind: { module: string; type: string }, data: string): string {
  return `
---
apiVersion: pantheon.tech/v1
kind: CNFConfiguration
metadata: {name: ${name}}
spec:
  microservice: ${name}
  configItems:
    - module: ${kind.module}
      type: ${kind.type}
      data: |
${data.replaceAll(/^/gm, "          ")}`;
}
