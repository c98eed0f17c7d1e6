/** How the program ends. Documented in docs/reference/cli.md; scripts and service managers read them. */
export const exitCodes = {
  ok: 0,
  /** A fault of Limpet; the stack is in the log. */
  unexpected: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The config is wrong or cannot be read. */
  config: 3,
  /** An address cannot be listened on. */
  listen: 4,
  /** The time for shutting down ran out, or a second signal came: open exchanges were cut. */
  cut: 5,
  /** `drain --wait` gave up: sessions or exchanges are left on the server. */
  notEmpty: 6,
} as const;
