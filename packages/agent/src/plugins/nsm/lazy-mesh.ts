import type { Mesh } from "./mesh.ts";

/** A mesh that is opened by the first who needs it, and again by the next if that failed. */
export function lazyMesh(open: () => Promise<Mesh>): Mesh {
  let opening: Promise<Mesh> | undefined;
  const once = (): Promise<Mesh> => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  const close = async (): Promise<void> => (await opening?.catch(() => undefined))?.close();
  return {
    connect: async (wish, listener, options) => (await once()).connect(wish, listener, options),
    serve: async (wish, listener, options) => (await once()).serve(wish, listener, options),
    close,
    [Symbol.asyncDispose]: close,
  };
}
