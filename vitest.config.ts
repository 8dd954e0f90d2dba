import { defineConfig } from 'vitest/config'

const resolve = { conditions: ['countersign-source', 'node', 'default'] }
const ssr = { resolve: { conditions: ['countersign-source', 'node', 'default'] } }

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          include: ['packages/**/src/**/*.test.ts', 'conformance/**/*.test.ts', 'tools/**/*.test.ts'],
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          // A bound, not a measure: on a busy machine each process takes ten times as long to start.
          testTimeout: 240_000,
          hookTimeout: 60_000,
          // They wait for processes more than they work; more at once would make each wait for the others.
          maxWorkers: 3,
          // Not beside the unit tests, which use all cores.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
