import { setFlagsFromString } from 'node:v8'

/**
 * Keeps V8's young generation at its first size, a megabyte for each half: for the agent, which runs on every host and does
 * nothing most of the time. It would grow to 32 with the first rush of programs, and stay there.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
