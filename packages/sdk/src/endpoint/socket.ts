import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** URL of a unix socket in a directory of its own, which goes with the stack. */
export async function ownSocket(stack: AsyncDisposableStack): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "nsm-endpoint-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  return `unix://${directory}/listen.sock`;
}
