import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { chain } from "../../../../chain/chain.ts";
import { RecordingEnd, requestOf, testContext } from "../../../../testing/elements.ts";
import type { NetworkServiceKind } from "../../../core/kind.ts";
import { beginServer } from "../../../core/rules.ts";
import { type MechanismServer, selectMechanismServer } from "./server.ts";

function setUp(servers: Record<string, MechanismServer>) {
  const end = new RecordingEnd();
  const all = chain<NetworkServiceKind>([beginServer(), selectMechanismServer(servers)], end);
  const ask = (preferences: readonly string[], chosen?: string) =>
    all.request(
      testContext(),
      requestOf(
        { id: "c", ...(chosen !== undefined && { mechanism: { type: chosen } }) },
        preferences.map((type) => ({ type })),
      ),
    );
  return { all, ask, end };
}
const fine: MechanismServer = {
  serve: (_ctx, _connection, { parameters }) => {
    parameters.served = "yes";
  },
};
const refusing: MechanismServer = {
  serve: () => {
    throw new CodedError("RESOURCE_EXHAUSTED", "no VNI left");
  },
};

test("the first preference that we have becomes the mechanism", async () => {
  const { ask } = setUp({ KERNEL: fine, VXLAN: fine });
  const { mechanism } = await ask(["MEMIF", "VXLAN", "KERNEL"]);
  assert.deepEqual([mechanism?.type, { ...mechanism?.parameters }], ["VXLAN", { served: "yes" }]);
});

test("a preference that cannot be served gives way to the next one", async () => {
  const { ask } = setUp({ VXLAN: refusing, KERNEL: fine });
  assert.equal((await ask(["VXLAN", "KERNEL"])).mechanism?.type, "KERNEL");
});

test("when none can be served, the error says what was asked, what failed and what there is", async () => {
  await assert.rejects(setUp({ VXLAN: refusing }).ask(["MEMIF", "VXLAN"]), {
    code: "UNSUPPORTED",
    message: /asked for MEMIF, VXLAN \(VXLAN: no VNI left\); supported are VXLAN/,
  });
});

test("a mechanism that is chosen already is kept, and must be one of ours", async () => {
  const { ask } = setUp({ KERNEL: fine });
  assert.equal((await ask(["MEMIF"], "KERNEL")).mechanism?.type, "KERNEL");
  await assert.rejects(ask(["KERNEL"], "MEMIF"), { code: "UNSUPPORTED", message: 'unsupported mechanism "MEMIF"' });
});

test("a type that is the name of something every object has is unknown", async () => {
  await assert.rejects(setUp({ KERNEL: fine }).ask([], "constructor"), { code: "UNSUPPORTED" });
  await assert.rejects(setUp({ KERNEL: fine }).ask(["__proto__"]), { code: "UNSUPPORTED" });
});

test("close releases the mechanism even if the calls below fail", async () => {
  const released: string[] = [];
  const { all, ask, end } = setUp({ KERNEL: { ...fine, release: (_c, { id }) => void released.push(id) } });
  const reply = await ask(["KERNEL"]);
  end.closeError = new CodedError("UNAVAILABLE", "gone");
  await assert.rejects(all.close(testContext(), reply));
  assert.deepEqual(released, ["c"]);
});
