/**
 * Entry of the worker thread: every system call that can block or that depends on the thread's namespace happens here.
 * Requests are served in order of arrival, except that link deletions overlap with what follows.
 */
import { parentPort } from "node:worker_threads";
import { SystemCallError } from "../os/errno.ts";
import { LinkDeleter } from "./delete-links.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import { createNetns, deleteNetns, inNetns, listNetns, openNetns } from "./netns.ts";
import { openSocket } from "./open-socket.ts";
import type { Call, Job, JobNamespace, Outcome, ReplyMessage, RequestMessage } from "./protocol.ts";
import { JobRun } from "./run-job.ts";

const port = parentPort;
if (!port) throw new Error("this file is the entry of a worker thread");

const deleter = new LinkDeleter();
/** Sockets that outlive a job, by the number that the caller chose. */
const kept = new Map<number, NetlinkSocket>();

port.on("message", (message: RequestMessage) => {
  void serve(message);
});

async function serve({ id, call }: RequestMessage): Promise<void> {
  try {
    reply({ id, value: await answer(call) });
  } catch (error) {
    if (error instanceof SystemCallError) reply({ id, failure: error.failure });
    else reply({ id, bug: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function reply(message: ReplyMessage): void {
  port?.postMessage(message);
}

function answer(call: Call): unknown {
  switch (call.call) {
    case "job":
      return runJob(call.job);
    case "closeSocket":
      kept.get(call.socketId)?.close();
      kept.delete(call.socketId);
      return null;
    case "createNetns":
      return createNetns(call.path, call.sharedDirectory);
    case "deleteNetns":
      return deleteNetns(call.path);
    case "listNetns":
      return listNetns(call.directory);
    case "openNetns":
      return openNetns(call.target);
    case "openSocket":
      return inNetns(call.ns, () => openSocket(call.spec));
  }
}

async function runJob(job: Job): Promise<readonly Outcome[]> {
  const borrowed: (NetlinkSocket | undefined)[] = [];
  const socket = (index: number): NetlinkSocket => {
    const ns = job.namespaces[index];
    if (!ns) throw new Error(`the job has no namespace ${index}`);
    if (ns.socketId !== undefined) return keptSocket(ns.socketId, ns);
    const open = borrowed[index] ?? inNetns(ns, () => new NetlinkSocket());
    borrowed[index] = open;
    return open;
  };
  try {
    return await new JobRun(job, { socket }, deleter).run();
  } finally {
    for (const each of borrowed) each?.close();
  }
}

function keptSocket(socketId: number, ns: JobNamespace): NetlinkSocket {
  const open = kept.get(socketId) ?? inNetns(ns, () => new NetlinkSocket());
  kept.set(socketId, open);
  return open;
}
