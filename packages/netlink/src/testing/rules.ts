import type { Rule } from "../api/objects.ts";
import type { NewRule } from "../api/ops.ts";
import { type Family, formatCidr, parseCidr } from "../names/ip.ts";
import { type NamespaceState, Refusal } from "./state.ts";

function familyOf(wanted: NewRule): Family {
  const selector = wanted.from ?? wanted.to;
  return selector === undefined ? (wanted.family ?? 4) : parseCidr(selector).family;
}

/** The fields that the caller gave, in canonical form. */
function given(wanted: NewRule): Partial<Rule> {
  const { family: _, from, to, ...rest } = wanted;
  const defined = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    ...defined,
    family: familyOf(wanted),
    // A prefix of length 0 selects everything, and the kernel does not report it.
    ...(from === undefined || parseCidr(from).length === 0 ? {} : { from: formatCidr(parseCidr(from)) }),
    ...(to === undefined || parseCidr(to).length === 0 ? {} : { to: formatCidr(parseCidr(to)) }),
  };
}

export function addRule(state: NamespaceState, wanted: NewRule): void {
  const family = familyOf(wanted);
  const lowest = Math.min(
    ...state.rules.filter((rule) => rule.family === family && rule.priority > 0).map((rule) => rule.priority),
  );
  const rule: Rule = {
    family,
    priority: lowest - 1,
    action: "table",
    table: 0,
    invert: false,
    protocol: 4,
    ...given(wanted),
  };
  if (wanted.priority !== undefined && state.rules.some((other) => matches(other, rule))) throw new Refusal("EEXIST");
  state.rules.push(rule);
  state.rules.sort((a, b) => a.family - b.family || a.priority - b.priority);
  state.tell("rule", { type: "rule", action: "new", rule });
}

export function deleteRule(state: NamespaceState, wanted: NewRule): void {
  const wish = given(wanted);
  const found = state.rules.find((rule) => matches(rule, wish));
  if (!found) throw new Refusal("ENOENT");
  state.rules.splice(state.rules.indexOf(found), 1);
  state.tell("rule", { type: "rule", action: "delete", rule: found });
}

const matches = (rule: Rule, wish: Partial<Rule>): boolean =>
  Object.entries(wish).every(([name, value]) => JSON.stringify(rule[name as keyof Rule]) === JSON.stringify(value));

export const listRules = (state: NamespaceState, filter: { readonly family?: Family }): Rule[] =>
  state.rules.filter((rule) => filter.family === undefined || rule.family === filter.family);
