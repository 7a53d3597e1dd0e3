import assert from "node:assert/strict";
import { test } from "node:test";
import { key, Store } from "./key.ts";

test("what is left in a store at its end is released, the rest is not", () => {
  const released: string[] = [];
  const release = (value: string): void => void released.push(value);
  const [kept, taken, replaced, plain] = [key("a", release), key("b", release), key("c", release), key<string>("d")];
  const store = new Store();
  store.set(kept, "kept");
  store.set(taken, "taken");
  store.set(replaced, "old");
  store.set(replaced, "new");
  store.set(plain, "plain");
  assert.equal(store.take(taken), "taken");
  store.end();
  assert.deepEqual([released, store.size, store.get(kept)], [["kept", "new"], 0, undefined]);
});

test("keys with the same name are different keys", () => {
  const store = new Store();
  const [one, other] = [key<number>("n"), key<number>("n")];
  store.set(one, 1);
  assert.equal(store.get(other), undefined);
});

test("a release that throws does not keep the others from being released", () => {
  const released: string[] = [];
  const store = new Store();
  const fails = (): void => {
    throw new Error("stuck");
  };
  store.set(key<string>("timer", fails), "x");
  store.set(
    key<string>("file", (value) => void released.push(value)),
    "y",
  );
  assert.throws(() => store.end(), { code: "INTERNAL", message: "could not release timer" });
  assert.deepEqual(released, ["y"]);
});
