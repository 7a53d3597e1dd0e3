import assert from "node:assert/strict";
import { test } from "node:test";
import { redact, redactText } from "./redact.ts";

test("secrets of values disappear, whatever the spelling", () => {
  const value = {
    crypto_key: "4a506a794f574265564551694d653768",
    integKey: "x",
    link: { private_key: "gIjXzrQfIFf80d0O8Hd2KhcfkKLRncc+8C70OjotIW8=", port: 12312 },
    memif: { secret: "s", socket_filename: "/x" },
    remote_crypto_key: "k",
    public_key: "stays",
    key: "config/x",
  };
  assert.deepEqual(redact(value), {
    crypto_key: "(removed)",
    integKey: "(removed)",
    link: { private_key: "(removed)", port: 12312 },
    memif: { secret: "(removed)", socket_filename: "/x" },
    remote_crypto_key: "(removed)",
    public_key: "stays",
    key: "config/x",
  });
});

for (const [what, text, clean] of [
  ["YAML", "crypto_key: abc\nname: x\n", "crypto_key: (removed)\nname: x\n"],
  ["JSON", '{"integ_key":"a\\"b","index":1}', '{"integ_key":"(removed)","index":1}'],
  ["protobuf's text", 'private_key:"abc" port:1', 'private_key:"(removed)" port:1'],
  ["a URL", "http://ann:pw@host/x", "http://ann:(removed)@host/x"],
  ["a password", "password = hunter2;", "password = (removed);"],
] as const)
  test(`secrets disappear from ${what}`, () => assert.equal(redactText(text), clean));

test("keys of the store are no secrets", () => {
  const text = "key: /vnf-agent/nat/config/vpp/ipsec/v2/sa/1\nkey-prefix: config/";
  assert.equal(redactText(text), text);
});
