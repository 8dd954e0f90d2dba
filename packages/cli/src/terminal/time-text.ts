const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
]

/** `2026-11-22T22:00:00Z`, or the number itself when no calendar holds it. */
export function isoTime(epochSeconds: number): string {
  const date = new Date(epochSeconds * 1000)
  if (!Number.isFinite(date.getTime())) return String(epochSeconds)
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z')
}

/** Rounded to two units at most: `1 d 3 h`, `12 min`, `45 s`. */
export function durationText(seconds: number): string {
  let rest = Math.abs(Math.trunc(seconds))
  const parts: string[] = []
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${name}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.length === 0 ? '0 s' : parts.join(' ')
}

/** `in 12 min` or `12 min ago`. */
export function relativeTime(epochSeconds: number, now: number): string {
  if (epochSeconds === now) return 'now'
  return epochSeconds > now ? `in ${durationText(epochSeconds - now)}` : `${durationText(now - epochSeconds)} ago`
}

/** `2026-11-22T22:00:00Z, in 12 min` */
export function timeText(epochSeconds: number, now: number): string {
  return `${isoTime(epochSeconds)}, ${relativeTime(epochSeconds, now)}`
}
