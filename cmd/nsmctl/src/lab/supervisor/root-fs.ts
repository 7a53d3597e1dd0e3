import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { CodedError } from "@nsmkit/core";
import { insideDirectory } from "../host/places.ts";
import { bindMount, mountTmpfs, pivotInto } from "./mount.ts";

/**
 * The file system that all programs of a lab see: the machine's own, in which folders can be made without changing the
 * machine. It exists only in the lab's mount namespace and so disappears with its last process.
 */
export class LabRoot {
  /** Folders of ours, where entries can be made; everything else belongs to the machine. */
  readonly #own = new Set<string>(["/"]);

  /**
   * Makes sure that something can be mounted at `path`, without touching the machine: a folder of the machine that lacks
   * an entry is replaced, for this lab, by a copy whose entries lead to the original.
   */
  ensureMountPoint(path: string, kind: "directory" | "file"): void {
    const existing = statOf(path);
    if (existing) {
      if (existing.isDirectory() === (kind === "directory")) return;
      throw new CodedError(
        "INVALID_CONFIG",
        `${path} is a ${existing.isDirectory() ? "folder" : "file"} on this machine and the volume is not; choose another mountPath`,
      );
    }
    const parent = dirname(path);
    this.ensureMountPoint(parent, "directory");
    const real = realpathSync(parent);
    if (!this.#isOwn(real)) this.#mirror(real);
    const target = join(real, basename(path));
    if (kind === "directory") mkdirSync(target, { recursive: true });
    else writeFileSync(target, "");
  }

  #isOwn(directory: string): boolean {
    for (let at = directory; ; at = dirname(at)) {
      if (this.#own.has(at)) return true;
      if (at === "/" || isMountPoint(at)) return false;
    }
  }

  #mirror(directory: string): void {
    const original = `/.machine${directory}`;
    mkdirSync(original, { recursive: true });
    bindMount(directory, original);
    mountTmpfs(directory);
    fill(directory, original);
    this.#own.add(directory);
  }

  /** Builds the root below `labDirectory` and enters it. `/run` is empty but for the lab's own folder. */
  static enter(labDirectory: string, keep: readonly string[]): LabRoot {
    const root = join(labDirectory, "root");
    mkdirSync(root, { recursive: true });
    mountTmpfs(root);
    fill(root, "/", (name) => name === "run");
    mkdirSync(join(root, "run"), { recursive: true });
    const inside = join(root, insideDirectory);
    mkdirSync(inside, { recursive: true });
    // Flat: the root that is being built lies in this folder.
    bindMount(labDirectory, inside, { flat: true });
    mkdirSync(join(root, "run/lock"));
    for (const path of keep) {
      const [, top, below] = path.split("/");
      const target = join(root, "run", below ?? "");
      if (top !== "run" || !below || existsSync(target)) continue;
      mkdirSync(target);
      bindMount(`/run/${below}`, target);
    }
    pivotInto(root);
    const made = new LabRoot();
    made.#own.add("/run");
    return made;
  }
}

function statOf(path: string) {
  return statSync(path, { throwIfNoEntry: false });
}

function isMountPoint(path: string): boolean {
  return statSync(path).dev !== statSync(dirname(path)).dev;
}

/** Gives `copy` an entry for each one of `original` that leads to it. */
function fill(copy: string, original: string, skip: (name: string) => boolean = () => false): void {
  for (const name of readdirSync(original)) {
    if (skip(name) || (original === "/" && name === ".machine")) continue;
    const [from, to] = [join(original, name), join(copy, name)];
    const info = lstatSync(from, { throwIfNoEntry: false });
    if (info?.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
    else if (info?.isDirectory()) {
      mkdirSync(to);
      try {
        bindMount(from, to);
      } catch {
        // A folder that may not be shown stays empty, as on a machine that has nothing there.
      }
    } else if (info && original !== "/") symlinkSync(from, to);
  }
}
