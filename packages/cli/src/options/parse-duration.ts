import { InvalidArgumentError } from 'commander'

const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 }

/** `600`, `600s`, `10m`, `1h` or `7d` as whole seconds, at least one. */
export function parseDuration(text: string): number {
  const [, count = '', unit = ''] = /^([1-9][0-9]{0,8})([smhd]?)$/.exec(text) ?? []
  if (count === '') throw new InvalidArgumentError('Expected seconds, or a number with s, m, h or d, as in 10m.')
  return Number(count) * (SECONDS[unit] ?? 1)
}
