import assert from "node:assert/strict";
import { test } from "node:test";
import { explainRefusal, type NamespaceFacts } from "./refusal.ts";

const user = (sysctls: Record<string, string>, more: Partial<NamespaceFacts> = {}): string =>
  explainRefusal({
    isRoot: false,
    message: "noise\nunshare: unshare failed: Operation not permitted\n",
    sysctl: (name) => sysctls[name],
    inContainer: false,
    ...more,
  });

test("Debian's switch is named with the command that turns it", () =>
  assert.match(
    user({ "kernel/unprivileged_userns_clone": "0" }),
    /\(unshare: unshare failed: Operation not permitted\): kernel\.unprivileged_userns_clone is 0; run "sudo sysctl kernel\.unprivileged_userns_clone=1"/,
  ));

test("a limit of none is named", () => {
  assert.match(
    user({ "user/max_user_namespaces": "0" }),
    /user\.max_user_namespaces is 0; run "sudo sysctl user\.max_user_namespaces=/,
  );
  assert.match(user({ "user/max_net_namespaces": "0" }), /user\.max_net_namespaces is 0/);
});

test("Ubuntu's AppArmor restriction is named", () =>
  assert.match(
    user({ "kernel/apparmor_restrict_unprivileged_userns": "1" }),
    /sysctl kernel\.apparmor_restrict_unprivileged_userns=0/,
  ));

test("without any such setting a container is told its options, a machine to use root", () => {
  assert.match(user({}, { inContainer: true }), /--security-opt seccomp=unconfined/);
  assert.match(user({}), /start the lab as root/);
});

test("root without rights is told which are missing", () => {
  assert.match(user({}, { isRoot: true }), /CAP_SYS_ADMIN and CAP_NET_ADMIN/);
  assert.match(user({}, { isRoot: true, inContainer: true }), /--privileged/);
});
