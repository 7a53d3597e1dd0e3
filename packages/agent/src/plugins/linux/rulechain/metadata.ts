export interface RuleChainMetadata {
  /** Policy of a built-in chain before we set ours; undefined when not known, which means the kernel's ACCEPT. */
  readonly previousPolicy?: string;
}
