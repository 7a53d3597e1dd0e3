import assert from "node:assert/strict";
import { test } from "node:test";
import { checkInterfaceName, interfaceNameProblem } from "./interface-name.ts";
import { checkMac, parseMac } from "./mac.ts";
import { checkMtu, checkVni } from "./numbers.ts";

const code = { code: "INVALID_ARGUMENT" };

test("an interface name is judged by its bytes, as the kernel does", () => {
  for (const good of ["a", "eth0", "eth0.100", "123456789012345", "nsm-1_x@", "é"])
    assert.equal(interfaceNameProblem(good), undefined, good);
  // "à" ends in byte 0xa0, which the kernel's Latin-1 isspace() takes for a space.
  for (const bad of ["", ".", "..", "1234567890123456", "a b", "a/b", "a:b", "a\n", "eth%d", "a\0", "éééééééé", "à"])
    assert.notEqual(interfaceNameProblem(bad), undefined, bad);
});

test("a refused interface name tells field, value and rule", () => {
  assert.throws(() => checkInterfaceName("a-name-that-is-too-long", "host_if_name"), {
    ...code,
    message:
      'host_if_name: "a-name-that-is-too-long" is 23 bytes long; use 1 to 15 bytes without "/", ":", "%" or white space',
  });
  assert.throws(() => checkInterfaceName(undefined), code);
});

test("a MAC address is six hexadecimal bytes", () => {
  assert.equal(checkMac("02:AB:00:00:00:01"), "02:ab:00:00:00:01");
  for (const bad of [
    "02:00:00:00:00",
    "02-00-00-00-00-01",
    "0200.0000.0001",
    "02:00:00:00:00:0g",
    "",
    "02:00:00:00:00:01\n",
  ])
    assert.throws(() => parseMac(bad), code, bad);
});

test("a link's MAC address is neither multicast nor zero", () => {
  assert.throws(() => checkMac("01:00:5e:00:00:01"), /multicast/);
  assert.throws(() => checkMac("00:00:00:00:00:00"), /all zero/);
});

test("MTU and VNI have the kernel's ranges", () => {
  assert.equal(checkMtu(68), 68);
  assert.equal(checkVni(0xffffff), 0xffffff);
  for (const bad of [67, 65536, 1500.5, Number.NaN, "1500"]) assert.throws(() => checkMtu(bad), code);
  assert.throws(() => checkVni(0x1000000), /use a whole number from 0 to 16777215/);
});
