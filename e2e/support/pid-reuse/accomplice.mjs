// Asks on a connection that another process opened, once that one's pid is somebody else's.
import { existsSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from './ask.mjs'

const [go] = process.argv.slice(2)
process.stdout.write('connected\n')
while (!existsSync(go)) await sleep(5)
process.stdout.write(`answer: ${await ask(new Socket({ fd: 3 }))}\n`)
process.exit(0)
