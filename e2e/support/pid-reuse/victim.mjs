// The program with an identity: asks for it, or only lives.
import { createConnection } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from './ask.mjs'

const [path, what] = process.argv.slice(2)
if (what === 'wait') {
  process.stdout.write('waiting\n')
  setInterval(() => {}, 60_000)
} else {
  // Until the agent has its entries.
  let answer = ''
  for (let round = 0; round < 200 && !answer.startsWith('identity'); round++) {
    answer = await ask(createConnection(path))
    await sleep(50)
  }
  process.stdout.write(`answer: ${answer}\n`)
}
