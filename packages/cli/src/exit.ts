/** Exit status of every verb. Scripts rely on these three. */
export const EXIT = {
  ok: 0,
  /** Refused, failed, or verified as not authentic. */
  failed: 1,
  /** The command line itself is wrong; nothing was tried. */
  usage: 2,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
