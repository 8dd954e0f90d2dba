/** Longest name compared; the table below grows with the product of two lengths. */
const MAX_NAME_LENGTH = 64

/**
 * The known name a mistyped one most likely stands for: fewest edits (insert, delete, replace, swap neighbours, change
 * of case counts nothing), at most a third of the name's length or one, never all of it. The earlier of equals wins.
 *
 * @returns `undefined` when nothing is near
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  if (name.length > MAX_NAME_LENGTH) return undefined
  const wanted = name.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.min(name.length, Math.max(1, Math.floor(name.length / 3)) + 1)
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `, did you mean "x"?` for the end of a message, or nothing. */
export function suggestion(name: string, known: Iterable<string>, write = (nearest: string) => nearest): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? '' : `, did you mean "${write(nearest)}"?`
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one text into the other. */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (same ? 0 : 1),
      )
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) cost = Math.min(cost, at(beforePrevious, column - 2) + 1)
      current.push(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return at(previous, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
