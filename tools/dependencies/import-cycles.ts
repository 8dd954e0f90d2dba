/**
 * The shortest cycle through each group of files that import one another in a circle.
 *
 * @param graph file to the files it imports
 * @returns each cycle as its files in order; the last imports the first
 */
export function findCycles(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly (readonly string[])[] {
  const cycles: (readonly string[])[] = []
  const reported = new Set<string>()
  for (const file of [...graph.keys()].sort()) {
    if (reported.has(file)) continue
    const cycle = shortestCycle(graph, file)
    if (cycle === undefined) continue
    for (const member of cycle) reported.add(member)
    cycles.push(cycle)
  }
  return cycles
}

/** Breadth first, from a file back to itself. */
function shortestCycle(graph: ReadonlyMap<string, ReadonlySet<string>>, start: string): string[] | undefined {
  const cameFrom = new Map<string, string>()
  const queue = [start]
  for (const file of queue) {
    for (const next of graph.get(file) ?? []) {
      if (next === start) return pathTo(file, start, cameFrom)
      if (cameFrom.has(next)) continue
      cameFrom.set(next, file)
      queue.push(next)
    }
  }
  return undefined
}

function pathTo(end: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const path = [end]
  for (let file = end; file !== start; ) {
    file = cameFrom.get(file) ?? start
    path.unshift(file)
  }
  return path
}
