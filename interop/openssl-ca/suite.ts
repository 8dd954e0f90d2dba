import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AuthorityView } from '@countersign/api'
import { decodePem, encodePem } from '@countersign/protocol'
import { missingProgram } from '../support/debian-package.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'
import type { InteropTrustDomain } from '../support/trust-domain.ts'
import { until } from '../support/until.ts'
import { OpensslCa } from './openssl-ca.ts'

const TRUST_DOMAIN = 'signed.example'
const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/countersign.js', import.meta.url))
const TIMEOUT_MS = 30_000

/** A CA of a server is signed by hand, with the `openssl` command, and its SVIDs are verified by that command. */
export const suite: InteropSuite = {
  missing: ({ processes }) => missingProgram(processes, 'openssl', ['version'], 'openssl'),

  async run(context) {
    const folder = join(context.temporaryFolder, 'openssl-ca')
    await mkdir(folder, { mode: 0o700 })
    const ours = await context.startTrustDomain(TRUST_DOMAIN, { server: { bundle: { refreshHint: 1 } } })
    const run = cli(context, ours)
    const root = await OpensslCa.root(context.processes, folder, 'Company root')
    const middle = await root.below('Company intermediate', `URI:spiffe://${TRUST_DOMAIN}`)

    const csr = join(folder, 'ca.csr')
    const { id } = (await run('authority', 'prepare', 'x509', '--csr-file', csr)) as AuthorityView
    const add = (check: string, ok: boolean, detail: string) => context.report.add({ check, ok, detail })

    const request = await root.openssl('req', '-in', csr, '-noout', '-verify', '-text')
    const asks = ['CA:TRUE', 'Certificate Sign, CRL Sign', `URI:spiffe://${TRUST_DOMAIN}`]
    add(
      'openssl reads and verifies our request, and finds what it asks for',
      asks.every((each) => request.includes(each)),
      csr,
    )

    for (const [what, extensions, code] of WRONG) {
      const certificate = await middle.sign(csr, extensions)
      const refused = await refusal(run('authority', 'import', id, ...filesOf(certificate, middle, root)))
      add(`a certificate ${what} is refused`, refused.includes(code), refused)
    }
    const certificate = await middle.sign(csr, GOOD)
    const stranger = await OpensslCa.root(context.processes, folder, 'Stranger')
    const refused = await refusal(run('authority', 'import', id, ...filesOf(certificate, middle, stranger)))
    add('a certificate under another root is refused', /ERR_CERTIFICATE_(?:UNTRUSTED|SIGNATURE)/.test(refused), refused)

    const imported = (await run('authority', 'import', id, ...filesOf(certificate, middle, root))) as AuthorityView
    add('a good one is prepared', imported.state === 'prepared', `${imported.root?.subject}`)
    await run('authority', 'activate', id, '--force')
    await checkSvid(context, ours, folder, { root, middle })
  },
}

const GOOD = [
  'basicConstraints=critical,CA:TRUE,pathlen:0',
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
]
const WRONG: readonly (readonly [what: string, extensions: readonly string[], code: string])[] = [
  ['that is no CA', ['basicConstraints=critical,CA:FALSE', ...GOOD.slice(1)], 'ERR_CERTIFICATE_NOT_CA'],
  [
    'that may not sign certificates',
    [GOOD[0] ?? '', 'keyUsage=critical,cRLSign', 'subjectKeyIdentifier=hash'],
    'ERR_CERTIFICATE_KEY_USAGE',
  ],
  [
    'for another trust domain',
    [...GOOD, 'subjectAltName=URI:spiffe://other.example'],
    'ERR_CERTIFICATE_SIGNER_IDENTIFIER',
  ],
  [
    'with name constraints that leave us out',
    [...GOOD, 'nameConstraints=critical,permitted;URI:other.example'],
    'ERR_CERTIFICATE_NAME_CONSTRAINTS',
  ],
]

function filesOf(certificate: string, middle: OpensslCa, root: OpensslCa): string[] {
  return ['--certificate', middle.chainFile(certificate), '--root', root.certificateFile]
}

/** The CLI as an operator uses it. @throws Error with what it said */
function cli({ processes }: SuiteContext, ours: InteropTrustDomain) {
  return async (...words: string[]): Promise<object> => {
    const args = [COMMAND, ...words, '--admin-socket', ours.adminSocket, '--output', 'json']
    const { exitCode, stdout, stderr } = await processes.run(process.execPath, args, { timeoutMs: TIMEOUT_MS })
    if (exitCode !== 0) throw new Error(stderr)
    return JSON.parse(stdout)
  }
}

async function refusal(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'it was accepted',
    (error: Error) => error.message.replaceAll('\n', ' '),
  )
}

async function checkSvid(
  { processes, report }: SuiteContext,
  ours: InteropTrustDomain,
  folder: string,
  { root, middle }: { readonly root: OpensslCa; readonly middle: OpensslCa },
): Promise<void> {
  const selectors = [{ type: 'unix', value: `uid:${process.getuid?.() ?? 0}` }]
  await ours.register({ spiffeId: `spiffe://${TRUST_DOMAIN}/web`, selectors })
  const fetch = [COMMAND, 'x509', 'fetch', '--socket', ours.endpointSocket, '--write', folder]
  const chain = await until(async () => {
    const { exitCode } = await processes.run(process.execPath, fetch, { timeoutMs: TIMEOUT_MS })
    const found = exitCode === 0 ? decodePem(await readFile(join(folder, 'svid.pem'), 'utf8')) : []
    return found.length === 3 ? found : undefined
  }, 'identity below the new CA')
  const [leaf = new Uint8Array(), ...above] = chain
  await writeFile(join(folder, 'leaf.pem'), encodePem([leaf]))
  await writeFile(join(folder, 'above.pem'), encodePem(above))
  const verify = async (...untrusted: string[]) => {
    const args = ['verify', '-x509_strict', '-CAfile', root.certificateFile, ...untrusted, join(folder, 'leaf.pem')]
    return processes.run('openssl', args, { timeoutMs: TIMEOUT_MS })
  }
  const good = await verify('-untrusted', join(folder, 'above.pem'))
  const bad = await verify('-untrusted', middle.certificateFile)
  report.add({
    check: "openssl verifies our SVID by the company's root, and not without our CA",
    ok: good.exitCode === 0 && bad.exitCode !== 0,
    detail: `${above.length} intermediates, ${good.stdout.trim()}${good.stderr.trim()}`,
  })
}
