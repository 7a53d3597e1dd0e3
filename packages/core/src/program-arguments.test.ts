import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseConfig, type SettingsSpec } from "./config.ts";
import { isCodedError } from "./errors.ts";
import { withArguments } from "./program-arguments.ts";

const spec = {
  label: { env: "MICROSERVICE_LABEL", type: "string", default: "vpp1", text: "." },
  connectTo: { env: "NSM_CONNECT_TO", aliases: ["CONNECT_TO"], type: "string", text: "." },
  verbose: { env: "VERBOSE", type: "boolean", default: "false", text: "." },
  token: { env: "TOKEN", type: "string", secret: true, text: "." },
} as const satisfies SettingsSpec;

const read = (args: string[], env: Record<string, string> = {}) => parseConfig(spec, withArguments(spec, env, args));

test("a setting is given with = or as the next argument, with one dash or two", () => {
  assert.equal(read(["--microservice-label=nat"]).label, "nat");
  assert.equal(read(["-microservice-label", "nat"]).label, "nat");
  assert.equal(read(["--microservice-label=a=b"]).label, "a=b");
});

test("a switch needs no value", () => {
  assert.deepEqual([read(["--verbose"]).verbose, read(["--verbose=false"]).verbose], [true, false]);
});

test("an argument wins over the environment, also over another name of the same setting", () => {
  assert.equal(read(["--nsm-connect-to=x"], { CONNECT_TO: "y", NSM_CONNECT_TO: "z" }).connectTo, "x");
  assert.equal(read(["--connect-to=x"], { NSM_CONNECT_TO: "z" }).connectTo, "x");
});

test("what cannot be meant is refused with what helps", () => {
  const refusal = (...args: string[]): string => {
    try {
      withArguments(spec, {}, args);
    } catch (error) {
      if (isCodedError(error, "INVALID_ARGUMENT")) return error.message;
      throw error;
    }
    return "taken";
  };
  assert.match(refusal("--microservice-lable=x"), /unknown argument --microservice-lable; see --help/);
  assert.match(refusal("serve"), /unknown argument serve/);
  assert.match(refusal("--microservice-label"), /has no value; write --microservice-label=value/);
  assert.match(refusal("--microservice-label", "--verbose"), /has no value/);
  assert.match(refusal("--verbose", "--verbose"), /given twice/);
  assert.match(refusal("--token=s3cret"), /set TOKEN in the environment/);
  assert.doesNotMatch(refusal("--token=s3cret"), /s3cret/);
});

test("arbitrary arguments are taken or refused, never anything else", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (args) => {
      try {
        withArguments(spec, {}, args);
      } catch (error) {
        assert.ok(isCodedError(error, "INVALID_ARGUMENT"));
      }
    }),
  );
});
