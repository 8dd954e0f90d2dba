#!/usr/bin/env node
// Plain JavaScript that any Node can read: the check comes before anything else loads, because an older Node has no
// node:sqlite and would fail with a riddle.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major > 22 || (major === 22 && minor >= 18)) {
  await import('../dist/main.js')
} else {
  const newer = nodeFromPackage()
  if (newer === undefined) {
    process.stderr.write(`countersign needs Node 22.18 or later; this is ${process.versions.node}\n`)
    process.exitCode = 1
  } else {
    runWith(newer)
  }
}

/** The npm package `node` carries a whole Node; where it is installed beside us, it serves. */
function nodeFromPackage() {
  try {
    return createRequire(import.meta.url).resolve('node/bin/node')
  } catch {
    return undefined
  }
}

function runWith(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  // A terminal sends SIGINT to both of us; passed on, it would reach the child twice, and the second ends it at once.
  process.on('SIGINT', () => {})
  child.once('exit', (code) => process.exit(code ?? 1))
}
