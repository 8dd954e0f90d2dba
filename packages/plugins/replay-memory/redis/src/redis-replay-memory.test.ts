import { expectCode } from '@countersign/testing'
import { describeReplayMemory } from '@countersign/testing/contract'
import { afterEach, describe, expect, it } from 'vitest'
import { RedisReplayMemory, type RedisReplayMemoryOptions } from './redis-replay-memory.ts'
import { REMEMBER_SCRIPT, REMEMBER_SCRIPT_SHA1 } from './remember-script.ts'
import { type Answerer, RespServer, reply } from './test-support/resp-server.ts'

const NOW = 1_800_000_000
const INFO = '# Memory\r\nused_memory:1\r\nmaxmemory:1048576\r\nmaxmemory_policy:noeviction\r\n'

const started: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const end of started.splice(0).reverse()) await end()
})

/** Answers INFO as a safe Redis does, and every script with what the test says. */
async function serverWith(script: Answerer, info = INFO): Promise<RespServer> {
  const server = await new RespServer((command) => (command[0] === 'INFO' ? reply.bulk(info) : script(command))).start()
  started.push(() => server.stop())
  return server
}

async function memoryOn(server: RespServer, options: RedisReplayMemoryOptions = {}): Promise<RedisReplayMemory> {
  const memory = await RedisReplayMemory.connect({ url: server.url, timeoutMs: 5000, ...options })
  started.push(() => memory.close())
  return memory
}

/** What the script does, for the wire alone: that Redis does it in one step is shown with Redis. */
function modelOfScript(): Answerer {
  const senders = new Map<string, Set<string>>()
  return ([, , , key = '', member = '', , most = '']) => {
    const members = senders.get(key) ?? new Set()
    senders.set(key, members)
    if (members.has(member)) return reply.integer(0)
    if (Number(most) > 0 && members.size >= Number(most)) return reply.integer(-1)
    members.add(member)
    return reply.integer(1)
  }
}

describe.each(['refuse', 'accept-in-process'] as const)('%s', (whenAway) => {
  describeReplayMemory(`RedisReplayMemory on a server of the same protocol, ${whenAway}`, async () => {
    const server = await serverWith(modelOfScript())
    const options = { senderCapacity: 20, whenAway }
    return { memory: await memoryOn(server, options), replica: await memoryOn(server, options), senderCapacity: 20 }
  })
})

describe('what goes over the wire', () => {
  const scripts = (server: RespServer) => server.commands.filter(([name]) => name?.startsWith('EVAL'))

  it('is one command, with a time to live that is relative and has a margin', async () => {
    const server = await serverWith(() => reply.integer(1))
    const memory = await memoryOn(server, { prefix: 'p:', senderCapacity: 7, clockMarginSeconds: 10 })
    expect(await memory.remember('key', NOW + 60.5, NOW, 'sender')).toBe('fresh')
    expect(scripts(server)).toEqual([
      ['EVALSHA', REMEMBER_SCRIPT_SHA1, '1', expect.stringMatching(/^p:[\w-]{43}$/), 'key', '70500', '7'],
    ])
  })

  it('keeps a proof that has expired by this clock for those whose clocks are behind', async () => {
    const server = await serverWith(() => reply.integer(1))
    const memory = await memoryOn(server, { clockMarginSeconds: 10 })
    await memory.remember('key', NOW - 5, NOW, 'sender')
    expect(scripts(server)[0]?.[5]).toBe('10000')
  })

  it('has no bound where there is no sender', async () => {
    const server = await serverWith(() => reply.integer(1))
    await (await memoryOn(server)).remember('key', NOW + 60, NOW)
    expect(scripts(server)[0]?.slice(3)).toEqual(['countersign:replay:*', 'key', '120000', '0'])
  })

  it('is the whole script for a Redis that does not know it yet', async () => {
    const server = await serverWith(([name]) =>
      name === 'EVALSHA' ? reply.error('NOSCRIPT No matching script.') : reply.integer(1),
    )
    expect(await (await memoryOn(server)).remember('key', NOW + 60, NOW)).toBe('fresh')
    expect(scripts(server).map(([name, script]) => [name, script])).toEqual([
      ['EVALSHA', REMEMBER_SCRIPT_SHA1],
      ['EVAL', REMEMBER_SCRIPT],
    ])
  })
})

describe('an answer', () => {
  it.each([
    ['of 1', reply.integer(1), 'fresh'],
    ['of 0', reply.integer(0), 'replayed'],
    ['of -1', reply.integer(-1), 'full'],
    ['of any other number', reply.integer(2), 'away'],
    ['that is text', reply.bulk('1'), 'away'],
    ['that is nothing', '$-1\r\n', 'away'],
    ['that there is no room', reply.error("OOM command not allowed when used memory > 'maxmemory'."), 'full'],
    ['that it is loading', reply.error('LOADING Redis is loading the dataset in memory'), 'away'],
    ['that it is a replica', reply.error("READONLY You can't write against a read only replica."), 'away'],
    ['that the script failed', reply.error('ERR user_script:1: no'), 'away'],
  ])('%s', async (_, answer, expected) => {
    const server = await serverWith(() => answer)
    expect(await (await memoryOn(server)).remember('key', NOW + 60, NOW, 'sender')).toBe(expected)
  })
})

describe('a Redis that is away', () => {
  it('is refused by default, and used again when it is back', async () => {
    const server = await serverWith(modelOfScript())
    const states: string[] = []
    const memory = await memoryOn(server, { onStateChange: (state) => states.push(state) })
    expect(await memory.remember('before', NOW + 60, NOW, 'sender')).toBe('fresh')
    await server.stop()
    expect(await memory.remember('during', NOW + 60, NOW, 'sender')).toBe('away')
    expect(await memory.remember('during', NOW + 60, NOW, 'sender')).toBe('away')
    expect(memory.state).toBe('away')
    await server.start()
    expect(await answerOnceBack(memory, 'after')).toBe('fresh')
    expect(await memory.remember('before', NOW + 60, NOW, 'sender')).toBe('replayed')
    expect(states).toEqual(['away', 'connected'])
  })

  it('is replaced by the own memory where that was chosen, which still knows afterwards', async () => {
    const server = await serverWith(modelOfScript())
    const changes: [string, unknown][] = []
    const memory = await memoryOn(server, {
      whenAway: 'accept-in-process',
      onStateChange: (state, error) => changes.push([state, error]),
    })
    expect(await memory.remember('before', NOW + 60, NOW, 'sender')).toBe('fresh')
    await server.stop()
    expect(await memory.remember('during', NOW + 60, NOW, 'sender')).toBe('fresh')
    expect(await memory.remember('during', NOW + 60, NOW, 'sender')).toBe('replayed')
    expect(await memory.remember('before', NOW + 60, NOW, 'sender')).toBe('replayed')
    await server.start()
    await backAgain(memory)
    expect(await memory.remember('during', NOW + 60, NOW, 'sender')).toBe('replayed')
    expect(changes.map(([state]) => state)).toEqual(['away', 'connected'])
    expect(changes[0]?.[1]).toBeInstanceOf(Error)
  })

  it('holds no request up for longer than the limit, and all but one not at all', async () => {
    const server = await serverWith(() => undefined)
    const memory = await memoryOn(server, { timeoutMs: 20 })
    expect(await memory.remember('first', NOW + 60, NOW, 'sender')).toBe('away')
    const before = server.commands.filter(([name]) => name === 'EVALSHA').length
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => memory.remember(`${index}`, NOW + 60, NOW, 'sender')),
    )
    expect(new Set(answers)).toEqual(new Set(['away']))
    expect(server.commands.filter(([name]) => name === 'EVALSHA')).toHaveLength(before + 1)
    server.answer = () => reply.integer(1)
  })

  /** Waits for the reconnection, which has pauses of its own. */
  async function answerOnceBack(memory: RedisReplayMemory, name: string): Promise<string> {
    for (let attempt = 0; ; attempt++) {
      const answer = await memory.remember(`${name} ${attempt}`, NOW + 60, NOW, 'sender')
      if (answer !== 'away') return answer
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async function backAgain(memory: RedisReplayMemory): Promise<void> {
    for (let attempt = 0; memory.state === 'away'; attempt++) {
      await memory.remember(`back ${attempt}`, NOW + 60, NOW, 'other')
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
})

describe('at the start', () => {
  const connect = async (info: string, options: RedisReplayMemoryOptions = {}) =>
    memoryOn(await serverWith(() => reply.integer(1), info), options)

  it.each([
    ['noeviction', INFO],
    ['any policy without a limit', 'maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n'],
  ])('a Redis with %s is taken', async (_, info) => {
    expect((await connect(info)).state).toBe('connected')
  })

  it.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'volatile-lru', 'volatile-ttl'])(
    'a Redis that forgets by %s is refused, unless that was allowed',
    async (policy) => {
      const info = `maxmemory:1048576\r\nmaxmemory_policy:${policy}\r\n`
      const error = await expectCode(connect(info), 'ERR_REPLAY_MEMORY_EVICTION')
      expect(error.detail).toContain(policy)
      expect((await connect(info, { allowEviction: true })).state).toBe('connected')
    },
  )

  it('a Redis that does not say is refused', async () => {
    await expectCode(connect('# Memory\r\n'), 'ERR_REPLAY_MEMORY_UNKNOWN_POLICY')
    const server = await new RespServer(() => reply.error('NOPERM no permissions to run INFO')).start()
    started.push(() => server.stop())
    await expectCode(memoryOn(server), 'ERR_REPLAY_MEMORY_UNKNOWN_POLICY')
  })

  it('a Redis that is not there is refused, without its password in any message', async () => {
    const server = await serverWith(() => reply.integer(1))
    const url = server.url.replace('//', '//user:secret@')
    await server.stop()
    const error = await expectCode(RedisReplayMemory.connect({ url }), 'ERR_REPLAY_MEMORY_AWAY')
    expect(`${error.message} ${error.detail} ${error.cause}`).not.toContain('secret')
    await server.start()
  })

  it('a Redis that says nothing is refused', async () => {
    const server = await new RespServer(() => undefined).start()
    started.push(() => server.stop())
    await expectCode(memoryOn(server, { timeoutMs: 20 }), 'ERR_REPLAY_MEMORY_AWAY')
  })

  it.each([
    ['a number of senders', { senderCapacity: -1 }],
    ['a margin', { clockMarginSeconds: Number.NaN }],
    ['a time', { timeoutMs: 0 }],
  ])('%s that is none is refused', async (_, options) => {
    await expect(RedisReplayMemory.over({ sendCommand: async () => INFO }, options)).rejects.toThrow(TypeError)
  })

  it('text that is no URL is refused without being shown', async () => {
    const error = await RedisReplayMemory.connect({ url: 'secret' }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect(String(error)).not.toContain('secret')
  })
})

describe('a client of somebody else', () => {
  it('is used, and not closed', async () => {
    const sent: string[][] = []
    const memory = await RedisReplayMemory.over({
      async sendCommand(args) {
        sent.push(args)
        return args[0] === 'INFO' ? INFO : 1
      },
    })
    expect(await memory.remember('key', NOW + 60, NOW, 'sender')).toBe('fresh')
    memory.close()
    expect(sent.map(([name]) => name)).toEqual(['INFO', 'EVALSHA'])
    expect(await memory.remember('other', NOW + 60, NOW, 'sender')).toBe('fresh')
  })
})
