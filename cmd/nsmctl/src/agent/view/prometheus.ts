export interface Sample {
  readonly name: string;
  /** As written, without braces. */
  readonly labels: string;
  readonly value: string;
}

export interface Metric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Reads the text form that Prometheus scrapes, version 0.0.4. Lines that are none of it are left out. */
export function readMetrics(text: string): Metric[] {
  const metrics = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>();
  const of = (name: string) => {
    let metric = metrics.get(name);
    if (!metric) {
      metric = { name, type: "untyped", help: "", samples: [] };
      metrics.set(name, metric);
    }
    return metric;
  };
  for (const line of text.split("\n")) {
    const [, word, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (word === "HELP") of(name).help = rest;
    else if (word === "TYPE") of(name).type = rest;
    else {
      const sample = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
      if (!sample) continue;
      const [, own = "", labels = "", value = ""] = sample;
      const family = own.replace(/_(bucket|sum|count)$/, "");
      of(metrics.has(own) ? own : metrics.has(family) ? family : own).samples.push({ name: own, labels, value });
    }
  }
  return [...metrics.values()];
}
