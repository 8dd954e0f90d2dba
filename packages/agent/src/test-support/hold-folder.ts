/** A process that holds a state folder until it is killed. */
import { lockFolder } from '../state/folder-lock.ts'

lockFolder(process.argv[2] ?? '')
process.stdout.write('held\n')
setInterval(() => {}, 60_000)
