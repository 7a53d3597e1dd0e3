import { existsSync, readFileSync } from "node:fs";

/** What decides whether this machine lets us make namespaces. */
export interface NamespaceFacts {
  readonly isRoot: boolean;
  /** What the system said. */
  readonly message: string;
  /** Content of a file below /proc/sys, trimmed; undefined when it does not exist. */
  readonly sysctl: (name: string) => string | undefined;
  readonly inContainer: boolean;
}

/** Names the setting that forbids namespaces and how to change it. */
export function explainRefusal({ isRoot, message, sysctl, inContainer }: NamespaceFacts): string {
  const said = message.trim().split("\n").at(-1) ?? "";
  const refused = `a lab lives in Linux namespaces, and this machine refuses them${said ? ` (${said})` : ""}`;
  if (isRoot) {
    const remedy = inContainer
      ? "this container lacks CAP_SYS_ADMIN; start it with --privileged, or with --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
      : "CAP_SYS_ADMIN and CAP_NET_ADMIN are needed; start it from a full root shell";
    return `${refused}: ${remedy}`;
  }
  if (sysctl("kernel/unprivileged_userns_clone") === "0")
    return `${refused}: kernel.unprivileged_userns_clone is 0; run "sudo sysctl kernel.unprivileged_userns_clone=1", or start the lab as root`;
  for (const kind of ["user", "net", "mnt"]) {
    const name = `user/max_${kind}_namespaces`;
    if (sysctl(name) === "0")
      return `${refused}: ${name.replace("/", ".")} is 0; run "sudo sysctl ${name.replace("/", ".")}=15000", or start the lab as root`;
  }
  if (sysctl("kernel/apparmor_restrict_unprivileged_userns") === "1")
    return `${refused}: AppArmor restricts them (kernel.apparmor_restrict_unprivileged_userns is 1); run "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0", or start the lab as root`;
  if (inContainer)
    return `${refused}: the container's seccomp or AppArmor profile forbids user namespaces; start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined, or with --privileged`;
  return `${refused}: user namespaces are forbidden to this user; start the lab as root`;
}

/** The facts of this machine. */
export function namespaceFacts(message: string, uid: number): NamespaceFacts {
  return {
    isRoot: uid === 0,
    message,
    sysctl: (name) => {
      try {
        return readFileSync(`/proc/sys/${name}`, "utf8").trim();
      } catch {
        return undefined;
      }
    },
    inContainer: existsSync("/.dockerenv") || existsSync("/run/.containerenv"),
  };
}
