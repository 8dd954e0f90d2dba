import { create } from '@bufbuild/protobuf'
import type { PeerProcess } from '@countersign/plugin-kit'
import { referToPid, WorkloadReferenceSchema } from '@countersign/workload-api/broker'
import { MalformedRequest } from '@countersign/workload-api/server'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { AgentState } from '../state/agent-state.ts'
import { BrokerCall, type BrokerRequest } from './broker-call.ts'
import type { BrokerContext } from './broker-context.ts'
import { KeyedLimit } from './keyed-limit.ts'
import { type RemoteAddress, tcpAddress } from './remote-address.ts'
import { unauthenticated } from './workload-rpc-error.ts'

const HERE: RemoteAddress = { text: 'unix', sharesPids: true }

/** A broker that may ask for everything, calling from somewhere. Notes what is held and let go. */
function brokerFrom(remote = HERE) {
  const held: string[] = []
  const world: { peer: PeerProcess | undefined; refusal: Error | undefined } = { peer: undefined, refusal: undefined }
  const calls = new KeyedLimit({ total: 2, perKey: 1 })
  const context = {
    gate: {
      admit() {
        if (world.refusal !== undefined) throw world.refusal
        return {
          connection: { id: 'spiffe://example.org/mesh/proxy', remote },
          grant: { allowsReference: () => true, allowsIdentity: () => true },
        }
      },
    },
    processes: {
      acquire: (pid: number) => {
        held.push(`hold ${pid}`)
        return { peer: () => world.peer, release: () => held.push(`release ${pid}`) }
      },
    },
    calls,
  } as unknown as BrokerContext
  const call = () => new BrokerCall<BrokerRequest>(context, '/spiffe.broker.API/FetchJWTSVID', 'key')
  const begin = (request: BrokerRequest | MalformedRequest) =>
    call().begin(
      request,
      () => {},
      () => {},
    )
  return { held, calls, call, begin, world }
}

const invalid = expect.objectContaining({ code: status.INVALID_ARGUMENT, reason: 'WORKLOAD_REFERENCE_INVALID' })

describe('a call of a broker', () => {
  it('takes no process id from another host, where it means another program', () => {
    const remote = brokerFrom(tcpAddress('192.0.2.8', '192.0.2.7'))
    expect(() => remote.begin({ reference: referToPid(7) })).toThrow(invalid)
    expect(remote.held).toEqual([])
    const local = brokerFrom(tcpAddress('127.0.0.1', '127.0.0.1'))
    const request = { reference: referToPid(7) }
    expect(local.begin(request)).toBe(request)
    expect(local.held).toEqual(['hold 7'])
  })

  it('takes none from a request that has none', () => {
    const { begin, held } = brokerFrom()
    for (const request of [{}, { reference: create(WorkloadReferenceSchema) }, new MalformedRequest()]) {
      expect(() => begin(request)).toThrow(expect.objectContaining({ code: expect.any(Number) }))
    }
    expect(held).toEqual([])
  })

  it('gives back what it holds, whether it began or not', () => {
    const { call, held, calls } = brokerFrom()
    const good = call()
    const begin = (each: BrokerCall<BrokerRequest>, request: BrokerRequest) =>
      each.begin(
        request,
        () => {},
        () => {},
      )
    begin(good, { reference: referToPid(7) })
    good.release()
    good.release()
    expect(held).toEqual(['hold 7', 'release 7'])
    const bad = call()
    expect(() => begin(bad, {})).toThrow(invalid)
    expect(calls.total).toBe(1)
    bad.release()
    expect(calls.total).toBe(0)
  })

  describe('gives nothing when, while credentials were made,', () => {
    const peer = { pid: 7, uid: 1, gid: 1, startTime: '1', isAlive: () => true }
    const caller = { peer, selectors: [], entries: [], view: new AgentState().view, explainRefusal: () => {} }
    const begun = () => {
      const { call, world } = brokerFrom()
      const begun = call()
      world.peer = peer
      begun.begin(
        { reference: referToPid(7) },
        () => {},
        () => {},
      )
      return { world, give: () => begun.giving(caller) }
    }

    it('the process ended', () => {
      const { world, give } = begun()
      world.peer = undefined
      expect(give).toThrow(expect.objectContaining({ code: status.NOT_FOUND, reason: 'WORKLOAD_NOT_FOUND' }))
    })

    it('the process became another user', () => {
      const { world, give } = begun()
      world.peer = { ...peer, uid: 2 }
      expect(give).toThrow(expect.objectContaining({ code: status.UNAVAILABLE }))
    })

    it('the broker stopped being one', () => {
      const { world, give } = begun()
      world.refusal = unauthenticated('the certificate of the connection does not count any more')
      expect(give).toThrow(world.refusal)
    })
  })

  it('is not served before it has begun', async () => {
    await expect(brokerFrom().call().resolve()).rejects.toMatchObject({ code: status.NOT_FOUND })
  })
})
