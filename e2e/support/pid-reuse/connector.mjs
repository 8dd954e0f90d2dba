// Connects and hands the connection to another process, which outlives it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { fileURLToPath } from 'node:url'

const [path, go] = process.argv.slice(2)
const connection = createConnection(path)
await once(connection, 'connect')
const accomplice = fileURLToPath(new URL('./accomplice.mjs', import.meta.url))
spawn(process.execPath, [accomplice, go], { detached: true, stdio: ['ignore', 'inherit', 'inherit', connection] })
setInterval(() => {}, 60_000)
