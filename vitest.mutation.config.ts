import { defineConfig } from 'vitest/config'

const conditions = ['countersign-source', 'node', 'default']

/** Tests of `protocol` alone: mutants of it are to be found by its own tests. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/protocol/src/**/*.test.ts'],
  },
})
