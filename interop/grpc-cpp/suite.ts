import { copyFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { registerClient } from '../support/client-entries.ts'
import { missingProgram } from '../support/debian-package.ts'
import { runForeignClient } from '../support/foreign-client.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { MovingPartner } from '../support/moving-partner.ts'
import type { Processes } from '../support/processes.ts'

const SOURCE = fileURLToPath(new URL('client.cpp', import.meta.url))
const PROTO_FOLDER = fileURLToPath(new URL('../../packages/workload-api/proto', import.meta.url))
const TRUST_DOMAIN = 'interop.example'
const PARTNER = 'partner.example'
const SPIFFE_ID = `spiffe://${TRUST_DOMAIN}/cpp/client`
const BUILD_TIMEOUT_MS = 300_000
const CLIENT_TIMEOUT_MS = 120_000

/** Programs with which to see that a package is there, and the packages. */
const NEEDED = [
  ['g++', ['--version'], ['g++']],
  ['protoc', ['--version'], ['protobuf-compiler']],
  ['grpc_cpp_plugin', [], ['protobuf-compiler-grpc']],
  ['pkg-config', ['--exists', 'grpc++', 'protobuf'], ['pkg-config', 'libgrpc++-dev', 'libprotobuf-dev']],
] as const

/** A plain gRPC client of the C core in C++, of the version that Debian has, with every kind of `:authority`. */
export const suite: InteropSuite = {
  async missing({ processes }) {
    for (const [command, probe, packages] of NEEDED) {
      const missing = await missingProgram(processes, command, probe, ...packages)
      if (missing !== undefined) return missing
    }
    return undefined
  },

  async run(context) {
    const { processes, temporaryFolder, startTrustDomain } = context
    const folder = await realpath(temporaryFolder)
    const client = join(folder, 'grpc-cpp-client')
    await build(processes, folder, client)
    const domain = await startTrustDomain(TRUST_DOMAIN)
    const partner = await MovingPartner.start(domain, PARTNER)
    await registerClient(domain, SPIFFE_ID, { type: 'unix', value: `path:${client}` }, PARTNER)
    const socketPath = domain.endpointSocket.slice('unix://'.length)
    const run = (command: string, mode: string) =>
      runForeignClient(context, { command, args: [mode, socketPath, SPIFFE_ID], timeoutMs: CLIENT_TIMEOUT_MS })
    await run(client, 'registered')
    await partner.stop()

    // The same bytes under another path are another program.
    const stranger = join(folder, 'grpc-cpp-stranger')
    await copyFile(client, stranger)
    await run(stranger, 'unregistered')
  },
}

async function build(processes: Processes, folder: string, binary: string): Promise<void> {
  const run = async (command: string, ...args: string[]) => {
    const { exitCode, stdout, stderr } = await processes.run(command, args, {
      cwd: folder,
      timeoutMs: BUILD_TIMEOUT_MS,
    })
    if (exitCode !== 0) throw new Error(`${command} failed:\n${stderr.slice(0, 4000)}`)
    return stdout.trim()
  }
  const plugin = await run('sh', '-c', 'command -v grpc_cpp_plugin')
  const outputs = ['--cpp_out=.', '--grpc_out=.', `--plugin=protoc-gen-grpc=${plugin}`]
  await run('protoc', '-I', PROTO_FOLDER, ...outputs, 'workloadapi.proto')
  const flags = (await run('pkg-config', '--cflags', '--libs', 'grpc++', 'protobuf')).split(/\s+/)
  const sources = [SOURCE, 'workloadapi.pb.cc', 'workloadapi.grpc.pb.cc']
  await run('g++', '-std=c++17', '-I', '.', ...sources, ...flags, '-o', binary)
}
