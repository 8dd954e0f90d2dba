import { chmod, mkdir, realpath, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { thisUser } from '../support/client-entries.ts'
import { runForeignClient } from '../support/foreign-client.ts'
import { freePort } from '../support/free-port.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'
import { NpmFolder } from '../support/npm-folder.ts'
import { PythonEnvironment } from '../support/python-environment.ts'
import { until } from '../support/until.ts'
import { makeWebCertificate, type WebCertificate } from '../support/web-certificate.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/countersign.js', import.meta.url))
const CLIENT_TIMEOUT_MS = 300_000

const ISSUERS = {
  elliptic: { name: 'elliptic.example', host: 'id.elliptic.example', path: '/workloads/prod', algorithm: 'ES256' },
  rsa: { name: 'rsa.example', host: 'id.rsa.example', path: '', algorithm: 'RS256' },
} as const

/** What answers in place of a cloud, under the name by which its SDK asks for it. */
const CLOUD_HOSTS = [
  'sts.eu-central-1.amazonaws.com',
  'sts.googleapis.com',
  'iamcredentials.googleapis.com',
  'login.microsoftonline.com',
]

const environment = () => PythonEnvironment.of('cloud', join(FOLDER, 'requirements.txt'))
const packages = () => NpmFolder.of('cloud-node', join(FOLDER, 'node'))

/**
 * The SDKs of AWS, Google Cloud and Azure with the files that `countersign cloud` makes. The clouds themselves are not
 * asked: far sides on this machine verify as the clouds' documentation says.
 */
export const suite: InteropSuite = {
  async missing({ processes }) {
    return (await (await environment()).missing(processes)) ?? (await packages()).missing(processes)
  },

  async run(context) {
    const { processes, temporaryFolder } = context
    const python = await environment()
    const hosts = [...Object.values(ISSUERS).map(({ host }) => host), ...CLOUD_HOSTS, 'localhost']
    const web = await makeWebCertificate(processes, temporaryFolder, hosts)
    const folder = join(temporaryFolder, 'client')
    await mkdir(folder)
    const scene = {
      ...{ command: await makeCommand(folder), certificate: web.certificate, key: web.key, folder },
      node: [process.execPath, join(FOLDER, 'node/client.ts')],
      nodePackages: (await packages()).folder,
      moto: await startMoto(context, python, web),
      elliptic: await startIssuer(context, ISSUERS.elliptic, web),
      rsa: await startIssuer(context, ISSUERS.rsa, web),
    }
    const sceneFile = join(temporaryFolder, 'scene.json')
    await writeFile(sceneFile, JSON.stringify(scene))
    await runForeignClient(context, {
      command: python.python,
      args: ['-B', join(FOLDER, 'main.py'), sceneFile],
      env: {
        PYTHONPATH: fileURLToPath(new URL('../support/python', import.meta.url)),
        // For the `aws` command that a shell finds.
        PATH: `${join(python.folder, 'bin')}:${process.env['PATH'] ?? ''}`,
      },
      timeoutMs: CLIENT_TIMEOUT_MS,
    })
  },
}

/** The command under a path without anything special, and with the Node of this run. */
async function makeCommand(folder: string): Promise<string> {
  const path = join(folder, 'countersign')
  await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`)
  await chmod(path, 0o755)
  return path
}

async function startMoto(
  { processes, temporaryFolder }: SuiteContext,
  python: PythonEnvironment,
  web: WebCertificate,
): Promise<string> {
  const port = await freePort()
  const args = ['-H', '127.0.0.1', '-p', `${port}`, '-c', web.certificate, '-k', web.key]
  processes.start(join(python.folder, 'bin/moto_server'), args, { logFile: join(temporaryFolder, 'moto.log') })
  const url = `https://localhost:${port}`
  await until(() => answers(`${url}/moto-api/`, web.pem), 'moto')
  return url
}

function answers(url: string, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request(url, { ca, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    call.once('error', () => resolve(false))
    call.end()
  })
}

async function startIssuer(
  context: SuiteContext,
  { name, host, path, algorithm }: (typeof ISSUERS)[keyof typeof ISSUERS],
  web: WebCertificate,
) {
  const port = await freePort()
  const issuer = `https://${host}${path}`
  const domain = await context.startTrustDomain(name, {
    server: {
      public: { host: '127.0.0.1', port, certFile: web.certificate, keyFile: web.key },
      authorities: { jwtAlgorithm: algorithm },
      svids: { jwtIssuer: issuer },
    },
  })
  const idOf = (path: string) => `spiffe://${name}/${path}`
  const [app, other, brief] = [idOf('app'), idOf('other'), idOf('brief')]
  const selectors = [{ type: 'unix', value: `script:path:${await realpath(COMMAND)}` }, thisUser()]
  for (const spiffeId of [app, other]) await domain.register({ spiffeId, selectors })
  await domain.register({ spiffeId: brief, selectors, jwtSvidTtl: 10 })
  return { issuer, host, port, socket: domain.endpointSocket, app, other, brief }
}
