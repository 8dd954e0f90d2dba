/** Begins to measure; the function that is returned gives the seconds since. */
export type Stopwatch = () => () => number

export const systemStopwatch: Stopwatch = () => {
  const begun = performance.now()
  return () => (performance.now() - begun) / 1000
}

const NOTHING = () => 0
/** For whoever records nothing. */
export const stoppedStopwatch: Stopwatch = () => NOTHING
