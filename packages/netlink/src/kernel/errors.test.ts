import assert from "node:assert/strict";
import { test } from "node:test";
import { addrDelete, linkAdd, linkDelete, ruleAdd } from "../ops.ts";
import { systemError } from "../os/errno.ts";
import { describeOp } from "./describe.ts";
import { kernelError } from "./errors.ts";

const veth = linkAdd({ kind: "veth", name: "va", peer: { name: "vb" } });
const errno = {
  EPERM: 1,
  ENOENT: 2,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EOPNOTSUPP: 95,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ENOBUFS: 105,
};

test("well-known errnos have their codes, others are KERNEL with the errno's name", () => {
  const code = (number: number) => kernelError(veth, { errno: number }, "").code;
  assert.equal(code(errno.EEXIST), "ALREADY_EXISTS");
  assert.equal(code(errno.ENODEV), "NOT_FOUND");
  assert.equal(code(errno.EPERM), "PERMISSION_DENIED");
  assert.equal(code(errno.EOPNOTSUPP), "UNSUPPORTED");
  assert.equal(code(errno.ENOBUFS), "RESOURCE_EXHAUSTED");
  const other = kernelError(veth, { errno: errno.EINVAL }, "");
  assert.equal(other.code, "KERNEL");
  assert.equal(other.details.errno, "EINVAL");
});

test("a message names the object, the namespace and the kernel's own words", () => {
  const error = kernelError(
    veth,
    { errno: errno.EINVAL, message: "Peer has same name", offset: 52 },
    " in /run/netns/a",
  );
  assert.equal(
    error.message,
    'cannot add veth link "va" with peer "vb" in /run/netns/a: EINVAL (invalid argument): Peer has same name',
  );
  assert.deepEqual(
    [error.details.operation, error.details.kernelMessage, error.details.offset],
    ["linkAdd", "Peer has same name", 52],
  );
});

test("a kind of link that the kernel lacks is UNSUPPORTED, with the remedy", () => {
  const vrf = linkAdd({ kind: "vrf", name: "red", table: 10 });
  const error = kernelError(vrf, { errno: errno.EOPNOTSUPP, message: "Unknown device type" }, "");
  assert.equal(error.code, "UNSUPPORTED");
  assert.match(error.message, /this kernel has no link type "vrf"; load its module/);
});

test("an address that is not there is NOT_FOUND when it is to be deleted", () => {
  const error = kernelError(addrDelete({ link: "a", address: "10.0.0.1/24" }), { errno: errno.EADDRNOTAVAIL }, "");
  assert.equal(error.code, "NOT_FOUND");
});

test("an unreachable gateway is no unreachable peer", () => {
  assert.equal(kernelError(veth, { errno: errno.ENETUNREACH }, "").code, "KERNEL");
  assert.equal(systemError({ errno: errno.ENETUNREACH, doing: "connect" }).code, "UNAVAILABLE");
});

test("a deletion tells which links were missing and which refused", () => {
  const failed = [{ link: "eth0", errno: errno.EOPNOTSUPP }];
  const error = kernelError(
    linkDelete(["eth0", "a", "b"]),
    { errno: errno.EOPNOTSUPP, missing: ["a", "b"], failed },
    "",
  );
  assert.equal(
    error.message,
    "cannot delete 3 links: eth0: EOPNOTSUPP (operation not supported on socket); no such links: a, b",
  );
  assert.deepEqual(error.details.failed, [{ link: "eth0", errno: "EOPNOTSUPP" }]);
});

test("what an op is about is said in a line", () => {
  assert.equal(describeOp(linkDelete([7])), "delete link #7");
  assert.match(describeOp(ruleAdd({ from: "10.0.0.0/8", table: 7 })), /add rule .*10\.0\.0\.0\/8/);
});
