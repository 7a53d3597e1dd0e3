/** States of ligato's health.statuscheck model (cn-infra health/statuscheck). */
export const OperationalState = { INIT: 0, OK: 1, ERROR: 2 } as const;
export type OperationalState = keyof typeof OperationalState;

export interface PartStatus {
  readonly state: OperationalState;
  readonly error?: string;
}

export interface BuildInfo {
  readonly version: string;
  readonly revision?: string;
  /** RFC 3339. */
  readonly date?: string;
}

/** JSON of /liveness and /readiness, with the field names of cn-infra's AgentStatus and PluginStatus. */
export interface AgentStatus {
  readonly build_version: string;
  readonly build_date?: string;
  readonly commit_hash?: string;
  readonly state: number;
  /** Unix times, s. */
  readonly start_time: number;
  readonly last_change: number;
  readonly last_update: number;
  readonly plugins: readonly ({ readonly name: string } & PluginStatus)[];
  readonly PluginStatus: Readonly<Record<string, PluginStatus>>;
  readonly NonFatalPlugins: readonly string[];
}

export interface PluginStatus {
  readonly state: number;
  readonly last_change: number;
  readonly last_update: number;
  readonly error?: string;
}

/** Asks the parts of the agent how they are, when somebody asks the agent. */
export class Probe {
  readonly #parts: () => Readonly<Record<string, PartStatus>>;
  readonly #build: BuildInfo;
  readonly #now: () => number;
  readonly #startMs: number;
  readonly #changes = new Map<string, { text: string; ms: number }>();

  constructor(parts: () => Readonly<Record<string, PartStatus>>, build: BuildInfo, now: () => number) {
    this.#parts = parts;
    this.#build = build;
    this.#now = now;
    this.#startMs = now();
  }

  read(): AgentStatus {
    const nowMs = this.#now();
    const seconds = (ms: number): number => Math.floor(ms / 1000);
    const plugins = Object.entries(this.#parts()).map(([name, { state, error }]) => ({
      name,
      state: OperationalState[state],
      last_change: seconds(this.#changed(name, `${state} ${error ?? ""}`, nowMs)),
      last_update: seconds(nowMs),
      ...(error === undefined ? {} : { error }),
    }));
    const worst = plugins.some(({ state }) => state === OperationalState.ERROR)
      ? OperationalState.ERROR
      : plugins.some(({ state }) => state === OperationalState.INIT)
        ? OperationalState.INIT
        : OperationalState.OK;
    const { version, date, revision } = this.#build;
    return {
      build_version: version,
      ...(date === undefined ? {} : { build_date: date }),
      ...(revision === undefined ? {} : { commit_hash: revision }),
      state: worst,
      start_time: seconds(this.#startMs),
      last_change: seconds(this.#changed("", String(worst), nowMs)),
      last_update: seconds(nowMs),
      plugins,
      PluginStatus: Object.fromEntries(plugins.map(({ name, ...status }) => [name, status])),
      NonFatalPlugins: [],
    };
  }

  /** When the state of a part was first seen to be as it is. */
  #changed(name: string, text: string, nowMs: number): number {
    const before = this.#changes.get(name);
    if (before?.text === text) return before.ms;
    this.#changes.set(name, { text, ms: nowMs });
    return nowMs;
  }
}
