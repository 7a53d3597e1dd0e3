import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@nsmkit/core";
import { FakeClock } from "@nsmkit/core/testing";
import type { ServingCertificate } from "./issue.ts";
import { CertificateKeeper } from "./keeper.ts";

const named = (certificate: string): ServingCertificate => ({ ca: "", certificate, key: "k" });

function keeping(answers: (ServingCertificate | undefined | Error)[]) {
  const clock = new FakeClock();
  const served: string[] = [];
  const published: string[] = [];
  let last: ServingCertificate | undefined | Error;
  const keeper = new CertificateKeeper({
    source: {
      lookMs: 60_000,
      read: async () => {
        last = answers.length > 0 ? answers.shift() : last;
        if (last instanceof Error) throw last;
        return last;
      },
    },
    serve: ({ certificate }) => served.push(certificate),
    publish: async ({ certificate }) => void published.push(certificate),
    clock,
  });
  return { clock, served, published, keeper };
}

test("a certificate is taken when it changes, and told to others at each look", async () => {
  const { clock, served, published, keeper } = keeping([named("a"), named("a"), named("b")]);
  const stop = new AbortController();
  const running = keeper.run({ signal: stop.signal });
  await clock.advance(0);
  await clock.advance(60_000);
  await clock.advance(60_000);
  assert.deepEqual(served, ["a", "b"]);
  assert.deepEqual(published, ["a", "a", "b"]);
  stop.abort();
  await running;
});

test("while there is none, and after a failure, it looks again soon; what is served stays", async () => {
  const { clock, served, keeper } = keeping([undefined, new CodedError("UNAVAILABLE", "down"), named("a")]);
  const stop = new AbortController();
  const running = keeper.run({ signal: stop.signal });
  await clock.advance(0);
  assert.equal(keeper.ready, false);
  await clock.advance(5_000);
  await clock.advance(5_000);
  assert.deepEqual(served, ["a"]);
  assert.equal(keeper.ready, true);
  stop.abort();
  await running;
});

test("it can be woken", async () => {
  const { clock, served, keeper } = keeping([named("a"), named("b")]);
  const stop = new AbortController();
  const running = keeper.run({ signal: stop.signal });
  await clock.advance(0);
  keeper.wake();
  await clock.advance(0);
  assert.deepEqual(served, ["a", "b"]);
  stop.abort();
  await running;
});
