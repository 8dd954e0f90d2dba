/** Runs something so many times, a few at a time. */
export async function inTurns(atOnce: number, count: number, run: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const work = async () => {
    for (let index = next++; index < count; index = next++) await run(index)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}
