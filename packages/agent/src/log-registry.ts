import { CodedError, type LogFields, type Logger } from "@nsmkit/core";

/** Names of logrus, which the original uses; ours log no trace and end on nothing. */
const ranks = { trace: 0, debug: 1, info: 2, warning: 3, warn: 3, error: 4, fatal: 5, panic: 5 } as const;
type Level = keyof typeof ranks;
const names = ["debug", "info", "warning", "error"] as const;

export interface LogRegistryOptions {
  /** What all loggers write to. */
  readonly root: Logger;
  /** Level at which the root lets lines through now: "INFO". */
  readonly level: string;
  /** Makes the root let more through: "DEBUG". */
  readonly open?: (level: "DEBUG" | "INFO" | "WARN" | "ERROR") => void;
}

/** Name of the level of every logger that has none of its own. */
const common = "default";

/** Loggers by component, each with a level that can be changed while the program runs. */
export class LogRegistry {
  readonly #options: LogRegistryOptions;
  readonly #names = new Set<string>([common]);
  readonly #levels = new Map<string, number>();
  /** The logger to hand out: its children with a `component` are known here by it. */
  readonly logger: Logger;

  constructor(options: LogRegistryOptions) {
    this.#options = options;
    this.logger = new LevelLogger(options.root, common, {
      named: (name) => void this.#names.add(name),
      writes: (name, rank) => this.#writes(name, rank),
    });
  }

  /** Levels that a file asks for; loggers that are not there yet get theirs when they come. */
  preset(levels: { readonly level?: string; readonly loggers: readonly { name: string; level: string }[] }): void {
    if (levels.level !== undefined) this.set(common, levels.level);
    for (const { name, level } of levels.loggers) {
      this.#names.add(name);
      this.set(name, level);
    }
  }

  /** By name. Field names of GET /log/list. */
  list(): { logger: string; level: string }[] {
    return [...this.#names].sort().map((logger) => ({ logger, level: textOf(this.#rankOf(logger)) }));
  }

  /** @throws CodedError NOT_FOUND for an unknown logger, INVALID_ARGUMENT for a level that is none */
  set(name: string, text: string): { logger: string; level: string } {
    if (!this.#names.has(name))
      throw new CodedError(
        "NOT_FOUND",
        `there is no logger ${JSON.stringify(name.slice(0, 60))}; GET /log/list names them`,
      );
    const rank = ranks[text.toLowerCase() as Level] as number | undefined;
    if (rank === undefined)
      throw new CodedError(
        "INVALID_ARGUMENT",
        `level is ${JSON.stringify(text.slice(0, 60))}, must be ${names.join(", ")}`,
      );
    // From now on the levels here decide; the root has to let the most talkative through.
    if (!this.#levels.has(common)) this.#levels.set(common, this.#given());
    this.#levels.set(name, rank);
    const lowest = Math.min(...this.#levels.values());
    this.#options.open?.(
      lowest <= ranks.debug ? "DEBUG" : lowest <= ranks.info ? "INFO" : lowest <= ranks.warning ? "WARN" : "ERROR",
    );
    return { logger: name, level: textOf(rank) };
  }

  #given(): number {
    return ranks[this.#options.level.toLowerCase() as Level] ?? ranks.info;
  }

  #rankOf(name: string): number {
    return this.#levels.get(name) ?? this.#levels.get(common) ?? this.#given();
  }

  /** Before anybody asked for levels here, those of the root hold alone. */
  #writes(name: string, rank: number): boolean {
    return this.#levels.size === 0 || rank >= this.#rankOf(name);
  }
}

interface Gate {
  named(name: string): void;
  writes(name: string, rank: number): boolean;
}

class LevelLogger implements Logger {
  readonly #to: Logger;
  readonly #name: string;
  readonly #gate: Gate;

  constructor(to: Logger, name: string, gate: Gate) {
    this.#to = to;
    this.#name = name;
    this.#gate = gate;
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#gate.writes(this.#name, ranks.debug)) this.#to.debug(message, fields);
  }

  info(message: string, fields?: LogFields): void {
    if (this.#gate.writes(this.#name, ranks.info)) this.#to.info(message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    if (this.#gate.writes(this.#name, ranks.warning)) this.#to.warn(message, fields);
  }

  error(message: string, fields?: LogFields): void {
    if (this.#gate.writes(this.#name, ranks.error)) this.#to.error(message, fields);
  }

  child(fields: LogFields): Logger {
    const { component } = fields;
    const name = typeof component === "string" ? component : this.#name;
    this.#gate.named(name);
    return new LevelLogger(this.#to.child(fields), name, this.#gate);
  }
}

function textOf(rank: number): string {
  return Object.entries(ranks).find(([, other]) => other === rank)?.[0] ?? "info";
}
