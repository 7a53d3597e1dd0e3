import { timingSafeEqual } from "node:crypto";
import { CodedError } from "@nsmkit/core";
import koffi from "koffi";

type Crypt = (password: string, setting: string) => Promise<string | null>;

/** Room for struct crypt_data of every libc; glibc's own, the largest, has 131,232 bytes. */
const workBytes = 256 * 1024;

/** Libxcrypt, then the libc itself (musl). */
const libraries = ["libcrypt.so.1", "libcrypt.so.2", null];

let loaded: Crypt | undefined;

/** crypt(3), off the event loop: one hash takes tenths of a second on purpose. */
function load(): Crypt {
  if (loaded) return loaded;
  for (const name of libraries) {
    try {
      const hash = koffi.load(name).func("const char *crypt_r(const char *, const char *, void *)");
      loaded = (password, setting) => {
        const { promise, resolve, reject } = Promise.withResolvers<string | null>();
        hash.async(password, setting, Buffer.alloc(workBytes), (error: unknown, text: string | null) =>
          error ? reject(error) : resolve(text),
        );
        return promise;
      };
      return loaded;
    } catch {
      // Tried in the next library.
    }
  }
  throw new CodedError("UNSUPPORTED", "passwords cannot be checked: this system has no crypt(3); install libcrypt");
}

/** Whether a password is the one that was hashed. @throws CodedError UNSUPPORTED for a hash of a kind unknown here */
export async function isPassword(password: string, hash: string): Promise<boolean> {
  // What follows a NUL would not count.
  if (password.includes("\0") || hash.includes("\0")) return false;
  const made = await load()(password, hash);
  if (made === null || made.startsWith("*"))
    throw new CodedError("UNSUPPORTED", `crypt(3) of this system does not know hashes like ${hash.slice(0, 4)}...`);
  const [a, b] = [Buffer.from(made), Buffer.from(hash)];
  return a.length === b.length && timingSafeEqual(a, b);
}
