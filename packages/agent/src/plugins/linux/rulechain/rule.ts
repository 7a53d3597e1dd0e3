import { createHash } from "node:crypto";

/**
 * Splits a rule as iptables-restore does: at blanks, with double or single quotes and backslashes.
 * @returns undefined when a quote is not closed
 */
export function ruleWords(rule: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < rule.length; i++) {
    const char = rule[i] as string;
    if (char === "\\" && i + 1 < rule.length) word = (word ?? "") + rule[++i];
    else if (quote !== "" ? char === quote : char === '"' || char === "'") {
      quote = quote === "" ? char : "";
      word ??= "";
    } else if (quote === "" && (char === " " || char === "\t")) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== "") return undefined;
  return word === undefined ? words : [...words, word];
}

/** Words as iptables-restore reads them whatever they contain: it knows double quotes and backslashes only. */
export function quoteWords(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w./:,=!+@%-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, "\\$&")}"`))
    .join(" ");
}

/** The comment that a rule carries by itself. */
export function ownComment(words: readonly string[]): string | undefined {
  const at = words.indexOf("--comment");
  return at < 0 ? undefined : words[at + 1];
}

/** Marks of rules: the comment match of iptables holds 255 bytes (linux/netfilter/xt_comment.h). */
export class RuleMark {
  readonly #prefix: string;

  constructor(label: string) {
    this.#prefix = `nsmkit:${plain(label)}:`;
  }

  /** The comment of a rule: whose it is, and a digest by which the rule is known again whatever iptables makes of it. */
  of(chain: string, index: number, rule: string): string {
    const digest = createHash("sha256").update(`${chain}\0${index}\0${rule}`).digest("hex").slice(0, 12);
    return `${this.#prefix}${plain(chain)}:${digest}`;
  }

  /** The chain in a mark of ours, as marks spell it (see `spelled`); undefined for any other comment. */
  chainOf(comment: string | undefined): string | undefined {
    if (!comment?.startsWith(this.#prefix)) return undefined;
    return comment.slice(this.#prefix.length, comment.lastIndexOf(":"));
  }

  /** A chain's name as marks spell it. */
  spelled(chain: string): string {
    return plain(chain);
  }

  owns(comment: string | undefined): boolean {
    return comment?.startsWith(this.#prefix) ?? false;
  }
}

/** Comments are printed in quotes and read back by people and programs, so only plain characters go in. */
function plain(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll(/['()*~!]/g, "_")
    .slice(0, 100);
}

/** Words that end a rule's jump at something that is no chain: iptables-extensions(8) and the built-in verdicts. */
const targets = new Set(
  `ACCEPT DROP QUEUE RETURN AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNMARK CONNSECMARK CT DNAT DNPT DSCP ECN HL HMARK
   IDLETIMER LED LOG MARK MASQUERADE MIRROR NETMAP NFLOG NFQUEUE NOTRACK RATEEST REDIRECT REJECT SAME SECMARK SET SNAT
   SNPT SYNPROXY TCPMSS TCPOPTSTRIP TEE TOS TPROXY TRACE TTL ULOG`.split(/\s+/),
);

/** User-defined chains that a rule jumps to. */
export function jumpsOf(words: readonly string[]): string[] {
  return words.flatMap((word, i) => {
    const chain = words[i + 1];
    const jump = word === "-j" || word === "--jump" || word === "-g" || word === "--goto";
    return jump && chain !== undefined && !targets.has(chain) ? [chain] : [];
  });
}

/** Options that name a command, table or chain: those come from the fields of the rule chain. */
const commands = new Set(
  `-A -C -D -I -R -L -S -F -Z -N -X -P -E -t -M --append --check --delete --insert --replace --list --list-rules --flush
   --zero --new-chain --delete-chain --policy --rename-chain --table --modprobe`.split(/\s+/),
);

/** What is wrong with a rule before iptables sees it, as the end of a sentence; undefined: nothing. */
export function ruleProblem(rule: string): string | undefined {
  if (rule.trim() === "") return "is empty; leave it out";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(rule.replaceAll("\t", " ")))
    return `is ${JSON.stringify(rule)}, with a control character; write one rule per list entry`;
  const words = ruleWords(rule);
  if (!words) return `is ${JSON.stringify(rule)}, with a quote that is not closed`;
  const command = words.find((word, i) => commands.has(word) && words[i - 1] !== "--comment");
  if (command)
    return `is ${JSON.stringify(rule)}; leave out ${command}: table and chain are fields, a rule holds only matches and target`;
  if (!/^[-!]/.test(words[0] ?? "")) return `is ${JSON.stringify(rule)}, must begin with an option such as -o tap0`;
  return undefined;
}
