// The command as a process: streams and exit codes.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const main = new URL("../main.ts", import.meta.url).pathname;

function nsmctl(args: string[], input: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, ...args], { input, encoding: "utf8" });
}

const document = (data: string): string =>
  `apiVersion: pantheon.tech/v1
kind: CNFConfiguration
metadata: { name: a }
spec:
  microservice: nat
  configItems:
    - module: vpp.nat
      type: nat44-interface
      data: |
        ${data}
`;

test("the standard input is rendered, with exit code 0", () => {
  assert.deepEqual(
    (({ status, stdout, stderr }) => ({ status, stdout, stderr }))(
      nsmctl(["cnf", "render", "-f", "-"], document("name: memif0")),
    ),
    {
      status: 0,
      stdout: '/vnf-agent/nat/config/vpp/nat/v2/nat44-interface/memif0 {"name":"memif0"}\n',
      stderr: "",
    },
  );
});

test("a mistake prints nothing but file, line, item and field, with exit code 2", () => {
  const { status, stdout, stderr } = nsmctl(["cnf", "render", "-f", "-"], document("nam: memif0"));
  assert.equal(status, 2);
  assert.equal(stdout, "");
  assert.match(
    stderr,
    /^nsmctl: 1 to correct, nothing is rendered\nstdin:10:14: CNFConfiguration default\/a item 1: .*field "nam" is unknown/,
  );
});
